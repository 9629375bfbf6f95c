"""One channel of notifications, whole: its two lanes, dead-letter queue, worker, redriver and their roles.

Every channel is one of these and shares nothing with another, so that an outage of its provider stays its own. A lane
is a rule and a queue to the same worker: one for what has priority `high`, one for all else. So what is urgent waits
behind nothing but its like (docs/decisions/0013-lanes.md).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, FunctionArgs
from stacks.naming import Naming
from stacks.security.iam import Statement, arn_like, document, service, tls_only
from stacks.settings import PER_POLLER, ChannelSettings

_QUEUE_NAME_LIMIT = 80
_DAY = 24 * 3600
_QUEUE_RETENTION = 4 * _DAY
# The longest SQS offers. A message's age counts from when it was first sent, so this must be the longer of the two:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
_DEAD_LETTER_RETENTION = 14 * _DAY
_DELIVERY_ATTEMPTS = 185  # EventBridge's most, over its longest, a day
_REDRIVEN_AT_ONCE = 10
# What EventBridge sends with an event, by the pages that say so.
_OF_TARGETS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"
_OF_DEAD_LETTERS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html#eb-dlq-perms"
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency
_LEAST_CONCURRENCY = 2


@dataclass(frozen=True)
class _Lane:
    """A way from the bus to the worker: what its resources' names begin with, and its queue's and rule's name."""

    name: str
    queue: str
    takes: Mapping[str, Any]
    """What the rule asks of an event's detail."""
    says: str


@dataclass(frozen=True)
class ChannelArgs:
    """A channel, its worker and its redriver. Raises ValueError for names that SQS would refuse."""

    naming: Naming
    channel: str
    settings: ChannelSettings
    worker: FunctionArgs
    redriver: FunctionArgs
    bus_name: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def __post_init__(self) -> None:
        if len(self.dead_letter_queue) > _QUEUE_NAME_LIMIT:
            raise ValueError(
                f"The queue name {self.dead_letter_queue} has {len(self.dead_letter_queue)} characters; "
                f"shorten the channel's name, or the stack's, to make it {_QUEUE_NAME_LIMIT}."
            )

    @property
    def dead_letter_queue(self) -> str:
        """The name of the queue for what the rules could not deliver, and what the worker could not handle."""
        return self.naming.named(f"{self.channel}-dlq")


