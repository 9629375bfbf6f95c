"""The ten questions that whoever is on call asks, as saved queries of CloudWatch Logs Insights.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from stacks.monitoring.estate import Estate

LogGroups = Callable[[Estate], Sequence[str]]


@dataclass(frozen=True)
class SavedQuery:
    """One question. A `<…>` in the text is to be replaced before it is run."""

    name: str
    question: str
    log_groups: LogGroups
    text: str


def _of(*starts: str) -> LogGroups:
    """Return the log groups of the functions whose names start so: of each channel's worker, for instance."""
    return lambda estate: [
        estate.naming.function_log_group(each) for each in estate.functions if each.startswith(starts)
    ]


def _access_log(estate: Estate) -> list[str]:
    return [estate.naming.api_log_group]


WORKERS: Final = _of("worker-")
EVERYTHING: Final = _of("")

QUERIES: Final = (
    SavedQuery(
        "01-one-notification",
        "What became of this notification?",
        EVERYTHING,
        "fields @timestamp, message, channel, delivery_id, result, why, fate, request_id\n"
        "| filter notification_id = '<notification id>'\n"
        "| sort @timestamp asc",
    ),
    SavedQuery(
        "02-why-it-fails",
        "What fails, on which channel, and why?",
        WORKERS,
        "filter message = 'delivery' and result in ['failed', 'retry']\n"
        "| stats count(*) as deliveries by channel, result, why\n"
        "| sort deliveries desc",
    ),
    SavedQuery(
        "03-providers-out",
        "Which provider is out, and since when?",
        WORKERS,
        "filter message in ['circuit opened', 'circuit closed']\n"
        "| fields @timestamp, message, provider, failures, opened_at\n"
        "| sort @timestamp desc",
    ),
    SavedQuery(
        "04-unknown-outcomes",
        "Of which deliveries does nobody know whether they were sent?",
        WORKERS,
        "filter message = 'delivery' and result = 'held'\n"
        "| fields @timestamp, channel, category, notification_id, delivery_id, why\n"
        "| sort @timestamp desc",
    ),
    SavedQuery(
        "05-who-floods",
        "Which category sends so much?",
        WORKERS,
        "filter message = 'delivery'\n"
        "| stats count(*) as deliveries by category, channel, result\n"
        "| sort deliveries desc",
    ),
    SavedQuery(
        "06-our-errors",
        "Which errors are ours, or AWS's, and where?",
        EVERYTHING,
        "filter ispresent(error)\n"
        "| stats count(*) as times, latest(@timestamp) as last by message, error, aws_operation, aws_error\n"
        "| sort times desc",
    ),
    SavedQuery(
        "07-slow-routes",
        "Which routes are slow, and is it the function?",
        _access_log,
        "stats pct(latency_ms, 99) as p99, pct(integration_latency_ms, 99) as of_it_function, count(*) as requests "
        "by method, route\n"
        "| sort p99 desc",
    ),
    SavedQuery(
        "08-refused-requests",
        "Which app's requests are refused, and with what?",
        _access_log,
        "filter status >= 400\n"
        "| stats count(*) as requests by app_key, method, route, status, error\n"
        "| sort requests desc",
    ),
    SavedQuery(
        "09-refused-tokens",
        "Why are tokens refused?",
        _of("authorizer"),
        "filter message = 'refused'\n| stats count(*) as requests by reason\n| sort requests desc",
    ),
    SavedQuery(
        "10-way-back",
        "What does the way back do: dead letters, and what the sweeper publishes?",
        _of("redriver-", "sweeper"),
        "filter message in ['dead letter', 'swept', 'on time']\n"
        "| stats count(*) as lines, sum(republished) as published, sum(refused) as refused_by_the_bus "
        "by bin(5m), message, channel, fate, why\n"
        "| sort lines desc",
    ),
)
