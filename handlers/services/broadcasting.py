"""What a producer does with broadcasts: begin one, see how far it is, pause, resume, cancel; over ports alone."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from handlers.domain.broadcasts.broadcast import (
    LATEST_RUN,
    Broadcast,
    BroadcastState,
    Progress,
    State,
    Upload,
    broadcast_id,
    is_settled,
)
from handlers.domain.broadcasts.requests import BroadcastRequest
from handlers.domain.callers import Caller
from handlers.domain.content.values import write_json
from handlers.domain.notifications.statuses import Status
from handlers.domain.problems import Conflict, IdempotencyMismatch, InvalidRequest, NotFound
from handlers.ports import AudienceFiles, BroadcastQueue, BroadcastStore, Outcomes
from handlers.services.accepting import NotificationService
from handlers.services.fanning_out import Phase, Step

UPLOAD_WINDOW: Final = timedelta(minutes=15)
"""How long an upload's url is good for. Who is slower asks for another (`GET`)."""

LARGEST_FILE: Final = 1024**3
"""Bytes: some thirty million recipients."""

_COUNTED_AT_ONCE: Final = 20
"""Pages of a hundred deliveries: it is looked at the time after each such portion."""


@dataclass(frozen=True, slots=True)
class BroadcastService:
    """Accepts broadcasts and moves them; what they do, the fan-out does. `clock` returns the aware time."""

    accepting: NotificationService
    store: BroadcastStore
    files: AudienceFiles
    queue: BroadcastQueue
    outcomes: Outcomes
    clock: Callable[[], datetime]

    def create(
        self, request: BroadcastRequest, caller: Caller, idempotency_key: str | None, *, dry_run: bool
    ) -> BroadcastState:
        """Keep a broadcast, and start it if its audience is known; raise `Problem` for what is known to be wrong.

        With an idempotency key, who asks again gets the same broadcast, as it is now.
        """
        self.accepting.check(request.to(()), caller)
        now = self.clock()
        asked = Broadcast(
            broadcast_id=broadcast_id(caller.app_key, idempotency_key),
            app_key=caller.app_key,
            app_categories=tuple(sorted(caller.categories)),
            app_channels=tuple(sorted(caller.channels)),
            fingerprint=_fingerprint(request, dry_run),
            dry_run=dry_run,
            created_at=now,
            request=request,
        )
        kept = self.store.create(asked, Progress(status=State.AWAITING_UPLOAD))
        if kept.fingerprint != asked.fingerprint:
            raise IdempotencyMismatch("Use another Idempotency-Key for another request.")
        progress = self.store.progress(kept.broadcast_id)
        if request.audience.tag is not None and progress.page == 0 and progress.status in _TO_START:
            progress = self._start(kept, None, 0)
        return self._answer(kept, progress, {})

    def start(self, broadcast_id: str, caller: Caller) -> BroadcastState:
        """Start a broadcast whose file is uploaded; raise `Conflict` if it is not."""
        broadcast = self._owned(broadcast_id, caller)
        uploaded = self.files.uploaded(broadcast) if broadcast.request.audience.upload else None
        if uploaded is None:
            raise Conflict("There is no file yet: put it to the upload's url first.")
        if not 0 < uploaded[1] <= LARGEST_FILE:
            raise InvalidRequest.field("audience", f"must be a file of 1 byte to {LARGEST_FILE // 1024**2} MB")
        return self._answer(broadcast, self._start(broadcast, *uploaded), {})

    def pause(self, broadcast_id: str, caller: Caller) -> BroadcastState:
        """Release no further page. What is released already is sent."""
        broadcast = self._owned(broadcast_id, caller)
        progress, _ = self.store.change(broadcast_id, lambda seen: seen.paused())
        return self._answer(broadcast, progress, {})

    def resume(self, broadcast_id: str, caller: Caller) -> BroadcastState:
        """Go on where it was paused, or where it has stalled."""
        broadcast, now = self._owned(broadcast_id, caller), self.clock()
        _require_time(broadcast, now)
        progress, _ = self.store.change(broadcast_id, lambda seen: seen.resumed(now))
        self._wake(broadcast_id, Phase.RELEASE, progress)
        return self._answer(broadcast, progress, {})

    def cancel(self, broadcast_id: str, caller: Caller) -> BroadcastState:
        """Release nothing more, and have what is not yet sent canceled. Who got no answer asks again."""
        broadcast, now = self._owned(broadcast_id, caller), self.clock()
        progress, _ = self.store.change(broadcast_id, lambda seen: seen.canceled(now))
        if progress.status is State.CANCELING:
            self._wake(broadcast_id, Phase.CANCEL, progress)
        return self._answer(broadcast, progress, {})

    def state(self, broadcast_id: str, caller: Caller, until: datetime) -> BroadcastState:
        """Return how far a broadcast of this caller is; what could not be counted before `until` is pending."""
        broadcast = self._owned(broadcast_id, caller)
        progress = self.store.progress(broadcast_id)
        counted = {} if broadcast.dry_run else self._count(broadcast, progress, until)
        return self._answer(broadcast, progress, counted)

    def _start(self, broadcast: Broadcast, version: str | None, size: int) -> Progress:
        now = self.clock()
        _require_time(broadcast, now)
        progress, _ = self.store.change(broadcast.broadcast_id, lambda seen: seen.started(version, size, now))
        self._wake(broadcast.broadcast_id, Phase.RELEASE, progress)
        return progress

    def _wake(self, broadcast_id: str, phase: Phase, progress: Progress) -> None:
        page = progress.page if phase is Phase.RELEASE else progress.canceled_pages
        self.queue.send(Step(broadcast_id, phase, progress.run, page).message(), timedelta(0))

    def _count(self, broadcast: Broadcast, progress: Progress, until: datetime) -> Mapping[Status, int]:
        """Count what became of the deliveries. Pages that are done with are counted once, and remembered."""
        counted: Counter[Status] = Counter({Status(name): times for name, times in progress.settled.items()})
        settled: dict[int, Mapping[Status, int]] = {}
        unsettled = progress.unsettled
        for first in range(0, len(unsettled), _COUNTED_AT_ONCE):
            if self.clock() >= until:
                break
            pages = unsettled[first : first + _COUNTED_AT_ONCE]
            found = self.outcomes.of([broadcast.page_id(page) for page in pages])
            for page, each in zip(pages, found, strict=True):
                counted.update(each)
                if is_settled(each):
                    settled[page] = each
        if settled:
            self.store.change(broadcast.broadcast_id, lambda seen: seen.settle(settled))
        return counted

    def _owned(self, broadcast_id: str, caller: Caller) -> Broadcast:
        broadcast = self.store.find(broadcast_id)
        if broadcast is None or broadcast.app_key != caller.app_key:
            raise NotFound("There is no such broadcast of this app.")
        return broadcast

    def _answer(self, broadcast: Broadcast, progress: Progress, counted: Mapping[Status, int]) -> BroadcastState:
        now, upload = self.clock(), None
        if progress.status is State.AWAITING_UPLOAD:
            upload = Upload(url=self.files.upload_url(broadcast), method="PUT", expires_at=now + UPLOAD_WINDOW)
        return BroadcastState.of(broadcast, progress, counted, now, upload)


_TO_START: Final = (State.AWAITING_UPLOAD, State.RUNNING)


def _require_time(broadcast: Broadcast, now: datetime) -> None:
    if now >= broadcast.created_at + LATEST_RUN:
        raise Conflict(f"It was accepted more than {LATEST_RUN.days} days ago: make another one.")


def _fingerprint(request: BroadcastRequest, dry_run: bool) -> str:
    asked = request.model_dump(mode="json") | {"data": request.data, "dry_run": dry_run}
    return hashlib.sha256(write_json(asked, sort=True).encode()).hexdigest()
