"""What the developers responsible are told, and how often: an alert for each channel and cause, not for each message.

| alert \\ seen | trouble                                         | all is well                             |
|---------------|-------------------------------------------------|-----------------------------------------|
| none, or over | pending; opened at once if it need not last     | a                                       |
| pending       | opened, when it has lasted long enough          | none: nobody was told                   |
| open          | told again after an hour, 4, 12, and then daily | over, when it was well for long enough  |

a  nothing to change.

Whoever moves an alert writes it as `untold` first, on condition that it is as it was seen, then tells, and then writes
that it is told. So of two sweepers one tells; and when that one dies in between, a later one tells once more.

Trouble is either seen as it is (an outage), or was counted by the one who met it (`Tally`): this is on for an hour from
the last time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from handlers.domain.channels import Channel
from handlers.domain.providers.routing import CLOSED, Circuit, Recovery, Switches
from handlers.domain.times import rfc3339


class Cause(StrEnum):
    """What is wrong with a channel."""

    OUTAGE = "outage"
    """Nobody takes its deliveries: for some of them, every provider that could is out or off."""
    HELD = "held"
    """Nobody knows whether deliveries were sent, and they are not sent again."""
    GIVEN_UP = "given-up"
    """Deliveries ended in `error`, all their rounds being used up."""
    QUARANTINE = "quarantine"
    """Messages that nobody can read are parked."""


COUNTED: Final = (Cause.HELD, Cause.GIVEN_UP, Cause.QUARANTINE)
"""Those that are counted when they happen, and not seen to last."""

RUNBOOKS: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.OUTAGE: "docs/runbooks/outage.md",
        Cause.HELD: "docs/runbooks/unknown.md",
        Cause.GIVEN_UP: "docs/runbooks/given-up.md",
        Cause.QUARANTINE: "docs/runbooks/quarantine.md",
    }
)

_HEADLINES: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.OUTAGE: "no provider takes deliveries",
        Cause.HELD: "nobody knows whether deliveries were sent",
        Cause.GIVEN_UP: "deliveries were given up",
        Cause.QUARANTINE: "messages that nobody can read",
    }
)
_COUNTS: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.OUTAGE: "not sent yet, planned ones left out",
        Cause.HELD: "held since then",
        Cause.GIVEN_UP: "ended in error since then",
        Cause.QUARANTINE: "parked since then",
    }
)
_ON_FOR: Final = timedelta(hours=1)
_TELLING: Final = timedelta(seconds=50)
"""How long whoever moved an alert may take to tell: the time limit of the sweeper."""
_SUBJECT: Final = 100
"""https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: in ASCII, and less than that with its line breaks."""
SWITCHED_OFF: Final = "every provider is switched off"


@dataclass(frozen=True, slots=True)
class Rules:
    """How long an outage lasts before somebody is told, how long it is well before it is over, when to tell again.

    The last of `remind_after` is for every further time.
    """

    outage_after: timedelta
    over_after: timedelta
    remind_after: tuple[timedelta, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there were ever, when the last one was, and why."""

    total: int
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong: since when, why in words that may be told, and, of what is counted, how many there were ever.

    What is counted and has not come for an hour is not on any more.
    """

    since: datetime
    why: tuple[str, ...]
    total: int = 0
    is_on: bool = True


class State(StrEnum):
    """How far an alert is."""

    PENDING = "pending"
    OPEN = "open"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Alert:
    """One channel's alert of one cause. `since` is when the trouble began, `well_since` when it last seemed to end.

    `notices` counts what was told of it, at `told_at` for the last time. `total` is that of the trouble at that time,
    of which `base` were before it began.
    """

    state: State
    since: datetime
    why: tuple[str, ...]
    moved_at: datetime
    base: int = 0
    total: int = 0
    notices: int = 0
    told_at: datetime | None = None
    well_since: datetime | None = None
    untold: bool = False

    @property
    def deliveries(self) -> int:
        """How many it is about."""
        return self.total - self.base


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a channel: what to do for it, what is wrong with it, and the alerts there are."""

    recovery: Recovery = field(default_factory=Recovery)
    troubles: Mapping[Cause, Trouble] = field(default_factory=dict)
    alerts: Mapping[Cause, Alert] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told: a subject of at most 100 ASCII characters, a plain text, and the same in attributes for filters."""

    subject: str
    text: str
    attributes: Mapping[str, str]


def outage(
    registered: Iterable[str], switches: Switches, circuits: Mapping[str, Circuit], now: datetime
) -> Trouble | None:
    """Return the outage of a channel: a provider is out, and so is whoever could take its deliveries; None if not.

    `registered` are the names of the channel's providers. A circuit says who could when it opened (`Circuit.others`):
    who has credentials, and serves the same platforms.
    """
    every = tuple(registered)
    on = [name for name in every if name not in switches.off]
    if not on:
        return Trouble(now, (SWITCHED_OFF,))
    stuck = {name: since for name in on if (since := _stuck_since(name, every, switches, circuits)) is not None}
    if not stuck:
        return None
    return Trouble(min(stuck.values()), tuple(_named(name, circuits[name]) for name in stuck))


def _stuck_since(
    name: str, every: Iterable[str], switches: Switches, circuits: Mapping[str, Circuit]
) -> datetime | None:
    """Return since when nobody takes what this provider would; None if somebody does."""
    own = circuits.get(name, CLOSED)
    others = [each for each in every if each != name] if own.others is None else own.others
    opened = [own.opened_at, *(circuits.get(each, CLOSED).opened_at for each in others if each not in switches.off)]
    times = [each for each in opened if each is not None]
    return max(times) if len(times) == len(opened) else None


def _named(name: str, circuit: Circuit) -> str:
    return f"{name}: {circuit.why}" if circuit.why else name


def counted(tally: Tally | None, now: datetime) -> Trouble | None:
    """Return the trouble that a tally tells of: on from its last time for an hour."""
    return None if tally is None else Trouble(tally.at, (tally.why,), tally.total, now < tally.at + _ON_FOR)


def step(cause: Cause, alert: Alert | None, trouble: Trouble | None, now: datetime, rules: Rules) -> Alert | None:
    """Return the alert as it is from now on: the table above; the very same when there is nothing to change.

    Who gets one that is `untold`, and has written it, tells.
    """
    if alert is not None and alert.untold:
        return alert if now < alert.moved_at + _TELLING else replace(alert, moved_at=now)
    if trouble is None or not trouble.is_on:
        return _well(alert, trouble, now, rules)
    if alert is None or alert.state is State.OVER:
        before = 0 if alert is None or cause is Cause.OUTAGE else alert.total
        began = Alert(State.PENDING, trouble.since, trouble.why, now, before, trouble.total)
        return _opened(cause, began, trouble, now, rules)
    if alert.state is State.PENDING:
        return _opened(cause, alert, trouble, now, rules)
    if now >= _next_at(alert, rules):
        return _told(alert, State.OPEN, trouble, now)
    return alert if alert.well_since is None else replace(alert, well_since=None, moved_at=now)


def _opened(cause: Cause, alert: Alert, trouble: Trouble, now: datetime, rules: Rules) -> Alert:
    lasts = rules.outage_after if cause is Cause.OUTAGE else timedelta()
    return _told(alert, State.OPEN, trouble, now) if now >= alert.since + lasts else alert


def _well(alert: Alert | None, trouble: Trouble | None, now: datetime, rules: Rules) -> Alert | None:
    if alert is None or alert.state is State.PENDING:
        return None
    if alert.state is State.OVER:
        return alert
    if trouble is not None:  # its hour has passed
        return replace(_told(alert, State.OVER, trouble, now), well_since=trouble.since)
    if alert.well_since is None:
        return replace(alert, well_since=now, moved_at=now)
    return _told(alert, State.OVER, None, now) if now >= alert.well_since + rules.over_after else alert


def _told(alert: Alert, state: State, trouble: Trouble | None, now: datetime) -> Alert:
    moved = replace(alert, state=state, moved_at=now, told_at=now, notices=alert.notices + 1, untold=True)
    if trouble is None:
        return moved
    return replace(moved, why=trouble.why, total=trouble.total, well_since=None)


def _next_at(alert: Alert, rules: Rules) -> datetime:
    wait = rules.remind_after[min(alert.notices, len(rules.remind_after)) - 1]
    return (alert.told_at or alert.moved_at) + wait


def notice(environment: str, channel: Channel, cause: Cause, alert: Alert, rules: Rules) -> Notice:
    """Return what to tell of an alert that has moved. Nothing in it is personal: names, codes, counts and times."""
    kind = "over" if alert.state is State.OVER else "opened" if alert.notices == 1 else "still open"
    lines = [
        f"{channel}: {_HEADLINES[cause]}." + (" That is over." if kind == "over" else ""),
        "",
        f"State: {kind}" + ("" if alert.state is State.OVER else f"; told again at {rfc3339(_next_at(alert, rules))}"),
        f"Since: {rfc3339(alert.since)}" + (f", until {rfc3339(_ended_at(alert))}" if kind == "over" else ""),
        f"Deliveries: {alert.deliveries} ({_COUNTS[cause]})",
        f"Why: {'; '.join(alert.why)}",
        f"Environment: {environment}",
        f"Runbook: {RUNBOOKS[cause]}",
    ]
    attributes = {
        "channel": channel,
        "cause": cause.value,
        "state": kind,
        "since": rfc3339(alert.since),
        "deliveries": str(alert.deliveries),
        "runbook": RUNBOOKS[cause],
    }
    subject = f"[{environment}] {channel}: {_HEADLINES[cause]} ({kind})"
    return Notice(subject.encode("ascii", "replace").decode()[: _SUBJECT - 1], "\n".join(lines) + "\n", attributes)


def _ended_at(alert: Alert) -> datetime:
    return alert.well_since or alert.moved_at
