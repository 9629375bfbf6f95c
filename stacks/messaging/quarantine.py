"""The quarantine: one encrypted queue for what no redriver can read, kept whole for people to look at."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming
from stacks.security.iam import document, tls_only

_RETENTION = 14 * 24 * 3600  # SQS's longest


@dataclass(frozen=True)
class QuarantineArgs:
    """The environment, and the key that encrypts the queue."""

    naming: Naming
    key_arn: pulumi.Output[str]


class Quarantine(pulumi.ComponentResource):
    """A queue that nothing consumes; its alarm rings as soon as there is something in it (stacks.monitoring).

    It has no dead-letter queue and is none: nothing is ever received from it but by a person.
    """

    queue_url: pulumi.Output[str]
    queue_arn: pulumi.Output[str]

    def __init__(self, name: str, args: QuarantineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Quarantine", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        queue = aws.sqs.Queue(
            "quarantine-queue",
            name=args.naming.quarantine,
            kms_master_key_id=args.key_arn,
            message_retention_seconds=_RETENTION,
            opts=child,
        )
        aws.sqs.QueuePolicy(
            "quarantine-policy",
            queue_url=queue.url,
            policy=document(tls_only("sqs:*", args.naming.arn("sqs", args.naming.quarantine))),
            opts=child,
        )
        self.queue_url, self.queue_arn = queue.url, queue.arn
        self.register_outputs({"queue_url": self.queue_url, "queue_arn": self.queue_arn})
