"""A broadcast as it is kept: what was asked for, which never changes, and its progress, which moves page by page.

Each move of the progress is a pure function here. Who stores it makes it as often as others are quicker
(`ports.BroadcastStore.change`), so of two moves at once neither is lost.

| from \\ to       | running | paused | stalled | finished | failed | canceling | canceled |
|-----------------|---------|--------|---------|----------|--------|-----------|----------|
| awaiting_upload | start   |        |         |          |        |           | cancel   |
| running         | resume  | pause  | dead    | last page| no file| cancel    |          |
| paused          | resume  | pause  |         | last page| no file| cancel    |          |
| stalled         | resume  |        |         |          |        | cancel    |          |
| finished        |         |        |         |          |        | cancel    |          |
| canceling       |         |        |         |          |        | cancel    | last page|
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from handlers.domain.broadcasts.lines import Page, Place, Rejection
from handlers.domain.broadcasts.requests import Audience, BroadcastRequest
from handlers.domain.callers import Caller
from handlers.domain.model import Model, is_absent, is_empty
from handlers.domain.notifications.ids import new_notification_id
from handlers.domain.notifications.statuses import UNSENT, Status
from handlers.domain.problems import Conflict
from handlers.domain.times import Instant

PAGE: Final = 100
SMALLEST_PAGE: Final = 10
"""Recipients that are accepted as one notification: a second of a broadcast's rate, within these bounds. An urgent
notification may have to wait for a whole page, so one that is to be slow has small ones.
"""

FILE_KEPT: Final = timedelta(days=14)
"""The lifecycle of the bucket erases the file then (stacks/data/audiences.py)."""

LATEST_RUN: Final = timedelta(days=13)
"""After its acceptance a broadcast is not started or resumed later than this: soon its file will be gone."""

CLAIMS_KEPT: Final = timedelta(days=30)
"""How long it is known who has had a broadcast: longer than it may run."""

REJECTIONS_SHOWN: Final = 100

_MOST_STRETCHES: Final = 100
"""Of pages that are done with, between such as wait: a hundred are some 1 KB of the progress."""

_CREDIT: Final = timedelta(seconds=1)
"""How much of the rate may be made up for: a queue's delay is in whole seconds."""

_IDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:carillon:broadcast")


class State(StrEnum):
    """Where a broadcast is."""

    AWAITING_UPLOAD = "awaiting_upload"
    RUNNING = "running"
    PAUSED = "paused"
    STALLED = "stalled"
    """A page failed as often as it was tried. To resume tries it again."""
    FINISHED = "finished"
    """Its whole audience is accepted. What waits, as for quiet hours to end, is sent in its time."""
    FAILED = "failed"
    CANCELING = "canceling"
    CANCELED = "canceled"


class Broadcast(Model):
    """What was asked for, by whom, and with which scopes."""

    broadcast_id: str
    app_key: str
    app_categories: tuple[str, ...]
    app_channels: tuple[str, ...]
    fingerprint: str
    dry_run: bool
    created_at: Instant
    request: BroadcastRequest

    @property
    def caller(self) -> Caller:
        """The app, as it was let in."""
        return Caller(self.app_key, frozenset(self.app_categories), frozenset(self.app_channels))

    def page_id(self, page: int) -> str:
        """Return the id of the notification that a page is: always the same, so that none is accepted twice."""
        return page_id(self.broadcast_id, page)


def page_size(rate: int) -> int:
    """Return how many recipients a page has of a broadcast with this rate."""
    return max(SMALLEST_PAGE, min(PAGE, rate))


def page_id(broadcast_id: str, page: int) -> str:
    """Return the id of the notification that a page of a broadcast is."""
    return new_notification_id(uuid.uuid5(_IDS, f"{broadcast_id}\n{page}"))


def broadcast_id(app_key: str, idempotency_key: str | None) -> str:
    """Return a new id, or the one that an app's key stands for."""
    if idempotency_key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_IDS, f"{app_key}\n{idempotency_key}"))


@dataclass(frozen=True, slots=True)
class Released:
    """What came of a page: its deliveries, recipients who had it already, and why some get none, or get it later."""

    planned: int = 0
    duplicates: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    refused: str | None = None
    """Why none of the page could be accepted."""


