"""The providers: each is the file of its name beside this one, and its line in `handlers.domain.providers.registry`.

Those of a channel are imported when they are asked for, by name: a worker's zip has its own providers and what these
depend on, and nothing of the other channels'.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from handlers.domain.channels import Channel
from handlers.domain.providers.registry import of_channel
from handlers.ports import Provider

Registry = Mapping[str, Callable[[], Provider]]
"""How to create each provider of a channel, by its name. Each reads its own settings from the environment."""


def registry(channel: Channel) -> Registry:
    """Return the providers of a channel, in the order in which they are asked until an operator gives another."""
    return {each.name: import_module(f"{__name__}.{each.module}").create for each in of_channel(channel)}


def create(channel: Channel) -> tuple[Provider, ...]:
    """Create the providers of a channel, in that order."""
    return tuple(make() for make in registry(channel).values())
