"""stacks.messaging.bus, stacks.messaging.ses, stacks.messaging.sweeper, stacks.naming: the smaller parts."""

import pytest

from local.recording import Program
from stacks.naming import Naming


def test_everything_on_the_bus_can_be_replayed_for_a_month(deployed: Program) -> None:
    archive = deployed.named("aws:cloudwatch/eventArchive:EventArchive").inputs
    assert archive["retentionDays"] == 30
    assert archive["eventSourceArn"].endswith(":bus")
    assert "eventPattern" not in archive


def test_mail_goes_over_tls_or_not_at_all(deployed: Program) -> None:
    configuration = deployed.named("aws:sesv2/configurationSet:ConfigurationSet").inputs
    assert configuration["deliveryOptions"] == {"tlsPolicy": "REQUIRE"}
    assert configuration["suppressionOptions"] == {"suppressedReasons": ["BOUNCE", "COMPLAINT"]}
    assert configuration["reputationOptions"] == {"reputationMetricsEnabled": True}
    assert configuration["sendingOptions"] == {"sendingEnabled": True}


def test_the_identity_sends_with_the_configuration_set_and_says_which_records_it_needs(deployed: Program) -> None:
    identity = deployed.named("aws:sesv2/emailIdentity:EmailIdentity").inputs
    domain = identity["emailIdentity"]
    assert domain in {"example.com", "carillon-notifications.com"}  # nobody's, but in prod, which refuses that
    assert identity["configurationSetName"] == deployed.exports["sesConfigurationSet"]
    assert deployed.exports["emailDnsRecords"] == [
        {"name": f"token1._domainkey.{domain}", "type": "CNAME", "value": "token1.dkim.amazonses.com"},
        {"name": f"token2._domainkey.{domain}", "type": "CNAME", "value": "token2.dkim.amazonses.com"},
    ]


def test_the_sweeper_runs_every_minute_and_is_done_before_the_next(deployed: Program) -> None:
    (rule,) = (
        each for each in deployed.of("aws:cloudwatch/eventRule:EventRule") if "scheduleExpression" in each.inputs
    )
    assert rule.inputs["scheduleExpression"] == "rate(1 minute)"
    assert "eventBusName" not in rule.inputs  # schedules exist on the default bus alone
    target = deployed.named("aws:cloudwatch/eventTarget:EventTarget", targetId="sweeper")
    assert target.inputs["arn"].endswith("-sweeper:live")
    sweeper = deployed.named("aws:lambda/function:Function", handler="handlers.entrypoints.sweeper.handler")
    assert sweeper.inputs["timeout"] < 60


def test_the_schedule_is_aimed_only_once_it_may_invoke(deployed: Program) -> None:
    (permission,) = (
        each for each in deployed.of("aws:lambda/permission:Permission") if each.name == "schedule-may-invoke"
    )
    assert permission.urn in deployed.named("aws:cloudwatch/eventTarget:EventTarget", targetId="sweeper").dependencies


@pytest.mark.parametrize(
    ("region", "partition", "via"),
    [
        ("eu-central-1", "aws", "sqs.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "sqs.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "sqs.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_arns_are_of_the_regions_partition(region: str, partition: str, via: str) -> None:
    naming = Naming("dev", region, "123456789012")
    assert naming.queue_arn("email") == f"arn:{partition}:sqs:{region}:123456789012:carillon-dev-email"
    assert naming.bucket_arn == f"arn:{partition}:s3:::carillon-dev-templates-123456789012"
    assert naming.via("sqs") == via