class Progress(Model):
    """How far a broadcast is. `page` is the next one, `run` how often it was started or resumed.

    A file's next page begins at `offset`, a tag's after the user `after`. `settled` counts the deliveries of pages none
    of which will move any more: of the first `settled_pages`, and of those beyond them that are in `settled_beyond`,
    each of which is from one page up to, and without, another. `mover` is the mark of who has moved it over a page
    last: whose answer was lost, and finds it moved, sees by that whether it was himself, and so has to go on.
    """

    status: State
    run: int = 0
    page: int = 0
    offset: int = 0
    after: str | None = Field(default=None, exclude_if=is_absent)
    line: int = 0
    columns: tuple[str, ...] = Field(default=(), exclude_if=is_empty)
    skipping: bool = False
    file_version: str | None = Field(default=None, exclude_if=is_absent)
    file_bytes: int = 0
    recipients: int = 0
    rejected: int = 0
    duplicates: int = 0
    planned: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    rejections: tuple[Rejection, ...] = Field(default=(), exclude_if=is_empty)
    problem: str | None = Field(default=None, exclude_if=is_absent)
    due_at: Instant | None = Field(default=None, exclude_if=is_absent)
    started_at: Instant | None = Field(default=None, exclude_if=is_absent)
    run_at: Instant | None = Field(default=None, exclude_if=is_absent)
    run_recipients: int = 0
    run_offset: int = 0
    ended_at: Instant | None = Field(default=None, exclude_if=is_absent)
    settled_pages: int = 0
    settled_beyond: tuple[tuple[int, int], ...] = Field(default=(), exclude_if=is_empty)
    settled: dict[str, int] = Field(default_factory=dict)
    canceled_pages: int = 0
    mover: str | None = Field(default=None, exclude_if=is_absent)

    @property
    def place(self) -> Place:
        """Where in its file the next page begins."""
        return Place(self.offset, self.line, self.columns, self.skipping)

    def _with(self, **changed: Any) -> "Progress":
        return self.model_copy(update=changed)

    def started(self, version: str | None, size: int, now: datetime) -> "Progress":
        """Start with a file, or go on starting: who got no answer asks again."""
        if self.status is State.AWAITING_UPLOAD:
            return self._with(file_version=version, file_bytes=size, started_at=now)._run(now)
        if self.status is State.RUNNING and self.page == 0:
            return self._run(now)
        raise _not_while(self, "started")

    def paused(self) -> "Progress":
        """Let no further page be released."""
        if self.status in (State.RUNNING, State.PAUSED):
            return self._with(status=State.PAUSED)
        raise _not_while(self, "paused")

    def resumed(self, now: datetime) -> "Progress":
        """Go on where it was. One that runs is given a new start too, should nobody be at it any more."""
        if self.status in (State.RUNNING, State.PAUSED, State.STALLED):
            return self._run(now)
        raise _not_while(self, "resumed")

    def canceled(self, now: datetime) -> "Progress":
        """Release nothing more, and have what is not yet sent canceled."""
        if self.status is State.AWAITING_UPLOAD:
            return self._with(status=State.CANCELED, ended_at=now)
        if self.status in (State.CANCELED, State.CANCELING):
            return self
        if self.status is State.FAILED:
            raise _not_while(self, "canceled")
        return self._with(status=State.CANCELING, canceled_pages=self.settled_pages)

    def cancel_moved(self, now: datetime) -> "Progress":
        """Note that a page's deliveries are canceled; after the last one, perhaps just released, it ends."""
        done = self.canceled_pages + 1
        if self.status is State.CANCELING and done > self.page:
            return self._with(status=State.CANCELED, canceled_pages=done, ended_at=now)
        return self._with(canceled_pages=done)

    def moved_by(self, mark: str) -> "Progress":
        """Note who has moved it over a page."""
        return self._with(mover=mark)

    def stalled(self, run: int) -> "Progress":
        """Wait for somebody to resume it, as a page of this run has failed too often."""
        return self._with(status=State.STALLED) if self.status is State.RUNNING and self.run == run else self

    def failed(self, problem: str, now: datetime) -> "Progress":
        """End for good."""
        return self._with(status=State.FAILED, problem=problem, ended_at=now)

    def advanced(self, page: Page, after: str | None, released: Released, rate: int, now: datetime) -> "Progress":
        """Note that a page was released, and when the next one may be."""
        refused = len(page.recipients) if released.refused else 0
        first = [Rejection(line=page.place.line, message=released.refused)] if released.refused else []
        due_at = max(self.due_at or now, now - _CREDIT) + timedelta(seconds=len(page.recipients) / rate)
        ends = page.done and self.status in (State.RUNNING, State.PAUSED)
        return self._with(
            page=self.page + 1,
            offset=page.place.offset,
            after=after,
            line=page.place.line,
            columns=page.place.columns,
            skipping=page.place.skipping,
            recipients=self.recipients + len(page.recipients),
            rejected=self.rejected + len(page.rejections) + refused,
            duplicates=self.duplicates + released.duplicates,
            planned=self.planned + released.planned,
            reasons=dict(Counter(self.reasons) + Counter(released.reasons)),
            rejections=(*self.rejections, *page.rejections, *first)[:REJECTIONS_SHOWN],
            due_at=due_at,
            **({"status": State.FINISHED, "ended_at": now} if ends else {}),
        )

    @property
    def unsettled(self) -> Sequence[int]:
        """The pages that are released and not in `settled`."""
        beyond = self._beyond()
        return [page for page in range(self.settled_pages, self.page) if page not in beyond]

    def settle(self, pages: Mapping[int, Mapping[Status, int]]) -> "Progress":
        """Keep what these pages, which are done with, have come to; unless somebody has done so already.

        One that would be alone among many that wait is left to be counted again: what is kept here stays small.
        """
        known = {self.settled_pages - 1, *self._beyond()}
        stretches, settled = len(self.settled_beyond), Counter(self.settled)
        for page in sorted(pages.keys() & set(self.unsettled)):
            more = (page - 1 not in known) - (page + 1 in known)
            if stretches + more > _MOST_STRETCHES:
                continue
            stretches += more
            known.add(page)
            settled.update({status.value: times for status, times in pages[page].items()})
        starts, ends = ([page for page in sorted(known) if page + to not in known] for to in (-1, 1))
        (_, first), *beyond = ((start, end + 1) for start, end in zip(starts, ends, strict=True))
        return self._with(settled_pages=first, settled_beyond=tuple(beyond), settled=dict(settled))

    def _beyond(self) -> AbstractSet[int]:
        return {page for start, end in self.settled_beyond for page in range(start, end)}

    def _run(self, now: datetime) -> "Progress":
        return self._with(
            status=State.RUNNING,
            run=self.run + 1,
            due_at=now,
            run_at=now,
            run_recipients=self.recipients,
            run_offset=self.offset,
        )

    def speed(self, now: datetime) -> float:
        """Return how many recipients a second there were since it was last started or resumed."""
        if self.run_at is None:
            return 0.0
        seconds = ((self.ended_at or now) - self.run_at).total_seconds()
        return (self.recipients - self.run_recipients) / seconds if seconds > 0 else 0.0

    def ends_at(self, now: datetime) -> datetime | None:
        """Return when the file will be read to its end, going on as it went since the last start; None for a tag."""
        read = self.offset - self.run_offset
        if self.status is not State.RUNNING or self.run_at is None or not read or not self.file_bytes:
            return None
        return now + (now - self.run_at) * ((self.file_bytes - self.offset) / read)


