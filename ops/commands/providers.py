"""`carillon providers …`: who delivers a channel's messages, and in which order."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from handlers.domain.channels import Channel
from handlers.domain.providers.registry import of_channel
from ops.environment import LOCAL, Environment
from ops.providers import Providers
from ops.terminal import AsJson, InEnvironment, group, one_clear_error, show, table

app = group("A channel's providers; a change is in effect within ten seconds.")

OfChannel = Annotated[Channel, typer.Argument(help="The channel.")]
Named = Annotated[str, typer.Argument(help="A provider of the channel.")]
InOrder = Annotated[list[str], typer.Argument(help="Those to be asked first; all others come after them.")]


@app.command("list")
def list_providers(channel: OfChannel, environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """Show a channel's providers in the order in which they are asked, and the state of their circuits."""
    with one_clear_error():
        _show(_providers(channel, environment), as_json=as_json)


@app.command()
def on(channel: OfChannel, provider: Named, environment: InEnvironment = LOCAL) -> None:
    """Let a provider be asked again."""
    _change(channel, environment, lambda store: store.turn_on(provider))


@app.command()
def off(channel: OfChannel, provider: Named, environment: InEnvironment = LOCAL) -> None:
    """Let a provider not be asked any more. When it is the channel's last, messages wait."""
    _change(channel, environment, lambda store: store.turn_off(provider))


@app.command()
def order(channel: OfChannel, names: InOrder, environment: InEnvironment = LOCAL) -> None:
    """Set in which order providers are asked."""
    _change(channel, environment, lambda store: store.reorder(names))


def _change(channel: Channel, environment: str, change: Callable[[Providers], None]) -> None:
    with one_clear_error():
        store = _providers(channel, environment)
        change(store)
        _show(store)


def _providers(channel: Channel, environment: str) -> Providers:
    where = Environment(environment)
    names = [each.name for each in of_channel(channel)]
    return Providers(where.client("dynamodb"), where.named("limits"), names, channel)


def _show(store: Providers, *, as_json: bool = False) -> None:
    now = datetime.now(UTC)
    found = [(each.place, each.name, each.health(now)) for each in store.statuses()]
    document = [dict(zip(("place", "provider", "circuit"), each, strict=True)) for each in found]
    rows = [(place or "off", name, health) for place, name, health in found]
    show(as_json, document, table("", "provider", "circuit", rows=rows))
