"""What the dashboard shows, from the top: how it is now, what became of what, each channel, webhooks, and the cost."""

from stacks.monitoring.estate import Estate
from stacks.monitoring.metrics import Metric, account, api, counted, function, queue, table
from stacks.monitoring.queries import QUERIES, WORKERS
from stacks.monitoring.widgets import Graph, Row, Search, Table, dashboard_body
from stacks.naming import Naming


def body(estate: Estate) -> str:
    """Return the dashboard's body."""
    rows = (
        _key_metrics(estate),
        _funnel(estate),
        *(_of_channel(estate, each) for each in estate.channels),
        _providers(estate),
        _webhooks(estate),
        _api_and_functions(estate),
        _cost_drivers(estate),
    )
    return dashboard_body(rows, estate.naming.region)


def _key_metrics(estate: Estate) -> Row:
    high = estate.alarms
    return Row(
        "Do the workers keep up? When both are over their lines, raise channels.<channel>.maximumConcurrency",
        (
            Graph(
                "Events on the bus, a minute",
                {"events": estate.events_on_the_bus},
                width=12,
                period=60,
                limit=("high", high.events_per_minute),
            ),
            Graph(
                "Queued notifications",
                {"queued": estate.queued_notifications},
                width=12,
                period=60,
                limit=("high", high.queued_notifications),
            ),
        ),
    )


def _everywhere(naming: Naming, metric: str, **where: str) -> Search:
    """Return what all functions together count: links, hooks and receipts may open a message, one by one."""
    return Search(naming.metrics, ("channel", "service"), metric, where)


def _funnel(estate: Estate) -> Row:
    steps = {
        "created": _everywhere(estate.naming, "DeliveryPlanned"),
        "sent": _everywhere(estate.naming, "DeliverySent"),
        "opened": _everywhere(estate.naming, "DeliveryOpened"),
        "clicked": _everywhere(estate.naming, "DeliveryClicked"),
    }
    ends = {
        "failed": _everywhere(estate.naming, "DeliveryFailed"),
        "held": _everywhere(estate.naming, "DeliveryHeld"),
        "given up": _everywhere(estate.naming, "DeliveryGivenUp"),
        "unsubscribed": _everywhere(estate.naming, "DeliveryUnsubscribed"),
    }
    return Row(
        "The funnel: created, sent, opened, clicked",
        (
            Graph("Deliveries, step by step", steps, width=12),
            Graph("Deliveries that leave it", ends, width=12),
        ),
    )


def _of_channel(estate: Estate, channel: str) -> Row:
    naming, worker = estate.naming, f"worker-{channel}"
    most = estate.settings.channels[channel].maximum_concurrency
    results = {
        "sent": counted(naming, "DeliverySent", worker, channel),
        "failed": counted(naming, "DeliveryFailed", worker, channel),
        "returned": counted(naming, "DeliveryReturned", worker, channel),
        "deferred": counted(naming, "DeliveryDeferred", worker, channel),
        "held": counted(naming, "DeliveryHeld", worker, channel),
        "duplicates dropped": counted(naming, "DuplicateDropped", worker, channel),
    }
    waiting = {
        "waiting": queue(naming, channel, "ApproximateNumberOfMessagesVisible"),
        "urgent, waiting": queue(naming, naming.urgent(channel), "ApproximateNumberOfMessagesVisible"),
        "under way": queue(naming, channel, "ApproximateNumberOfMessagesNotVisible"),
        "dead letters": queue(naming, f"{channel}-dlq", "ApproximateNumberOfMessagesVisible"),
    }
    age = {
        "oldest, s": queue(naming, channel, "ApproximateAgeOfOldestMessage"),
        "oldest urgent, s": queue(naming, naming.urgent(channel), "ApproximateAgeOfOldestMessage"),
    }
    concurrency = {"at once": function(naming, worker, "ConcurrentExecutions", "Maximum")}
    return Row(
        f"Channel {channel}",
        (
            Graph("What the worker did", results),
            Graph("Queue", waiting, period=60),
            Graph("Age of the oldest message", age, period=60),
            Graph("Workers", concurrency, period=60, limit=(f"channels.{channel}.maximumConcurrency", most)),
        ),
    )


def _providers(estate: Estate) -> Row:
    circuits = {each: counted(estate.naming, "CircuitOpen", f"worker-{each}", each) for each in estate.channels}
    found = {query.name: query for query in QUERIES}
    return Row(
        "Providers: a line above 0 is a circuit that is open",
        (
            Graph("Circuits that opened, and probes that failed", circuits, width=8),
            Table("Circuits", WORKERS(estate), found["03-providers-out"].text.replace("\n", " "), width=8),
            Table("Why deliveries fail", WORKERS(estate), found["02-why-it-fails"].text.replace("\n", " "), width=8),
        ),
    )


def _webhooks(estate: Estate) -> Row:
    naming = estate.naming
    results = {
        "told": counted(naming, "WebhookTold", "webhooks"),
        "returned": counted(naming, "WebhookReturned", "webhooks"),
        "dropped": counted(naming, "WebhookDropped", "webhooks"),
        "suspended": counted(naming, "WebhookSuspended", "webhooks"),
    }
    waiting = {
        "waiting": queue(naming, "webhooks", "ApproximateNumberOfMessagesVisible"),
        "under way": queue(naming, "webhooks", "ApproximateNumberOfMessagesNotVisible"),
        "in quarantine": queue(naming, "webhooks-quarantine", "ApproximateNumberOfMessagesVisible"),
    }
    age = {"oldest, s": queue(naming, "webhooks", "ApproximateAgeOfOldestMessage")}
    return Row(
        "Webhooks of apps",
        (
            Graph("What became of status changes", results, width=8),
            Graph("Queue", waiting, width=8, period=60),
            Graph("Age of the oldest message", age, width=8, period=60),
        ),
    )


def _api_and_functions(estate: Estate) -> Row:
    naming = estate.naming
    answers = {
        "requests": api(naming, "Count"),
        "4xx": api(naming, "4XXError"),
        "5xx": api(naming, "5XXError"),
    }
    latency = {each: api(naming, "Latency", each) for each in ("p50", "p90", "p99")}
    errors = {each: function(naming, each, "Errors") for each in estate.functions}
    throttles = {each: function(naming, each, "Throttles") for each in estate.functions}
    return Row(
        "API and functions",
        (
            Graph("Requests", answers),
            Graph("Latency, ms", latency, limit=("alarm", estate.alarms.api_latency_ms)),
            Graph("Errors of functions", errors, stacked=True),
            Graph("Throttles of functions", throttles, stacked=True),
        ),
    )


def _cost_drivers(estate: Estate) -> Row:
    naming = estate.naming
    running = {each: function(naming, each, "Duration") for each in estate.functions}
    writes = {each.name: table(naming, each.name, "ConsumedWriteCapacityUnits") for each in estate.tables}
    groups = [naming.api_log_group, *(naming.function_log_group(each) for each in estate.functions)]
    logs = {each: Metric("AWS/Logs", "IncomingBytes", {"LogGroupName": each}) for each in groups}
    messages = {
        "text messages, USD this month": account("AWS/SNS", "SMSMonthToDateSpentUSD", "Maximum"),
        "mails": account("AWS/SES", "Send", "Sum"),
    }
    return Row(
        "What is paid for: each is a line of `carillon cost`",
        (
            Graph("Functions, ms", running, stacked=True),
            Graph("Write units", writes, stacked=True),
            Graph("Log, bytes", logs, stacked=True),
            Graph("Text messages and mails", messages),
        ),
    )
