"""`carillon stats`: how much an app has sent, what became of it, and how fast; read from the counters themselves."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any

import typer

from handlers.adapters.aws.stats_reader import DynamoStats
from handlers.domain.channels import Channel
from handlers.domain.problems import InvalidRequest
from handlers.domain.stats.counting import PARTS
from handlers.domain.stats.listing import Cursors
from handlers.domain.stats.report import Wanted, parts_of
from handlers.services.reporting import Reports
from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.terminal import AsJson, InEnvironment, one_clear_error, show, table

_PARTS = ", ".join(PARTS)

OfApp = Annotated[str | None, typer.Option("--app", help="The app whose figures these are; locally the demo's.")]
From = Annotated[str | None, typer.Option("--from", help="The first day of acceptance, in UTC: 2030-01-31.")]
To = Annotated[str | None, typer.Option("--to", help="The last one; today if not said.")]
Category = Annotated[str | None, typer.Option(help="Of this category.")]
OnChannel = Annotated[Channel | None, typer.Option(help="On this channel.")]
Provider = Annotated[str | None, typer.Option(help="Sent, or tried last, by this provider.")]
Template = Annotated[str | None, typer.Option(help="By this template.")]
GroupBy = Annotated[str | None, typer.Option(help=f"Figures of each as well: some of {_PARTS}, with commas.")]


def stats(
    app_key: OfApp = None,
    first: From = None,
    last: To = None,
    category: Category = None,
    channel: OnChannel = None,
    provider: Provider = None,
    template: Template = None,
    group_by: GroupBy = None,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show what became of an app's deliveries of the last seven days, or of those that are named."""
    with one_clear_error():
        parts, days = _parts(group_by), (_day(first, "--from"), _day(last, "--to"))
        where = Environment(environment)
        wanted = Wanted(category, channel, provider, template)
        store = DynamoStats(where.named("stats"), where.client("dynamodb"))
        reports = Reports(store, Cursors(bytes), partial(datetime.now, UTC))
        try:
            found = reports.stats(where.app_key(app_key), wanted, parts, *days)
        except InvalidRequest as error:
            raise OperatorError(f"--{error.detail}") from error
        document = found.model_dump(mode="json")
        rows = [_row(each, [each[part] or "–" for part in parts]) for each in document["groups"]]
        rows.append(_row(document["total"], ["all"] + [""] * (len(parts) - 1)))
        show(as_json, document, f"{found.from_day} to {found.to_day}", table(*(parts or ("",)), *_HEADINGS, rows=rows))


_COUNTS = ("deliveries", "sent", "opened", "clicked", "unsubscribed", "bounced")
_RATES = ("open_rate", "click_rate", "click_to_open_rate", "unsubscribe_rate", "bounce_rate")
_HEADINGS = (
    *_COUNTS,
    "error",
    *("opens", "clicks", "clicks per open", "unsubscriptions", "bounces"),
    "p50 ms",
    "p95 ms",
)


def _row(figures: dict[str, Any], names: list[str]) -> list[Any]:
    rates = (figures[name] for name in _RATES)
    return [
        *names,
        *(figures[name] for name in _COUNTS),
        figures["by_status"]["error"],
        *("–" if rate is None else f"{rate:.1%}".replace("%", " %") for rate in rates),
        figures["latency"]["p50_ms"],
        figures["latency"]["p95_ms"],
    ]


def _parts(text: str | None) -> tuple[str, ...]:
    parts = () if text is None else parts_of(text)
    if parts is None:
        raise OperatorError(f"--group-by must be some of {_PARTS}, with commas")
    return parts


def _day(text: str | None, name: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise OperatorError(f"{name} must be a day such as 2030-01-31") from error
