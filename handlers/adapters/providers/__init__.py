"""The providers: a new one is a file beside this one and a line in this registry."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.adapters.providers import ses
from handlers.domain.channels import Channel
from handlers.ports import Provider

PROVIDERS: Final[Mapping[tuple[Channel, str], Callable[[], Provider]]] = MappingProxyType(
    {
        ("email", "ses"): ses.create,
    }
)
"""How to create each provider, by its channel and name. Each reads its own settings from the environment."""


def create(channel: Channel) -> Provider:
    """Return the provider of a channel: the first in the registry."""
    return next(make() for (served, _), make in PROVIDERS.items() if served == channel)
