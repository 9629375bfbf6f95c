"""Who is calling, and what they may send."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

ANY = "*"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often an app may call: so many times a second, and at most `burst` at once."""

    per_second: int
    burst: int

    @property
    def interval(self) -> int:
        """What each call takes, in microseconds, rounded up."""
        return -(-1_000_000 // self.per_second)

    @property
    def tolerance(self) -> int:
        """How far ahead of now it may be taken already for one more call, in microseconds."""
        return (self.burst - 1) * self.interval


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated app and its scopes; `"*"` in a scope grants all of it."""

    app_key: str
    categories: AbstractSet[str]
    channels: AbstractSet[str]
    suppressions: bool = False
    """Whether it may see and change which addresses are not tried, by whichever app."""

    def may_send(self, category: str) -> bool:
        """Say whether notifications of this category are within the app's scope."""
        return bool({category, ANY} & self.categories)

    def may_use(self, channel: str) -> bool:
        """Say whether this channel is within the app's scope."""
        return bool({channel, ANY} & self.channels)
