"""What SES needs to send: a verified identity, and a configuration set that insists on TLS."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, permit
from stacks.naming import Naming


@dataclass(frozen=True)
class SesArgs:
    """`identity`: the domain or address that mail comes from; its owner must publish the DKIM records SES asks for."""

    naming: Naming
    identity: str


class Ses(pulumi.ComponentResource):
    """An SES identity and its configuration set: mail goes over TLS or not at all, and bounces suppress the address."""

    configuration_set: pulumi.Output[str]
    dns_records: pulumi.Output[list[dict[str, str]]]
    """What proves a domain to SES: `{"name", "type", "value"}` each. An address is proved by answering a mail."""

    def __init__(self, name: str, args: SesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Ses", name, {}, opts)
        configuration = aws.sesv2.ConfigurationSet(
            "configuration",
            configuration_set_name=args.naming.prefix,
            delivery_options={"tls_policy": "REQUIRE"},
            reputation_options={"reputation_metrics_enabled": True},
            sending_options={"sending_enabled": True},
            suppression_options={"suppressed_reasons": ["BOUNCE", "COMPLAINT"]},
            opts=pulumi.ResourceOptions(parent=self),
        )
        # To the account's default bus, the only one that SES knows, and which takes such events from SES alone.
        bus = f"arn:{args.naming.partition}:events:{args.naming.region}:{args.naming.account_id}:event-bus/default"
        aws.sesv2.ConfigurationSetEventDestination(
            "receipts",
            configuration_set_name=configuration.configuration_set_name,
            event_destination_name="receipts",
            event_destination={
                "enabled": True,
                "matching_event_types": ["DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "DELIVERY_DELAY"],
                "event_bridge_destination": {"event_bus_arn": bus},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        identity = aws.sesv2.EmailIdentity(
            "identity",
            email_identity=args.identity,
            configuration_set_name=configuration.configuration_set_name,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.configuration_set = configuration.configuration_set_name
        self.dns_records = identity.dkim_signing_attributes.apply(
            lambda dkim: _dkim_records(args.identity, dkim.tokens if dkim else ())
        )
        self.register_outputs({"configuration_set": self.configuration_set, "dns_records": self.dns_records})


@dataclass(frozen=True)
class SesReceiptsArgs:
    """The function that takes what SES tells."""

    naming: Naming
    function: Function


class SesReceipts(pulumi.ComponentResource):
    """A rule that hands on what SES tells of mail with our configuration set, and of no other."""

    def __init__(self, name: str, args: SesReceiptsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:SesReceipts", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            "ses-receipts",
            name=args.naming.named("ses-receipts"),
            description="What became of mail that was sent with our configuration set",
            event_pattern=json.dumps(
                {"source": ["aws.ses"], "detail": {"mail": {"tags": {"ses:configuration-set": [args.naming.prefix]}}}}
            ),
            opts=child,
        )
        permission = permit("ses-receipts-may-invoke", args.function, "events.amazonaws.com", rule.arn, child)
        aws.cloudwatch.EventTarget(
            "ses-receipts-target",
            rule=rule.name,
            target_id="hooks",
            arn=args.function.alias_arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        self.register_outputs({})


def _dkim_records(domain: str, tokens: Sequence[str]) -> list[dict[str, str]]:
    """https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#just-verify-domain-proc."""
    return [
        {"name": f"{token}._domainkey.{domain}", "type": "CNAME", "value": f"{token}.dkim.amazonses.com"}
        for token in tokens
    ]
