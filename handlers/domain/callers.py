"""Who is calling, and what they may send."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

ANY = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated app and its scopes; `"*"` in a scope grants all of it."""

    app_key: str
    categories: AbstractSet[str]
    channels: AbstractSet[str]

    def may_send(self, category: str) -> bool:
        """Say whether notifications of this category are within the app's scope."""
        return bool({category, ANY} & self.categories)

    def may_use(self, channel: str) -> bool:
        """Say whether this channel is within the app's scope."""
        return bool({channel, ANY} & self.channels)