def is_settled(counted: Mapping[Status, int]) -> bool:
    """Say whether all of a page's deliveries have been sent, or never will be."""
    return not any(counted.get(status) for status in UNSENT)


def _not_while(progress: Progress, what: str) -> Conflict:
    return Conflict(f"A broadcast that is {progress.status} cannot be {what}.")


class Upload(Model):
    """Where to put the file: its bytes, by PUT to this url."""

    url: str
    method: str
    expires_at: Instant


class BroadcastState(Model):
    """A broadcast as it is answered.

    `recipients` were read so far; `rejected` lines are no recipient; `duplicates` had the message already. Of the
    deliveries that were `planned`: `pending` are on their way or wait, `sent` were taken by a provider, `failed`,
    `unsubscribed` and `canceled` will not be. `reasons` counts why some were not to be sent when they were planned, or
    have to wait.
    """

    broadcast_id: str
    status: State
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    audience: Audience
    dry_run: bool
    rate: int
    created_at: Instant
    started_at: Instant | None = Field(default=None, exclude_if=is_absent)
    ended_at: Instant | None = Field(default=None, exclude_if=is_absent)
    problem: str | None = Field(default=None, exclude_if=is_absent)
    recipients: int
    rejected: int
    duplicates: int
    planned: int
    pending: int = 0
    sent: int = 0
    failed: int = 0
    unsubscribed: int = 0
    canceled: int = 0
    reasons: dict[str, int]
    rejections: tuple[Rejection, ...] = Field(description="The first hundred, by the numbers of their lines.")
    recipients_per_second: float = Field(description="Since it was last started or resumed.")
    estimated_end: Instant | None = Field(
        default=None, exclude_if=is_absent, description="When a file will be read to its end, at this rate."
    )
    upload: Upload | None = Field(default=None, exclude_if=is_absent)

    @classmethod
    def of(
        cls,
        broadcast: Broadcast,
        progress: Progress,
        counted: Mapping[Status, int],
        now: datetime,
        upload: Upload | None = None,
    ) -> "BroadcastState":
        """Return the answer, with what the deliveries are by now."""
        request = broadcast.request
        of_log = {
            "sent": (Status.SENT, Status.OPENED, Status.CLICKED),
            "failed": (Status.ERROR,),
            "unsubscribed": (Status.UNSUBSCRIBED,),
            "canceled": (Status.CANCELED,),
        }
        outcomes = {name: sum(counted.get(each, 0) for each in statuses) for name, statuses in of_log.items()}
        planned = progress.planned
        same = {"status", "started_at", "ended_at", "problem", "recipients", "rejected", "duplicates", "reasons"}
        return cls(
            broadcast_id=broadcast.broadcast_id,
            category=request.category,
            template=request.template,
            audience=request.audience,
            dry_run=broadcast.dry_run,
            rate=request.rate,
            created_at=broadcast.created_at,
            rejections=progress.rejections,
            planned=planned,
            pending=0 if broadcast.dry_run else max(0, planned - sum(outcomes.values())),
            recipients_per_second=round(progress.speed(now), 1),
            estimated_end=progress.ends_at(now),
            upload=upload,
            **outcomes,
            **{name: getattr(progress, name) for name in same},
        )
