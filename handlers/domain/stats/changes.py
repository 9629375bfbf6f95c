"""A change of a delivery in the log, as the log's stream tells it.

The stream has every write once or, after a failure, more than once; those of one delivery come in their order, of which
`sequence` tells: it grows with each of them. Nothing is known of the order of two deliveries' changes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from handlers.domain.notifications.deliveries import Delivery, Step
from handlers.domain.notifications.statuses import BY_OPERATOR, Status

_SEQUENCE_DIGITS: Final = 40
"""A sequence number's most: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html"""


@dataclass(frozen=True, slots=True)
class Change:
    """One write of one delivery: what it was before, and what it is now.

    `before` is None when it was accepted by this; `after` is None when it was erased, as its notification never was
    accepted. What is deleted because its time is over is no change.
    """

    sequence: str
    before: Delivery | None
    after: Delivery | None

    @property
    def delivery(self) -> Delivery:
        """The delivery as it is now, or was last."""
        return self.after or self.before  # type: ignore[return-value] # one of them is there

    @property
    def moved_from(self) -> Status | None:
        """The status before, if there was one."""
        return None if self.before is None else self.before.status

    @property
    def moved_to(self) -> Status | None:
        """The status now, if there is one."""
        return None if self.after is None else self.after.status

    @property
    def is_move(self) -> bool:
        """Whether its status is another than before: also of one that was accepted, or erased."""
        return self.moved_from is not self.moved_to

    @property
    def is_by_operator(self) -> bool:
        """Whether an operator has had a failed delivery sent again: the one move that leads back."""
        return self.before is not None and BY_OPERATOR.get(self.before.status) is self.moved_to

    @property
    def steps(self) -> tuple[Step, ...]:
        """What its timeline has that it had not before."""
        known = 0 if self.before is None else len(self.before.timeline)
        return () if self.after is None else self.after.timeline[known:]


def ordered(sequence: str) -> str:
    """Return a sequence number as text that sorts as the number does."""
    return sequence.zfill(_SEQUENCE_DIGITS)


def by_delivery(changes: Iterable[Change]) -> list[list[Change]]:
    """Return the changes of each delivery together, in their order and without repetitions."""
    found: dict[str, dict[str, Change]] = {}
    for change in changes:
        found.setdefault(change.delivery.delivery_id, {})[change.sequence] = change
    return [[some[sequence] for sequence in sorted(some)] for some in found.values()]


class Follower(Protocol):
    """Whoever follows the log. The same changes may come again: it is up to the follower to count or tell them once."""

    def follow(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Do with these what is to be done; return those of which that failed: they will come again."""
        ...
