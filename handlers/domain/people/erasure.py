"""Erasing a user: what was asked for, and the pass through the log that does it.

A contact is erased at once. What was sent to its user lies all over the log, which has no index by user: such an index
would cost one more write for each delivery, so that a few can be found some day. So a pass reads the whole log, page by
page and for everybody who is to be erased by then, and goes on in the next minute from where it stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

REST: Final = timedelta(days=7)
"""Between the beginnings of two passes that take longer than one minute each, since a pass is paid for by the size of
the log. Short ones follow one another at once. A month is what the law gives (GDPR 12(3)).
"""

AT_ONCE: Final = 100
"""For so many users a pass looks, the longest waiting first. The others are next."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """A user who is to be erased: what was created up to `asked_at`, to them or to the addresses that they had."""

    user_id: str
    asked_at: datetime
    address_keys: frozenset[str] = frozenset()

    def is_about(self, user_id: str | None, address_key: str | None, created_at: datetime) -> bool:
        """Say whether a delivery is among it: not if it names another user who shares the address."""
        if created_at > self.asked_at:
            return False
        return user_id == self.user_id if user_id is not None else address_key in self.address_keys


@dataclass(frozen=True, slots=True)
class Pass:
    """One reading of the log. `cursor` is where it goes on, None at the beginning; `left` who needs another pass."""

    began_at: datetime
    through: datetime
    """The last one that it is for was asked for at this time."""
    put_off: int = 0
    """How often a minute was over before the pass was."""
    cursor: Mapping[str, Any] | None = None
    left: frozenset[str] = frozenset()
    is_over: bool = False

    def covered(self, asked: Iterable[Erasure]) -> tuple[Erasure, ...]:
        """Return those that it is for. What was asked for again meanwhile waits for the next one."""
        return tuple(each for each in asked if each.asked_at <= self.through)

    def left_to_the_next_minute(self) -> "Pass":
        """Return it as an invocation leaves it that has no more time."""
        return replace(self, put_off=self.put_off + 1)

    def after(self, cursor: Mapping[str, Any] | None, left: Iterable[str]) -> "Pass":
        """Return it after one more page; without a cursor that was the last one."""
        return replace(self, cursor=cursor, left=self.left | set(left), is_over=cursor is None)


@dataclass(frozen=True, slots=True)
class Asked:
    """All that is known of erasures: who is to be erased, and the latest pass, over or not."""

    users: tuple[Erasure, ...] = ()
    latest: Pass | None = field(default=None)

    def next(self, now: datetime) -> Pass | None:
        """Return the pass to go on with, or to begin now; None when nobody waits for one, or it has to rest."""
        if self.latest is not None and not self.latest.is_over:
            return self.latest
        if not self.users or (self.latest is not None and self.latest.put_off and now < self.latest.began_at + REST):
            return None
        waiting = sorted(each.asked_at for each in self.users)
        return Pass(began_at=now, through=waiting[:AT_ONCE][-1])
