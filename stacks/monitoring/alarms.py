"""Every alarm, each declared once. To add one: yield it here, and write its page in docs/runbooks.

Thresholds are the settings' (`alarms`). What silence means is chosen for each: AWS reports nothing for a queue that has
been empty for hours, for an error that never happened, for a function that does not run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from stacks.data.tables import TableSpec
from stacks.monitoring.estate import Estate
from stacks.monitoring.metrics import (
    Expression,
    Metric,
    Query,
    Watched,
    account,
    api,
    counted,
    function,
    links,
    queue,
    rule,
    table,
    throttled_requests,
    total,
)

FALLING_BEHIND = "workers-falling-behind"
"""The composite alarm: both its parts are high."""
PARTS = ("bus-busy", "queues-full")
"""What it is made of. Either alone is no reason to wake anybody: many events that are sent at once, or the end of a
backlog that is going down.
"""

_MINUTE = 60
_FIVE_MINUTES = 300
_HOUR = 3600
_OBSERVER_LATE = 15 * _MINUTE
# A step waits ten minutes at most for its turn, and is hidden for six minutes each time that it fails; what was
# received three times is not in the age.
_BROADCAST_LATE = 45 * _MINUTE
# A status change waits for an hour at an endpoint's wish, twice before it is no more in the age.
_WEBHOOK_LATE = 150 * _MINUTE


class Silence(StrEnum):
    """What it means when a metric says nothing."""

    WELL = "notBreaching"
    """It is only emitted when there is something to count."""
    BROKEN = "breaching"
    """It is a heartbeat."""
    AS_BEFORE = "ignore"
    """It is emitted seldom: the last value stands."""


@dataclass(frozen=True)
class Alarm:
    """One alarm: it rings when what it watches is over `above`, or under `below`, for as many periods in a row."""

    name: str
    says: str
    runbook: str
    watched: Watched
    above: float = 0
    below: float | None = None
    period: int = _MINUTE
    periods: int = 1
    silence: Silence = Silence.WELL
    tells: bool = True
    """Whether it tells anybody by itself, or is only a part of another."""


def alarms(estate: Estate) -> tuple[Alarm, ...]:
    """Return every alarm of an environment but the composite one."""
    return tuple(
        chain(
            *(_of_channel(estate, each) for each in estate.channels),
            *(_of_function(estate, each) for each in estate.functions),
            *(_of_table(estate, each) for each in estate.tables),
            _of_apis(estate),
            _of_sweeper(estate),
            _of_observer(estate),
            _of_broadcasts(estate),
            _of_webhooks(estate),
            _of_schedules(estate),
            _of_account(estate),
            _of_mail(estate),
            _of_text_messages(estate),
            _of_falling_behind(estate),
            [_quarantine(estate)],
        )
    )


def _of_channel(estate: Estate, channel: str) -> Iterator[Alarm]:
    naming, high = estate.naming, estate.alarms
    worker, redriver = f"worker-{channel}", f"redriver-{channel}"
    # What is this old waits for its turn: SQS leaves out of the age what was received three times.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    late = high.late_after_visibility_timeouts * estate.settings.channels[channel].visibility_timeout_seconds
    urgent = naming.urgent(channel)
    for name, says in ((channel, "A delivery"), (urgent, "An urgent delivery")):
        yield Alarm(
            f"{name}-late",
            f"{says} on {channel} has waited over {late} s",
            "late",
            queue(naming, name, "ApproximateAgeOfOldestMessage"),
            above=late,
        )
    yield Alarm(
        f"{channel}-dead-letters",
        f"The redriver of {channel} does not keep up: messages stay in the dead-letter queue",
        "dead-letters",
        queue(naming, f"{channel}-dlq", "ApproximateNumberOfMessagesVisible"),
        periods=high.dead_letters_for_minutes,
    )
    sent, failed = counted(naming, "DeliverySent", worker, channel), counted(naming, "DeliveryFailed", worker, channel)
    yield Alarm(
        f"{channel}-failing",
        f"Over {high.error_rate_percent} % of the deliveries on {channel} end in error",
        "failing",
        Expression(
            f"IF(FILL(sent, 0) + FILL(failed, 0) >= {high.error_rate_least_deliveries}, "
            "100 * FILL(failed, 0) / (FILL(sent, 0) + FILL(failed, 0)), 0)",
            {"sent": sent, "failed": failed},
        ),
        above=high.error_rate_percent,
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{channel}-returned",
        f"Over {high.returned} deliveries on {channel} went back to the queue within five minutes",
        "returned",
        counted(naming, "DeliveryReturned", worker, channel),
        above=high.returned,
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{channel}-circuit-open",
        f"A provider of {channel} is out: its circuit has opened, or its last probe has failed",
        "circuit-open",
        counted(naming, "CircuitOpen", worker, channel),
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{channel}-unknown",
        f"Nobody knows whether deliveries were sent, and they are held on {channel}",
        "unknown",
        counted(naming, "DeliveryHeld", worker, channel),
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{channel}-given-up",
        f"Deliveries ended in error, all their rounds being used up on {channel}",
        "given-up",
        counted(naming, "DeliveryGivenUp", redriver, channel),
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{channel}-redrive-failed",
        f"Messages cannot be led back into the log on {channel}",
        "redrive-failed",
        counted(naming, "RedriveFailed", redriver, channel),
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{channel}-not-routed",
        f"The bus could not put events into a queue of {channel}",
        "not-routed",
        total(
            {"ordinary": rule(naming, channel, "FailedInvocations"), "high": rule(naming, urgent, "FailedInvocations")}
        ),
        period=_FIVE_MINUTES,
    )


def _of_function(estate: Estate, name: str) -> Iterator[Alarm]:
    naming, high, spec = estate.naming, estate.alarms, estate.functions[name]
    slow = spec.timeout_seconds * 10 * high.duration_percent  # percent of seconds, in milliseconds
    yield Alarm(
        f"{name}-errors",
        f"{name} fails, or times out: over {high.function_errors} times within five minutes",
        "function-errors",
        function(naming, name, "Errors"),
        above=high.function_errors,
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"{name}-slow",
        f"{name} takes over {slow / 1000:g} of its {spec.timeout_seconds} s",
        "function-slow",
        function(naming, name, "Duration", "Maximum"),
        above=slow,
        period=_FIVE_MINUTES,
        periods=2,
    )
    if spec.concurrency is not None:
        yield Alarm(
            f"{name}-concurrency",
            f"{name} runs over {high.concurrency_percent} % of the {spec.concurrency} times at once that are its own",
            "concurrency",
            function(naming, name, "ConcurrentExecutions", "Maximum"),
            above=spec.concurrency * high.concurrency_percent / 100,
            periods=5,
        )
        yield Alarm(
            f"{name}-throttles",
            f"Lambda refuses to run {name}, whose concurrency is used up",
            "throttles",
            function(naming, name, "Throttles"),
            above=high.function_throttles,
            period=_FIVE_MINUTES,
        )


def _of_table(estate: Estate, spec: TableSpec) -> Iterator[Alarm]:
    naming = estate.naming
    reads, writes = "ReadThrottleEvents", "WriteThrottleEvents"
    throttles = {"reads": table(naming, spec.name, reads), "writes": table(naming, spec.name, writes)}
    for index in spec.indexes:
        throttles[f"{index}_reads"] = table(naming, spec.name, reads, index)
        throttles[f"{index}_writes"] = table(naming, spec.name, writes, index)
    yield Alarm(
        f"table-{spec.name}-throttles",
        f"DynamoDB throttles requests to the table {spec.name}",
        "table-throttles",
        total(throttles),
        above=estate.alarms.table_throttles,
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        f"table-{spec.name}-errors",
        f"DynamoDB fails on the table {spec.name}",
        "table-errors",
        # It has the operation among its dimensions, and each would be another alarm.
        Query("SystemErrors", "AWS/DynamoDB", ("Operation", "TableName"), ("TableName", naming.named(spec.name))),
        above=estate.alarms.table_errors,
        period=_FIVE_MINUTES,
    )


def _of_apis(estate: Estate) -> Iterator[Alarm]:
    naming, high = estate.naming, estate.alarms
    for name, of, called in (("api", api, "The API"), ("links", links, "The API of the links")):
        yield Alarm(
            f"{name}-errors",
            f"{called} answers over {high.api_errors_percent} % of its requests with 5xx",
            "api-errors",
            of(naming, "5XXError", "Average"),  # of ones and zeros: a rate
            above=high.api_errors_percent / 100,
            period=_FIVE_MINUTES,
        )
        yield Alarm(
            f"{name}-slow",
            f"{called} takes over {high.api_latency_ms} ms for one in a hundred answers",
            "api-slow",
            of(naming, "Latency", "p99"),
            above=high.api_latency_ms,
            period=_FIVE_MINUTES,
            periods=3,
        )
    yield Alarm(
        "api-throttled",
        f"Over {high.api_throttled} requests were answered 429 within five minutes",
        "api-throttled",
        throttled_requests(naming),
        above=high.api_throttled,
        period=_FIVE_MINUTES,
    )


def _of_sweeper(estate: Estate) -> Iterator[Alarm]:
    yield Alarm(
        "unreadable",
        "An item of the log that is to be sent cannot be read",
        "unreadable",
        Metric(estate.naming.metrics, "LogItemUnreadable", {"service": "sweeper"}, "Maximum"),
    )
    yield Alarm(
        "republished",
        "Deliveries did not move although the sweeper had published them",
        "republished",
        counted(estate.naming, "RepublishedAgain", "sweeper"),
        above=estate.alarms.republished,
        period=_FIVE_MINUTES,
        periods=2,
    )
    yield Alarm(
        "sweeper-idle",
        "The sweeper has not run for five minutes",
        "sweeper-idle",
        function(estate.naming, "sweeper", "Invocations"),
        below=1,
        period=_FIVE_MINUTES,
        silence=Silence.BROKEN,
    )


def _of_observer(estate: Estate) -> Iterator[Alarm]:
    yield Alarm(
        "observer-late",
        f"What became of deliveries is counted over {_OBSERVER_LATE // _MINUTE} minutes late",
        "observer",
        function(estate.naming, "observer", "IteratorAge", "Maximum"),
        above=_OBSERVER_LATE * 1000,
    )
    yield Alarm(
        "observer-skipped",
        "Changes of the log cannot be read, and are not counted",
        "observer",
        counted(estate.naming, "ChangeUnreadable", "observer"),
    )


def _of_broadcasts(estate: Estate) -> Iterator[Alarm]:
    yield Alarm(
        "broadcast-stalled",
        "A page of a broadcast failed as often as it was tried: the broadcast waits to be resumed",
        "broadcast-stalled",
        counted(estate.naming, "BroadcastStalled", "fanout"),
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        "broadcast-late",
        f"A step of a broadcast is over {_BROADCAST_LATE // _MINUTE} minutes old: the fan-out does not take it",
        "broadcast-late",
        queue(estate.naming, "broadcasts", "ApproximateAgeOfOldestMessage"),
        above=_BROADCAST_LATE,
    )
    yield Alarm(
        "broadcast-dead-letters",
        "The fan-out cannot note which broadcasts have stalled: steps stay in the dead-letter queue",
        "broadcast-dead-letters",
        queue(estate.naming, "broadcasts-dlq", "ApproximateNumberOfMessagesVisible"),
        periods=estate.alarms.dead_letters_for_minutes,
    )


def _of_webhooks(estate: Estate) -> Iterator[Alarm]:
    yield Alarm(
        "webhook-suspended",
        "An app is told nothing more: its endpoint has failed for a day, or is gone",
        "webhook-suspended",
        counted(estate.naming, "WebhookSuspended", "webhooks"),
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        "webhook-late",
        f"A status change is over {_WEBHOOK_LATE // _MINUTE} minutes old: the function webhooks does not take it",
        "webhook-late",
        queue(estate.naming, "webhooks", "ApproximateAgeOfOldestMessage"),
        above=_WEBHOOK_LATE,
    )
    yield Alarm(
        "webhook-quarantine",
        "There are status changes that no try could tell",
        "webhook-quarantine",
        queue(estate.naming, "webhooks-quarantine", "ApproximateNumberOfMessagesVisible"),
    )


def _of_schedules(estate: Estate) -> Iterator[Alarm]:
    group = {"ScheduleGroup": estate.naming.schedule_group}
    for name, metric, says in (
        ("schedules-failing", "TargetErrorCount", "Schedules cannot invoke the sweeper"),
        ("schedules-dropped", "InvocationDroppedCount", "Schedules gave up: the sweeper's next minute does their work"),
    ):
        yield Alarm(name, says, "schedules", Metric("AWS/Scheduler", metric, group), period=_FIVE_MINUTES)


def _of_account(estate: Estate) -> Iterator[Alarm]:
    """Yield what functions share: one without a concurrency of its own is throttled only by the account's."""
    high = estate.alarms
    yield Alarm(
        "throttles",
        "Lambda refuses to run functions: the account's concurrency is used up",
        "throttles",
        account("AWS/Lambda", "Throttles", "Sum"),
        above=high.function_throttles,
        period=_FIVE_MINUTES,
    )
    yield Alarm(
        "concurrency",
        f"The account runs over {high.concurrency_percent} % of the {high.account_concurrency} functions at once that "
        "it may",
        "concurrency",
        account("AWS/Lambda", "ConcurrentExecutions", "Maximum"),
        above=high.account_concurrency * high.concurrency_percent / 100,
        periods=3,
    )


