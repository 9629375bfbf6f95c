"""What tells apps by their webhooks: a queue of status changes, the function that works on it, and a quarantine."""

import json
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, FunctionArgs
from stacks.naming import Naming
from stacks.security.iam import document, tls_only

_DAY = 24 * 3600
# A message comes back after an hour at most, and sooner at first: fifty tries take a day and a half. An endpoint
# without a success for a day is suspended before, which ends its messages: what is left is what no endpoint is to blame
# for, or one that takes other messages.
_TRIES = 50
# Longer than all the tries, each put off for an hour as an endpoint may ask, or SQS would delete what is still tried.
_RETENTION = 4 * _DAY
_PARKED_FOR = 14 * _DAY  # SQS's longest
_BATCH = 10
_AT_ONCE = 10
# Lambda asks for a queue that hides a message for six times the timeout of the function that works on it.
_TIMEOUTS_HIDDEN = 6


@dataclass(frozen=True)
class WebhooksArgs:
    """The environment, the key that encrypts the queues, and the function."""

    naming: Naming
    key_arn: pulumi.Output[str]
    function: FunctionArgs


class Webhooks(pulumi.ComponentResource):
    """The observer fills the queue, and `webhooks` empties it.

    What was tried in vain is parked in a quarantine of its own, which nothing consumes: only a person knows when to try
    it again. A function that led it back by itself would try for ever what can never be told.
    """

    queue_url: pulumi.Output[str]
    quarantine_url: pulumi.Output[str]

    def __init__(self, name: str, args: WebhooksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Webhooks", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        naming = args.naming
        parked = aws.sqs.Queue(
            "webhooks-quarantine",
            name=naming.named("webhooks-quarantine"),
            kms_master_key_id=args.key_arn,
            message_retention_seconds=_PARKED_FOR,
            redrive_allow_policy=json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [naming.queue_arn("webhooks")]}
            ),
            opts=self._child,
        )
        queue = aws.sqs.Queue(
            "webhooks-queue",
            name=naming.named("webhooks"),
            kms_master_key_id=args.key_arn,
            message_retention_seconds=_RETENTION,
            visibility_timeout_seconds=_TIMEOUTS_HIDDEN * args.function.spec.timeout_seconds,
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": parked.arn, "maxReceiveCount": _TRIES}),
            opts=self._child,
        )
        for suffix, each in (("webhooks", queue), ("webhooks-quarantine", parked)):
            aws.sqs.QueuePolicy(
                f"{suffix}-policy",
                queue_url=each.url,
                policy=document(tls_only("sqs:*", naming.queue_arn(suffix))),
                opts=self._child,
            )
        told = replace(args.function, made={**args.function.made, "CARILLON_QUEUE_URL": queue.url})
        worker = Function("webhooks", told, self._child)
        aws.lambda_.EventSourceMapping(
            "webhooks-consumer",
            event_source_arn=queue.arn,
            function_name=worker.alias_arn,
            batch_size=_BATCH,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": _AT_ONCE},
            opts=self._child,
        )
        self.queue_url, self.quarantine_url = queue.url, parked.url
        self.register_outputs({"queue_url": self.queue_url, "quarantine_url": self.quarantine_url})
