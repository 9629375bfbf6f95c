"""The figures that are read from the counters: sums, rates and latencies, of all or by parts of the group."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from handlers.domain.channels import Channel
from handlers.domain.model import Model, is_absent
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.counting import (
    BOUNCED,
    CLICKED,
    LEFT,
    MACHINE,
    OPENED,
    PARTS,
    SENT,
    Group,
    latencies,
    quantile,
)

_DIGITS: Final = 4


class Latency(Model):
    """From acceptance until a provider had it, in milliseconds; of what was not to wait when it was accepted.

    Read from buckets: at most a tenth away from the true value.
    """

    measured: int
    p50_ms: int | None = None
    p95_ms: int | None = None


class Figures(Model):
    """What became of deliveries. `by_status` has what each is now; the others what each has ever come to.

    The rates of opens, clicks and unsubscriptions are of what was sent and did not bounce, that of bounces of what was
    sent; null where there is nothing that they would be of.
    """

    deliveries: int
    by_status: dict[Status, int]
    sent: int
    opened: int
    opened_by_machine: int
    clicked: int
    unsubscribed: int
    bounced: int
    open_rate: float | None
    click_rate: float | None
    click_to_open_rate: float | None
    unsubscribe_rate: float | None
    bounce_rate: float | None
    latency: Latency


class GroupFigures(Figures):
    """Those of one group: of the parts that were asked for, `""` is none."""

    day: str | None = Field(default=None, exclude_if=is_absent)
    category: str | None = Field(default=None, exclude_if=is_absent)
    channel: str | None = Field(default=None, exclude_if=is_absent)
    provider: str | None = Field(default=None, exclude_if=is_absent)
    template: str | None = Field(default=None, exclude_if=is_absent)


class Stats(Model):
    """The figures of the days from `from_day` to `to_day`, both included, of deliveries by the day of acceptance."""

    from_day: str
    to_day: str
    total: Figures
    groups: tuple[GroupFigures, ...] = Field(description="In their order; none without `group_by`")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which groups are asked for: those that are as it says, None saying nothing."""

    category: str | None = None
    channel: Channel | None = None
    provider: str | None = None
    template: str | None = None

    def takes(self, group: Group) -> bool:
        """Say whether a group is one of these."""
        asked = {"category": self.category, "channel": self.channel}
        asked |= {"provider": self.provider, "template": self.template}
        return all(value is None or value == group.name(part) for part, value in asked.items())


def report(
    counters: Mapping[Group, Counter[str]], wanted: Wanted, group_by: Sequence[str], days: tuple[str, str]
) -> Stats:
    """Return the figures of the groups that are wanted, together and by these parts."""
    total: Counter[str] = Counter()
    groups: dict[tuple[str, ...], Counter[str]] = {}
    for group, counts in counters.items():
        # Deliveries pass through groups: at first they have no provider.
        if not wanted.takes(group) or not any(counts.values()):
            continue
        total.update(counts)
        if group_by:
            groups.setdefault(tuple(group.name(part) for part in group_by), Counter()).update(counts)
    return Stats(
        from_day=days[0],
        to_day=days[1],
        total=Figures.model_validate(_figures(total)),
        groups=tuple(
            GroupFigures.model_validate(_figures(groups[names]) | dict(zip(group_by, names, strict=True)))
            for names in sorted(groups)
        ),
    )


def _figures(counts: Counter[str]) -> dict[str, object]:
    kept = counts[SENT] - counts[BOUNCED]
    p50, p95 = (quantile(counts, share) for share in (0.5, 0.95))
    measured = sum(latencies(counts).values())
    return {
        "deliveries": sum(counts[status] for status in Status),
        "by_status": {status: counts[status] for status in Status},
        "sent": counts[SENT],
        "opened": counts[OPENED],
        "opened_by_machine": counts[MACHINE],
        "clicked": counts[CLICKED],
        "unsubscribed": counts[LEFT],
        "bounced": counts[BOUNCED],
        "open_rate": _rate(counts[OPENED], kept),
        "click_rate": _rate(counts[CLICKED], kept),
        "click_to_open_rate": _rate(counts[CLICKED], counts[OPENED]),
        "unsubscribe_rate": _rate(counts[LEFT], kept),
        "bounce_rate": _rate(counts[BOUNCED], counts[SENT]),
        "latency": Latency(measured=measured, p50_ms=_whole(p50), p95_ms=_whole(p95)),
    }


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, _DIGITS) if whole > 0 else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def parts_of(text: str) -> tuple[str, ...] | None:
    """Return the parts that a list with commas names, each once; None if it names something else."""
    names = text.split(",")
    return tuple(names) if set(names) <= set(PARTS) and len(set(names)) == len(names) else None
