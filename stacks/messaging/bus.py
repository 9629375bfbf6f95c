"""The event bus that deliveries are announced on, and its archive, from which they can be announced again."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming


@dataclass(frozen=True)
class BusArgs:
    """Where the bus is, the key that encrypts it and its archive, and how long that keeps events."""

    naming: Naming
    key_arn: pulumi.Output[str]
    archive_days: int


class Bus(pulumi.ComponentResource):
    """An encrypted bus with an archive.

    It has no dead-letter queue of its own: an event that the bus itself cannot handle is in the log, and the sweeper
    publishes it again. What a rule cannot deliver goes to the dead-letter queue of the rule's channel.
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, args: BusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Bus", name, {}, opts)
        bus = aws.cloudwatch.EventBus(
            "bus",
            name=args.naming.prefix,
            kms_key_identifier=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventArchive(
            "archive",
            name=args.naming.prefix,
            event_source_arn=bus.arn,
            kms_key_identifier=args.key_arn,
            retention_days=args.archive_days,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = bus.name
        self.register_outputs({"name": self.name})
