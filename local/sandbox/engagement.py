"""What became of the messages of the last seven days: the figures of `GET /v1/stats`, from the same counters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

import boto3
from botocore.exceptions import ClientError

from handlers.adapters.aws.stats_reader import DynamoStats
from handlers.domain.stats.listing import Cursors
from handlers.domain.stats.report import Figures, GroupFigures, Stats, Wanted
from handlers.services.reporting import Reports
from local.engine.emulator import Emulator

_LOG, _STATS = "-notifications", "-stats"
RATES = ("opened", "clicked", "unsubscribed", "bounced")
"""The rates that are drawn, in their order."""


@dataclass(frozen=True)
class Bar:
    """A step of the funnel: how many, of how many in the step it is compared with, and the rate of it if it has one."""

    name: str
    count: int
    of: int
    rate: float | None = None

    @property
    def percent(self) -> float:
        """How long it is drawn."""
        return round(100 * self.count / self.of, 2) if self.of else 0


def funnel(figures: Figures) -> list[Bar]:
    """Return the steps from acceptance to a click, and those that lead away, each against all deliveries."""
    of = figures.deliveries
    return [
        Bar("accepted", of, of),
        Bar("sent", figures.sent, of),
        Bar("opened", figures.opened, of, figures.open_rate),
        Bar("clicked", figures.clicked, of, figures.click_rate),
        Bar("unsubscribed", figures.unsubscribed, of, figures.unsubscribe_rate),
        Bar("bounced", figures.bounced, of, figures.bounce_rate),
    ]


@dataclass(frozen=True)
class Day:
    """A day of a chart: its rates in the order of `RATES`, each None where there is nothing that it would be of."""

    day: date
    rates: tuple[float | None, ...] = (None,) * len(RATES)


@dataclass(frozen=True)
class Chart:
    """The rates of each day, of all deliveries or of a channel and a provider."""

    name: str
    sent: int
    days: Sequence[Day]


class Engagement:
    """Reads an app's counters as the account's root. `log` is the name of the table of the notification log."""

    def __init__(self, emulator: Emulator, log: str, app_key: str) -> None:
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        client = session.client("dynamodb", endpoint_url=emulator.endpoint_url)
        store = DynamoStats(log.removesuffix(_LOG) + _STATS, client)
        self._reports = Reports(store, Cursors(bytes), partial(datetime.now, UTC))
        self._app_key = app_key

    def read(self, *group_by: str) -> Stats | None:
        """Return the figures by these parts; None while the program has not made the table yet."""
        try:
            return self._reports.stats(self._app_key, Wanted(), group_by, None, None)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise


def groups(stats: Stats) -> list[GroupFigures]:
    """Return the figures of each channel and provider; those of no provider are of what none has been asked for yet."""
    return [each for each in stats.groups if each.deliveries]


def chart(name: str, stats: Stats, groups: Sequence[GroupFigures]) -> Chart:
    """Return the rates of groups that have a day each, on all days of the figures."""
    first, last = date.fromisoformat(stats.from_day), date.fromisoformat(stats.to_day)
    counted = {each.day: Day(date.fromisoformat(each.day), _rates(each)) for each in groups if each.day}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return Chart(name, sum(each.sent for each in groups), [counted.get(day.isoformat(), Day(day)) for day in days])


def charts(by_day: Stats, by_group: Stats) -> list[Chart]:
    """Return the chart of all, and that of each channel and provider by which something was sent."""
    parts: dict[str, list[GroupFigures]] = {}
    for each in by_group.groups:
        if each.sent:
            parts.setdefault(f"{each.channel}: {each.provider}", []).append(each)
    everything = chart("All channels", by_day, by_day.groups)
    return [everything, *(chart(name, by_group, groups) for name, groups in parts.items())]


def _rates(figures: Figures) -> tuple[float | None, ...]:
    return (figures.open_rate, figures.click_rate, figures.unsubscribe_rate, figures.bounce_rate)