class Channel(pulumi.ComponentResource):
    """Takes the bus's events whose detail-type ends in `_notification_<channel>` to the channel's worker."""

    queue_url: pulumi.Output[str]
    dead_letter_queue_url: pulumi.Output[str]

    def __init__(self, name: str, args: ChannelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Channel", name, {}, opts)
        self._name = name
        self._args = args
        # Six times the timeout of the function that works on it, as Lambda asks for of any queue.
        self._hidden = 6 * args.redriver.spec.timeout_seconds
        lanes = _lanes(name, args.channel)
        dead_letters = self._dead_letter_queue(lanes)
        queue, urgent = queues = [self._lane(lane, dead_letters) for lane in lanes]
        urls = {"CARILLON_QUEUE_URL": queue.url, "CARILLON_URGENT_QUEUE_URL": urgent.url}
        told = replace(args.worker, made={**args.worker.made, **urls})
        worker = Function(f"worker-{args.channel}", told, pulumi.ResourceOptions(parent=self))
        for lane, its_own in zip(lanes, queues, strict=True):
            self._consume(lane, its_own, worker)
        self._redrive(
            dead_letters, Function(f"redriver-{args.channel}", args.redriver, pulumi.ResourceOptions(parent=self))
        )
        self.queue_url, self.dead_letter_queue_url = queue.url, dead_letters.url
        self.register_outputs({"queue_url": self.queue_url, "dead_letter_queue_url": self.dead_letter_queue_url})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _dead_letter_queue(self, lanes: Sequence[_Lane]) -> aws.sqs.Queue:
        """Make the one queue of both lanes' dead letters, into which their rules may send too."""
        naming, name = self._args.naming, f"{self._args.channel}-dlq"
        sources = [naming.queue_arn(lane.queue) for lane in lanes]
        queue = aws.sqs.Queue(
            f"{self._name}-dlq",
            name=self._args.dead_letter_queue,
            kms_master_key_id=self._args.key_arn,
            message_retention_seconds=_DEAD_LETTER_RETENTION,
            visibility_timeout_seconds=self._hidden,
            redrive_allow_policy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": sources}),
            opts=self._child,
        )
        self._let_rules_send(f"{self._name}-dlq-policy", queue, name, lanes, _OF_DEAD_LETTERS)
        return queue

    def _lane(self, lane: _Lane, dead_letters: aws.sqs.Queue) -> aws.sqs.Queue:
        """Make a lane as far as its queue."""
        queue = self._queue(lane, dead_letters)
        self._let_rules_send(f"{lane.name}-queue-policy", queue, lane.queue, [lane], _OF_TARGETS)
        self._route(lane, queue, dead_letters)
        return queue

    def _queue(self, lane: _Lane, dead_letters: aws.sqs.Queue) -> aws.sqs.Queue:
        settings = self._args.settings
        return aws.sqs.Queue(
            f"{lane.name}-queue",
            name=self._args.naming.named(lane.queue),
            kms_master_key_id=self._args.key_arn,
            message_retention_seconds=_QUEUE_RETENTION,
            visibility_timeout_seconds=settings.visibility_timeout_seconds,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": settings.max_receive_count}
            ),
            opts=self._child,
        )

    def _route(self, lane: _Lane, queue: aws.sqs.Queue, dead_letters: aws.sqs.Queue) -> None:
        rule = aws.cloudwatch.EventRule(
            f"{lane.name}-rule",
            name=self._args.naming.named(lane.queue),
            description=lane.says,
            event_bus_name=self._args.bus_name,
            event_pattern=json.dumps(
                {"detail-type": [{"suffix": f"_notification_{self._args.channel}"}], "detail": lane.takes}
            ),
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            f"{lane.name}-target",
            rule=rule.name,
            event_bus_name=self._args.bus_name,
            target_id="queue",
            arn=queue.arn,
            retry_policy={
                "maximum_event_age_in_seconds": _DAY,
                "maximum_retry_attempts": _DELIVERY_ATTEMPTS,
            },
            dead_letter_config={"arn": dead_letters.arn},
            opts=self._child,
        )

    def _let_rules_send(
        self, name: str, queue: aws.sqs.Queue, its_name: str, lanes: Sequence[_Lane], page: str
    ) -> None:
        naming = self._args.naming
        arn, rules = naming.queue_arn(its_name), [naming.rule_arn(lane.queue) for lane in lanes]
        send = Statement(
            "LetTheRuleSend",
            ("sqs:SendMessage",),
            (arn,),
            (arn_like("aws:SourceArn", *rules, page=page),),
            service("events.amazonaws.com"),
        )
        aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=document(send, tls_only("sqs:*", arn)), opts=self._child)

    def _consume(self, lane: _Lane, queue: aws.sqs.Queue, worker: Function) -> None:
        aws.lambda_.EventSourceMapping(
            f"{lane.name}-consumer",
            event_source_arn=queue.arn,
            function_name=worker.alias_arn,
            batch_size=self._args.settings.batch_size,
            function_response_types=["ReportBatchItemFailures"],
            **_scaling(self._args.settings),
            opts=self._child,
        )

    def _redrive(self, dead_letters: aws.sqs.Queue, redriver: Function) -> None:
        """Feed the redriver from the dead-letter queue: as slowly as AWS lets it, since none of this is in a hurry."""
        aws.lambda_.EventSourceMapping(
            f"{self._name}-redrives",
            event_source_arn=dead_letters.arn,
            function_name=redriver.alias_arn,
            batch_size=_REDRIVEN_AT_ONCE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": _LEAST_CONCURRENCY},
            opts=self._child,
        )


def _lanes(name: str, channel: str) -> tuple[_Lane, _Lane]:
    """Return the ordinary lane and the urgent one. Every event is for exactly one of them."""
    return (
        _Lane(
            name,
            channel,
            {"priority": [{"exists": False}]},
            f"Deliveries of every category on the channel {channel}, but those of priority high",
        ),
        _Lane(
            f"{name}-high",
            Naming.urgent(channel),
            {"priority": ["high"]},
            f"Deliveries of priority high on the channel {channel}",
        ),
    )


def _scaling(settings: ChannelSettings) -> dict[str, Any]:
    """Return between what and what Lambda scales the worker: by itself, up to the ceiling, and never under a floor.

    Both are not to be had at once: without a floor the ceiling is exact; with one, pollers are ready and paid for.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    """
    if settings.minimum_concurrency is None:
        return {"scaling_config": {"maximum_concurrency": settings.maximum_concurrency}}
    pollers = {
        "minimum_pollers": settings.minimum_concurrency // PER_POLLER,
        "maximum_pollers": settings.maximum_concurrency // PER_POLLER,
    }
    return {"provisioned_poller_config": pollers}