def _of_mail(estate: Estate) -> Iterator[Alarm]:
    if "email" not in estate.channels:
        return
    high = estate.alarms
    for name, metric, percent, what in (
        ("bounces", "Reputation.BounceRate", high.bounce_rate_percent, "bounces"),
        ("complaints", "Reputation.ComplaintRate", high.complaint_rate_percent, "complaints"),
    ):
        yield Alarm(
            name,
            f"SES counts over {percent} % of {what}, and soon stops this account",
            "reputation",
            account("AWS/SES", metric, "Average"),
            above=percent / 100,
            period=_HOUR,
            silence=Silence.AS_BEFORE,
        )


def _of_text_messages(estate: Estate) -> Iterator[Alarm]:
    if "sms" not in estate.channels:
        return
    high = estate.alarms
    yield Alarm(
        "sms-spend",
        f"Text messages have cost over {high.sms_spend_percent} % of this month's {high.sms_monthly_limit_usd} USD",
        "sms-spend",
        account("AWS/SNS", "SMSMonthToDateSpentUSD", "Maximum"),
        above=high.sms_monthly_limit_usd * high.sms_spend_percent / 100,
        period=_HOUR,
        silence=Silence.AS_BEFORE,
    )


def _of_falling_behind(estate: Estate) -> Iterator[Alarm]:
    high = estate.alarms
    bus, queues = PARTS
    yield Alarm(
        bus,
        f"Over {high.events_per_minute} events a minute are on the bus",
        FALLING_BEHIND,
        estate.events_on_the_bus,
        above=high.events_per_minute,
        periods=high.falling_behind_minutes,
        tells=False,
    )
    yield Alarm(
        queues,
        f"Over {high.queued_notifications} notifications are queued",
        FALLING_BEHIND,
        estate.queued_notifications,
        above=high.queued_notifications,
        periods=high.falling_behind_minutes,
        tells=False,
    )


def _quarantine(estate: Estate) -> Alarm:
    return Alarm(
        "quarantine",
        "There are messages that nobody can read",
        "quarantine",
        queue(estate.naming, "quarantine", "ApproximateNumberOfMessagesVisible"),
    )
