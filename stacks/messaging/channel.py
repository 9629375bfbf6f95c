"""One channel of notifications, whole: rule, queue, dead-letter queue, worker, role and alarms.

Every channel is one of these and shares nothing with another, so that an outage of its provider stays its own.
"""

import json
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, FunctionArgs
from stacks.naming import Naming
from stacks.security.iam import Statement, arn_like, document, service, tls_only
from stacks.settings import ChannelSettings

_QUEUE_NAME_LIMIT = 80
_DAY = 24 * 3600
_QUEUE_RETENTION = 4 * _DAY
# The longest SQS offers. A message's age counts from when it was first sent, so this must be the longer of the two:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
_DEAD_LETTER_RETENTION = 14 * _DAY
_DELIVERY_ATTEMPTS = 185  # EventBridge's most, over its longest, a day
# In visibility timeouts. What is this old waits for its turn: SQS leaves out of the age what was received three times.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
_LATE_AFTER = 3


@dataclass(frozen=True)
class ChannelArgs:
    """A channel and its worker. Raises ValueError for names that SQS would refuse."""

    naming: Naming
    channel: str
    settings: ChannelSettings
    worker: FunctionArgs
    bus_name: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    alert_topic_arn: pulumi.Output[str]

    def __post_init__(self) -> None:
        if len(self.dead_letter_queue) > _QUEUE_NAME_LIMIT:
            raise ValueError(
                f"The queue name {self.dead_letter_queue} has {len(self.dead_letter_queue)} characters; "
                f"shorten the channel's name, or the stack's, to make it {_QUEUE_NAME_LIMIT}."
            )

    @property
    def queue(self) -> str:
        """The queue's name, and the rule's."""
        return self.naming.named(self.channel)

    @property
    def dead_letter_queue(self) -> str:
        """The name of the queue for what the rule could not deliver and for what the worker could not handle."""
        return self.naming.named(f"{self.channel}-dlq")


class Channel(pulumi.ComponentResource):
    """Takes the bus's events whose detail-type ends in `_notification_<channel>` to the channel's worker."""

    queue_url: pulumi.Output[str]
    dead_letter_queue_url: pulumi.Output[str]

    def __init__(self, name: str, args: ChannelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Channel", name, {}, opts)
        self._name = name
        self._args = args
        dead_letters = self._dead_letter_queue()
        queue = self._queue(dead_letters)
        self._let_the_rule_send(queue, dead_letters)
        self._route(queue, dead_letters)
        told = replace(args.worker, made={**args.worker.made, "CARILLON_QUEUE_URL": queue.url})
        worker = Function(f"worker-{args.channel}", told, pulumi.ResourceOptions(parent=self))
        self._consume(queue, worker)
        self._alarm_on(queue, dead_letters)
        self.queue_url, self.dead_letter_queue_url = queue.url, dead_letters.url
        self.register_outputs({"queue_url": self.queue_url, "dead_letter_queue_url": self.dead_letter_queue_url})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _dead_letter_queue(self) -> aws.sqs.Queue:
        source = self._args.naming.queue_arn(self._args.channel)
        return aws.sqs.Queue(
            f"{self._name}-dlq",
            name=self._args.dead_letter_queue,
            kms_master_key_id=self._args.key_arn,
            message_retention_seconds=_DEAD_LETTER_RETENTION,
            redrive_allow_policy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [source]}),
            opts=self._child,
        )

    def _queue(self, dead_letters: aws.sqs.Queue) -> aws.sqs.Queue:
        settings = self._args.settings
        return aws.sqs.Queue(
            f"{self._name}-queue",
            name=self._args.queue,
            kms_master_key_id=self._args.key_arn,
            message_retention_seconds=_QUEUE_RETENTION,
            visibility_timeout_seconds=settings.visibility_timeout_seconds,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": settings.max_receive_count}
            ),
            opts=self._child,
        )

    def _route(self, queue: aws.sqs.Queue, dead_letters: aws.sqs.Queue) -> None:
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-rule",
            name=self._args.queue,
            description=f"Deliveries of every category on the channel {self._args.channel}",
            event_bus_name=self._args.bus_name,
            event_pattern=json.dumps({"detail-type": [{"suffix": f"_notification_{self._args.channel}"}]}),
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            f"{self._name}-target",
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

    def _let_the_rule_send(self, queue: aws.sqs.Queue, dead_letters: aws.sqs.Queue) -> None:
        naming, channel = self._args.naming, self._args.channel
        for suffix, target, arn in (
            ("queue", queue, naming.queue_arn(channel)),
            ("dlq", dead_letters, naming.queue_arn(f"{channel}-dlq")),
        ):
            send = Statement(
                "LetTheRuleSend",
                ("sqs:SendMessage",),
                (arn,),
                (arn_like("aws:SourceArn", naming.rule_arn(channel)),),
                service("events.amazonaws.com"),
            )
            aws.sqs.QueuePolicy(
                f"{self._name}-{suffix}-policy",
                queue_url=target.url,
                policy=document(send, tls_only("sqs:*", arn)),
                opts=self._child,
            )

    def _consume(self, queue: aws.sqs.Queue, worker: Function) -> None:
        aws.lambda_.EventSourceMapping(
            f"{self._name}-consumer",
            event_source_arn=queue.arn,
            function_name=worker.alias_arn,
            batch_size=self._args.settings.batch_size,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": self._args.settings.maximum_concurrency},
            opts=self._child,
        )

    def _alarm_on(self, queue: aws.sqs.Queue, dead_letters: aws.sqs.Queue) -> None:
        channel, late = self._args.channel, _LATE_AFTER * self._args.settings.visibility_timeout_seconds
        self._alarm(
            "dead-letters",
            dead_letters,
            "ApproximateNumberOfMessagesVisible",
            0,
            f"Deliveries on {channel} were given up and wait in the dead-letter queue",
        )
        self._alarm(
            "late", queue, "ApproximateAgeOfOldestMessage", late, f"A delivery on {channel} has waited over {late} s"
        )

    def _alarm(self, what: str, queue: aws.sqs.Queue, metric: str, above: int, description: str) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{what}",
            name=self._args.naming.named(f"{self._args.channel}-{what}"),
            alarm_description=f"{description}. What to do: docs/runbooks/{what}.md",
            namespace="AWS/SQS",
            metric_name=metric,
            dimensions={"QueueName": queue.name},
            statistic="Maximum",
            comparison_operator="GreaterThanThreshold",
            threshold=above,
            period=60,
            evaluation_periods=1,
            # SQS reports nothing for a queue that has been empty for hours.
            treat_missing_data="notBreaching",
            alarm_actions=[self._args.alert_topic_arn],
            ok_actions=[self._args.alert_topic_arn],
            opts=self._child,
        )
