"""How logs are kept."""

from collections.abc import Iterator, Sequence

from policies.rule import Finding, Resource, ResourceRule, Severity, StackRule, aws, security_hub
from policies.values import UNKNOWN, Value, at, is_own_key

_GROUP = "aws:cloudwatch/logGroup:LogGroup"


def not_encrypted(resource: Resource) -> Iterator[str]:
    """Find a log group under a key of AWS's own."""
    if resource.type == _GROUP and not is_own_key(at(resource.properties, "kmsKeyId")):
        yield "kmsKeyId: the log group is not encrypted with a key of ours"


def kept_for_ever(resource: Resource) -> Iterator[str]:
    """Find a log group that nothing is ever deleted from."""
    if resource.type == _GROUP and at(resource.properties, "retentionInDays") in (None, 0):
        yield "retentionInDays: the log is kept for ever"


def unmasked(resource: Resource) -> Iterator[str]:
    """Find an API that writes whole requests, tokens and bodies included, into its log."""
    if resource.type == "aws:apigateway/methodSettings:MethodSettings" and at(
        resource.properties, "settings", "dataTraceEnabled"
    ) not in (None, False, UNKNOWN):
        yield "settings.dataTraceEnabled: whole requests are logged, tokens and addresses included"


def functions_without_a_group(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a function whose log group Lambda would make by itself: without a key, and kept for ever."""
    made = [at(each.properties, "name") for each in resources if each.type == _GROUP]
    for function in (each for each in resources if each.type == "aws:lambda/function:Function"):
        named = at(function.properties, "loggingConfig", "logGroup")
        group = named if named is not None else _default_group(at(function.properties, "name"))
        if group not in made and UNKNOWN not in (group, *made):
            yield Finding(function.urn, f"no log group {group}")


def _default_group(function: Value) -> Value:
    return f"/aws/lambda/{function}" if isinstance(function, str) else UNKNOWN


ENCRYPTED = ResourceRule(
    name="logs-encrypted",
    summary="Log groups are encrypted with a customer-managed KMS key.",
    severity=Severity.MEDIUM,
    why="Logs say what happened to whom. Who may read them is ours to decide.",
    fix="Set kmsKeyId to the ARN of a key of this stack, whose policy lets CloudWatch Logs use it.",
    reference=aws("Encrypt log data", "AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"),
    check=not_encrypted,
)
RETENTION = ResourceRule(
    name="logs-retention",
    summary="Logs are kept for a time, not for ever.",
    severity=Severity.MEDIUM,
    why="What is kept for ever costs for ever, and is there to be found by whoever breaks in.",
    fix="Set retentionInDays.",
    reference=security_hub("CloudWatch.16"),
    check=kept_for_ever,
)
NO_TRACES = ResourceRule(
    name="logs-no-request-bodies",
    summary="The API does not log whole requests.",
    severity=Severity.HIGH,
    why="They hold tokens, addresses and messages.",
    fix="Leave settings.dataTraceEnabled off; the access log has the ids.",
    reference=aws("API logging", "apigateway/latest/developerguide/set-up-logging.html"),
    check=unmasked,
)
FUNCTIONS_HAVE_A_GROUP = StackRule(
    name="logs-function-has-a-group",
    summary="Every function logs to a log group that the program makes.",
    severity=Severity.MEDIUM,
    why="Lambda makes one that is missing by itself, without our key, and keeps it for ever.",
    fix="Make a LogGroup named /aws/lambda/<function>, with a key and a retention.",
    reference=aws("Log groups of functions", "lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"),
    check=functions_without_a_group,
)
