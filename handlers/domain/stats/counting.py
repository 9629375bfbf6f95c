"""What a delivery adds to the counters: a function of what it is now, and of nothing else.

So counters are right whichever changes were seen: what a delivery added when it was counted last is taken away, and
what it adds now is put there instead (`ledger`). Their sum is that of counting the whole log anew.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from math import ceil, log2
from typing import Final

from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.outcomes import Reason
from handlers.domain.notifications.statuses import Status

_BUCKETS_PER_DOUBLING: Final = 4
_LAST_BUCKET: Final = 127  # of 42 days, in milliseconds
LATENCY_ERROR: Final = 2 ** (0.5 / _BUCKETS_PER_DOUBLING) - 1
"""By how much a latency that is read from the buckets may differ from the true one: a bucket's middle is at most half a
bucket away.
"""

_LATENCY: Final = "latency_"
SENT: Final = "ever_sent"
"""A provider took it, whatever came then."""
OPENED: Final = "ever_opened"
"""It was opened, or a link in it was followed, which takes that it was opened."""
CLICKED: Final = "ever_clicked"
BOUNCED: Final = "bounced"
"""A provider took it and could not deliver it."""
LEFT: Final = "left"
"""Its recipient unsubscribed by it. Who had opted out before was never sent anything."""

MACHINE: Final = "machine_opened"
"""A machine opened it, such as a mail program that fetches images before anybody reads: no open by that."""

_REACHED: Final = frozenset({Status.SENT, Status.OPENED, Status.CLICKED})
_READ: Final = frozenset({Status.OPENED, Status.CLICKED})
_WAITED_ON_PURPOSE: Final = frozenset({Reason.SCHEDULED, Reason.QUIET_HOURS})


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What deliveries are counted by. Without a provider nobody was asked to send it; without a template it had its own
    content. The day is that of its acceptance, in UTC: `2030-01-31`.
    """

    app_key: str
    day: str
    category: str
    channel: str
    provider: str
    template: str

    def name(self, part: str) -> str:
        """Return what it has for one of its parts."""
        return str(getattr(self, part))


PARTS: Final = tuple(each.name for each in fields(Group) if each.name != "app_key")


@dataclass(frozen=True, slots=True)
class Counted:
    """In which group a delivery is, and the counters of it to which it adds one."""

    group: Group
    counters: frozenset[str]


def counted(delivery: Delivery) -> Counted:
    """Return what a delivery adds, as it is."""
    group = Group(
        app_key=delivery.app_key,
        day=day_of(delivery.created_at),
        category=delivery.category,
        channel=str(delivery.channel),
        provider=delivery.provider or (delivery.attempts[-1].provider if delivery.attempts else ""),
        template="" if delivery.template is None else delivery.template.name,
    )
    passed = {step.status for step in delivery.timeline} | {delivery.status}
    counters = {
        delivery.status.value: True,
        SENT: bool(passed & _REACHED),
        OPENED: bool(passed & _READ),
        CLICKED: Status.CLICKED in passed,
        BOUNCED: delivery.status is Status.ERROR and bool(passed & _REACHED),
        MACHINE: any(step.machine for step in delivery.timeline),
        LEFT: delivery.status is Status.UNSUBSCRIBED and bool(passed & _REACHED),
    }
    names = {name for name, applies in counters.items() if applies}
    return Counted(group, frozenset(names | _latency(delivery)))


def day_of(at: datetime) -> str:
    """Return the day, in UTC, on which something is counted."""
    return at.date().isoformat()


def _latency(delivery: Delivery) -> set[str]:
    """Return the bucket of the time from acceptance until a provider has it; none of what was to wait at first."""
    reached = next((step.at for step in delivery.timeline if step.status in _REACHED), None)
    if reached is None or delivery.timeline[0].reason in _WAITED_ON_PURPOSE:
        return set()
    return {f"{_LATENCY}{bucket((reached - delivery.created_at).total_seconds() * 1000)}"}


def bucket(milliseconds: float) -> int:
    """Return the bucket of a latency: four for each doubling, the first up to a millisecond."""
    if milliseconds <= 1:
        return 0
    return min(ceil(_BUCKETS_PER_DOUBLING * log2(milliseconds)), _LAST_BUCKET)


def quantile(counts: Mapping[str, int], share: float) -> float | None:
    """Return the latency in milliseconds, by nearest rank, under which this share of those measured is; None of none.

    It is at most `LATENCY_ERROR` away from the true one: a bucket's geometric middle stands for all that is in it.
    """
    measured = latencies(counts)
    rank = ceil(share * sum(measured.values()))
    for number in sorted(measured):
        rank -= measured[number]
        if rank <= 0:
            return 2.0 ** ((number - 0.5) / _BUCKETS_PER_DOUBLING) if number else 1.0
    return None


def latencies(counts: Mapping[str, int]) -> dict[int, int]:
    """Return how many were measured, by bucket."""
    found = {int(name.removeprefix(_LATENCY)): n for name, n in counts.items() if name.startswith(_LATENCY)}
    return {number: times for number, times in found.items() if times > 0}


def recount(deliveries: Iterable[Delivery]) -> dict[Group, Counter[str]]:
    """Count deliveries anew: what the counters must be."""
    found: dict[Group, Counter[str]] = {}
    for each in map(counted, deliveries):
        found.setdefault(each.group, Counter()).update(each.counters)
    return found
