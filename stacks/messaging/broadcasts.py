"""What leads broadcasts: a queue of steps, its dead-letter queue, and the fan-out that works on both."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, FunctionArgs
from stacks.naming import Naming
from stacks.security.iam import document, tls_only

_DAY = 24 * 3600
# Six times the timeout of the fan-out, as Lambda asks for of any queue: so long a step waits whose fan-out has died.
_HIDDEN = 6 * 60
_TRIES = 5
# How many broadcasts are worked on at a time. Two is the least that Lambda takes.
_AT_ONCE = 5
_DEAD_AT_ONCE = 2


@dataclass(frozen=True)
class BroadcastsArgs:
    """The environment, and the key that encrypts the queues."""

    naming: Naming
    key_arn: pulumi.Output[str]


class Broadcasts(pulumi.ComponentResource):
    """A step that fails as often as it is tried goes to the dead-letter queue, from where the fan-out notes it.

    The queues are made first, as functions are told of them that are made before the fan-out can be (`fan_out`).
    """

    queue_url: pulumi.Output[str]

    def __init__(self, name: str, args: BroadcastsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Broadcasts", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        naming = args.naming
        self._dead_letters = aws.sqs.Queue(
            "broadcasts-dlq",
            name=naming.named("broadcasts-dlq"),
            kms_master_key_id=args.key_arn,
            message_retention_seconds=14 * _DAY,
            visibility_timeout_seconds=_HIDDEN,
            redrive_allow_policy=json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [naming.queue_arn("broadcasts")]}
            ),
            opts=self._child,
        )
        self._queue = aws.sqs.Queue(
            "broadcasts-queue",
            name=naming.named("broadcasts"),
            kms_master_key_id=args.key_arn,
            message_retention_seconds=4 * _DAY,
            visibility_timeout_seconds=_HIDDEN,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": self._dead_letters.arn, "maxReceiveCount": _TRIES}
            ),
            opts=self._child,
        )
        for suffix, queue in (("broadcasts", self._queue), ("broadcasts-dlq", self._dead_letters)):
            aws.sqs.QueuePolicy(
                f"{suffix}-policy",
                queue_url=queue.url,
                policy=document(tls_only("sqs:*", naming.queue_arn(suffix))),
                opts=self._child,
            )
        self.queue_url = self._queue.url
        self.register_outputs({"queue_url": self.queue_url})

    def fan_out(self, function: FunctionArgs) -> None:
        """Make the function that works on both queues."""
        made = Function("fanout", function, self._child)
        for name, queue, at_once in (
            ("broadcasts-steps", self._queue, _AT_ONCE),
            ("broadcasts-dead-steps", self._dead_letters, _DEAD_AT_ONCE),
        ):
            aws.lambda_.EventSourceMapping(
                name,
                event_source_arn=queue.arn,
                function_name=made.alias_arn,
                batch_size=1,
                function_response_types=["ReportBatchItemFailures"],
                scaling_config={"maximum_concurrency": at_once},
                opts=self._child,
            )
