"""Alarms, tags, regions and mail: what whoever runs the platform relies on."""

from collections.abc import Iterator

from policies.rule import Resource, ResourceRule, Severity, aws, security_hub
from policies.values import UNKNOWN, at, is_on, items, parsed

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_PROVIDER = "pulumi:providers:aws"
ALLOWED_REGIONS = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
REQUIRED_TAGS = ("project", "environment", "owner", "cost-centre", "data-class")


def rings_nobody(resource: Resource) -> Iterator[str]:
    """Find an alarm that tells nobody, or whose ring nobody can switch off by mending."""
    if resource.type != _ALARM:
        return
    if not items(at(resource.properties, "alarmActions")):
        yield "alarmActions: nobody is told"
    if not items(at(resource.properties, "okActions")):
        yield "okActions: nobody is told that it is over"


def no_runbook(resource: Resource) -> Iterator[str]:
    """Find an alarm that does not say what to do."""
    described = at(resource.properties, "alarmDescription")
    if resource.type == _ALARM and described is not UNKNOWN and "docs/runbooks/" not in str(described):
        yield "alarmDescription: no runbook is named"


def silence_not_considered(resource: Resource) -> Iterator[str]:
    """Find an alarm for which nobody chose what silence means."""
    if resource.type == _ALARM and at(resource.properties, "treatMissingData") in (None, "missing"):
        yield "treatMissingData: nobody chose what missing data mean"


def untagged(resource: Resource) -> Iterator[str]:
    """Find a provider that does not tag what it makes with whose it is."""
    if resource.type != _PROVIDER:
        return
    tags = at(parsed(at(resource.properties, "defaultTags")), "tags")
    if tags is not UNKNOWN:
        given = tags if isinstance(tags, dict) else {}
        yield from (f"defaultTags: no tag {name}" for name in REQUIRED_TAGS if given.get(name) in (None, ""))


def no_region(resource: Resource) -> Iterator[str]:
    """Find a provider that takes whatever region the engineer's shell has."""
    if resource.type == _PROVIDER and at(resource.properties, "region") in (None, ""):
        yield "region: resources would lie wherever the engineer's shell says"


def mail_in_clear(resource: Resource) -> Iterator[str]:
    """Find a configuration of SES that sends mail to servers without TLS."""
    if resource.type == "aws:sesv2/configurationSet:ConfigurationSet" and at(
        resource.properties, "deliveryOptions", "tlsPolicy"
    ) not in ("REQUIRE", UNKNOWN):
        yield "deliveryOptions.tlsPolicy: mail may travel in clear"


def reputation_unknown(resource: Resource) -> Iterator[str]:
    """Find a configuration of SES that does not count bounces and complaints."""
    if resource.type == "aws:sesv2/configurationSet:ConfigurationSet" and not is_on(
        at(resource.properties, "reputationOptions", "reputationMetricsEnabled")
    ):
        yield "reputationOptions.reputationMetricsEnabled: bounces and complaints are not counted"


ALARMS_RING = ResourceRule(
    name="alarms-tell-somebody",
    summary="Every alarm tells somebody when it begins and when it ends.",
    severity=Severity.MEDIUM,
    why="An alarm that rings in an empty room is none.",
    fix="Set alarmActions and okActions to the alert topic.",
    reference=security_hub("CloudWatch.15"),
    check=rings_nobody,
)
RUNBOOK = ResourceRule(
    name="alarms-name-their-runbook",
    summary="Every alarm says which page tells what to do.",
    severity=Severity.LOW,
    why="Whoever is woken at three should not have to search.",
    fix="End alarmDescription with docs/runbooks/<page>.md.",
    reference=aws("Alarms", "AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html"),
    check=no_runbook,
)
MISSING_DATA = ResourceRule(
    name="alarms-missing-data",
    summary="Every alarm says what silence means.",
    severity=Severity.LOW,
    why="A metric that stops is good news for an error count and bad news for a heartbeat.",
    fix="Set treatMissingData to breaching, notBreaching or ignore.",
    reference=aws("Missing data", "AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"),
    check=silence_not_considered,
)
TAGGED = ResourceRule(
    name="tags-required",
    summary=f"Everything carries the tags {', '.join(REQUIRED_TAGS)}.",
    severity=Severity.LOW,
    why="Who finds a resource must know whose it is, what it costs whom, and how sensitive its data are.",
    fix="Set them in the provider's defaultTags.",
    reference=aws("Tagging best practices", "whitepapers/latest/tagging-best-practices/tagging-best-practices.html"),
    check=untagged,
)
REGION = ResourceRule(
    name="region-explicit",
    summary="The region is the configuration's, not the shell's.",
    severity=Severity.MEDIUM,
    why="Personal data must lie where it was promised to lie.",
    fix="Set the provider's region from the stack's settings.",
    reference=aws(
        "Data residency", "wellarchitected/latest/security-pillar/sec_data_classification_lifecycle_management.html"
    ),
    check=no_region,
)
MAIL_TLS = ResourceRule(
    name="ses-tls",
    summary="Mail travels by TLS alone.",
    severity=Severity.MEDIUM,
    why="Mail holds personal data.",
    fix="Set deliveryOptions.tlsPolicy to REQUIRE.",
    reference=aws("TLS for sending", "ses/latest/dg/security-protocols.html"),
    check=mail_in_clear,
)
REPUTATION = ResourceRule(
    name="ses-reputation",
    summary="Bounces and complaints are counted.",
    severity=Severity.MEDIUM,
    why="AWS stops a sender whose bounces and complaints nobody saw.",
    fix="Set reputationOptions.reputationMetricsEnabled.",
    reference=aws("Reputation metrics", "ses/latest/dg/monitor-sender-reputation.html"),
    check=reputation_unknown,
)


def elsewhere(resource: Resource) -> Iterator[str]:
    """Find a provider, a resource or a replica outside the regions in which data may lie."""
    places = [("region", at(resource.properties, "region"))]
    for number, replica in enumerate(items(at(resource.properties, "replicas"))):
        places.append((f"replicas.{number}.regionName", at(replica, "regionName")))
    for where, region in places:
        if isinstance(region, str) and region and region not in ALLOWED_REGIONS:
            yield f"{where}: {region} is not among the regions in which data may lie"


ALLOWED_REGION = ResourceRule(
    name="region-allowed",
    summary=f"Everything lies in the European Union: {', '.join(ALLOWED_REGIONS)}.",
    severity=Severity.HIGH,
    why="Addresses and messages are personal data, and were given for keeping there.",
    fix="Choose one of these regions; another one needs a word with whoever answers for data protection.",
    reference=aws(
        "Requirements for data residency",
        "controltower/latest/controlreference/primary-region-deny-policy.html",
    ),
    check=elsewhere,
)
