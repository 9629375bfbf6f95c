"""`carillon limits …`: how many messages a recipient gets."""

from typing import Annotated

import typer

from handlers.domain.channels import Channel
from handlers.domain.notifications.limits import ALL
from ops.commands.providers import OfChannel
from ops.environment import LOCAL, Environment
from ops.limits import Limits, asked_change, in_words
from ops.terminal import AsJson, InEnvironment, group, one_clear_error, show, table

app = group("How many messages a recipient gets; a change is in effect within ten seconds.")

Burst = Annotated[int | None, typer.Option(help="How many go at once.")]
Per = Annotated[str | None, typer.Option(help="In how long as many go again: PT1M, PT1H, P1D (ISO 8601).")]
OfCategory = Annotated[str, typer.Option(help="A category; without, all that is sent on the channel.")]


@app.command("show")
def show_limits(channel: OfChannel, environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """Show how many messages a recipient gets on a channel: as configured, as changed here, and so in effect."""
    with one_clear_error():
        _show(_limits(channel, environment), as_json=as_json)


@app.command("set")
def set_limit(
    channel: OfChannel,
    burst: Burst = None,
    per: Per = None,
    category: OfCategory = ALL,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Take the limit away.")] = False,
    as_configured: Annotated[bool, typer.Option("--as-configured", help="Undo what was set here.")] = False,
    environment: InEnvironment = LOCAL,
) -> None:
    """Change how many messages a recipient gets. What is put off already keeps its time."""
    with one_clear_error():
        store = _limits(channel, environment)
        store.change(category, asked_change(burst, per, unlimited=unlimited, as_configured=as_configured))
        _show(store)


def _limits(channel: Channel, environment: str) -> Limits:
    where = Environment(environment)
    return Limits(where.client("dynamodb"), where.client("lambda"), environment, channel)


def _show(store: Limits, *, as_json: bool = False) -> None:
    rows = [(each.name, *map(in_words, (each.configured, each.changed, each.in_effect))) for each in store.all()]
    headings = ("of", "configured", "set", "in effect")
    show(as_json, [dict(zip(headings, row, strict=True)) for row in rows], table(*headings, rows=rows))
