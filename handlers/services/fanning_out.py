"""Fanning a broadcast out: page after page of its audience is accepted as a notification; over ports alone.

One message leads one broadcast; whoever has it releases page after page, and at the end sends the message that goes on.
Which page is next, the progress says alone: a message that comes again, as somebody died, goes on where that one was.
A page may be begun anew at any step: its notification has always the same id, who has had the broadcast is known by
the page, and its progress moves in one write. Of two who are at one page the second finds it moved, and leaves it; but
not whoever has moved it himself, and was not told so, as the answer was lost: nobody else would go on.

Urgent notifications do not wait behind it: a page is released only while little is under way on its channels, and not
faster than the broadcast's own rate. So what a broadcast has in a channel's queue is about a page, however many follow.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Final

from handlers.domain.broadcasts.broadcast import (
    CLAIMS_KEPT,
    Broadcast,
    Progress,
    Released,
    State,
    page_size,
)
from handlers.domain.broadcasts.lines import LONGEST_LINE, AudienceGoneError, NoHeaderError, Page, read_page
from handlers.domain.notifications.plan import Planned
from handlers.domain.notifications.requests import Recipient
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.same_address import address_key
from handlers.domain.problems import NotFound, Problem
from handlers.ports import AudienceFiles, BroadcastQueue, BroadcastStore, Claims, Crowds, TagIndex
from handlers.services.accepting import NotificationService

ROOM: Final = 50
"""Deliveries in a channel's queue, waiting and being sent, with which no further page is released."""

WHILE_CROWDED: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(minutes=10)


class Phase(StrEnum):
    """What is done with a broadcast's pages."""

    RELEASE = "release"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done next with a broadcast, from this page on. It is void once another run has begun."""

    broadcast_id: str
    phase: Phase
    run: int
    page: int

    def message(self) -> dict[str, Any]:
        """Return it as the queue has it."""
        return {"broadcast_id": self.broadcast_id, "phase": self.phase, "run": self.run, "page": self.page}

    @classmethod
    def parse(cls, message: Mapping[str, Any]) -> "Step":
        """Return what a message says; raise ValueError or KeyError for no such thing."""
        return cls(str(message["broadcast_id"]), Phase(message["phase"]), int(message["run"]), int(message["page"]))


@dataclass(frozen=True, slots=True)
class Done:
    """What an invocation has done: pages and deliveries, and why it went no further."""

    pages: int
    deliveries: int
    ended: str


@dataclass(frozen=True, slots=True)
class _Turn:
    """What came of one page: how many deliveries, if it was released or canceled, and what follows after a wait."""

    ended: str
    step: Step | None = None
    wait: timedelta = timedelta(0)
    deliveries: int | None = None


@dataclass(frozen=True, slots=True)
class FanOut:
    """Releases or cancels pages. `clock` returns the aware time."""

    accepting: NotificationService
    store: BroadcastStore
    files: AudienceFiles
    tags: TagIndex
    claims: Claims
    crowds: Crowds
    queue: BroadcastQueue
    clock: Callable[[], datetime]

    def go_on(self, step: Step, until: datetime) -> Done:
        """Do this step and those that follow, until it is to wait, or `until` has come; then hand on what is left."""
        broadcast = self.store.find(step.broadcast_id)
        if broadcast is None:
            return Done(0, 0, "unknown")
        one = self._release if step.phase is Phase.RELEASE else self._cancel
        pages = deliveries = 0
        while True:
            turn = one(broadcast, step, until)
            pages, deliveries = pages + (turn.deliveries is not None), deliveries + (turn.deliveries or 0)
            if turn.step is None:
                return Done(pages, deliveries, turn.ended)
            if turn.wait or self.clock() >= until:
                self.queue.send(turn.step.message(), turn.wait)
                return Done(pages, deliveries, turn.ended)
            step = turn.step

    def stall(self, step: Step) -> bool:
        """Note that a step has failed as often as it was tried; say whether the broadcast waits for somebody now."""
        if self.store.find(step.broadcast_id) is None:
            return False
        _, moved = self.store.change(step.broadcast_id, lambda seen: seen.stalled(step.run))
        return moved

    def _release(self, broadcast: Broadcast, step: Step, until: datetime) -> _Turn:
        progress = self.store.progress(step.broadcast_id)
        if progress.status in (State.CANCELING, State.CANCELED):
            # The last pages may have been released as it was being canceled, by somebody who died then.
            for released in (progress.page - 1, progress.page):
                self._cancel_page(broadcast, released, until)
            return _Turn(progress.status)
        if progress.status is not State.RUNNING or progress.run != step.run:
            return _Turn("void")
        step = replace(step, page=progress.page)
        held_up = self._held_up(broadcast, step, progress)
        if held_up is not None:
            return held_up
        try:
            page, after = self._read(broadcast, progress)
        except NoHeaderError as error:
            return self._fail(broadcast, str(error))
        except AudienceGoneError:
            return self._fail(broadcast, "The file that it was started with is erased.")
        released_now = self._accept(broadcast, progress.page, page.recipients, until)
        return self._advance(broadcast, step, page, after, released_now, until)

    def _held_up(self, broadcast: Broadcast, step: Step, progress: Progress) -> _Turn | None:
        """Return why the next page is not to be released now, if it is not."""
        now, expires_at = self.clock(), broadcast.request.expires_at
        if expires_at is not None and expires_at <= now:
            return self._fail(broadcast, "expires_at has passed")
        if broadcast.dry_run:
            return None
        if progress.due_at is not None and progress.due_at > now:
            return _Turn("by its rate", step, _whole_seconds(progress.due_at - now))
        return _Turn("crowded", step, WHILE_CROWDED) if self._is_crowded(broadcast) else None

    def _advance(
        self, broadcast: Broadcast, step: Step, page: Page, after: str | None, released: Released, until: datetime
    ) -> _Turn:
        """Move the progress over a page that is released, unless somebody has: then that one goes on."""

        def advance(seen: Progress) -> Progress | None:
            if (seen.run, seen.page) != (step.run, step.page):
                return None
            return seen.advanced(page, after, released, broadcast.request.rate, self.clock())

        progress, is_ours = self._move(step.broadcast_id, advance)
        if progress.status in (State.CANCELING, State.CANCELED):
            self._cancel_page(broadcast, step.page, until)
        following = Step(step.broadcast_id, Phase.RELEASE, step.run, step.page + 1)
        goes_on = is_ours and progress.status is State.RUNNING
        return _Turn(progress.status, following if goes_on else None, deliveries=released.planned)

    def _move(self, broadcast_id: str, over: Callable[[Progress], Progress | None]) -> tuple[Progress, bool]:
        """Move the progress over a page; return it, and whether we have moved it last, also if we were not told so."""
        mark = str(uuid.uuid4())

        def marked(seen: Progress) -> Progress | None:
            moved = over(seen)
            return None if moved is None else moved.moved_by(mark)

        progress, _ = self.store.change(broadcast_id, marked)
        return progress, progress.mover == mark

    def _fail(self, broadcast: Broadcast, problem: str) -> _Turn:
        self.store.change(broadcast.broadcast_id, lambda seen: seen.failed(problem, self.clock()))
        return _Turn(State.FAILED)

    def _is_crowded(self, broadcast: Broadcast) -> bool:
        channels = broadcast.request.channels or self.accepting.categories.get(broadcast.request.category, ())
        return any(self.crowds.waiting(channel) >= ROOM for channel in channels)

    def _read(self, broadcast: Broadcast, progress: Progress) -> tuple[Page, str | None]:
        """Return the next page of the audience, and after which user the one that follows begins."""
        audience, size = broadcast.request.audience, page_size(broadcast.request.rate)
        if audience.upload is None:
            users, after = self.tags.page(audience.tag or "", progress.after, size)
            recipients = [Recipient.model_construct(user_id=user) for user in users]
            return Page(recipients, (), progress.place, done=after is None), after
        place = progress.place
        piece = self.files.read(broadcast, progress.file_version or "", place.offset, LONGEST_LINE)
        is_last = place.offset + len(piece) >= progress.file_bytes
        return read_page(piece, place, audience.upload, is_last=is_last, most=size), None

    def _accept(self, broadcast: Broadcast, page: int, recipients: Sequence[Recipient], until: datetime) -> Released:
        if not recipients:
            return Released()
        request = broadcast.request.to(recipients)
        kept: list[Planned] = []

        def keep(planned: tuple[Planned, ...]) -> tuple[Planned, ...]:
            kept.extend(self._of_this_page(broadcast, page, planned))
            return tuple(kept)

        try:
            if broadcast.dry_run:
                first = [each.reason for each in self.accepting.plan_page(request, broadcast.caller, keep)]
            else:
                acceptance = self.accepting.accept_page(broadcast.page_id(page), request, broadcast.caller, keep, until)
                first = [each.reason for each in acceptance.answer.deliveries]
        except Problem as problem:
            return Released(refused=problem.detail)
        reached = {each.to for each in kept}
        reasons = Counter(str(reason) for reason in first if reason is not None)
        return Released(len(first), len(recipients) - len(reached), reasons)

    def _of_this_page(self, broadcast: Broadcast, page: int, planned: Sequence[Planned]) -> Sequence[Planned]:
        """Return what is for nobody who had the broadcast on an earlier page, and for each endpoint once."""
        keyed: dict[str, Planned] = {}
        for each in planned:
            keyed.setdefault(_claim(each), each)
        until = broadcast.created_at + CLAIMS_KEPT
        had = self.claims.hold(broadcast.broadcast_id, page, keyed.keys(), until)
        return [each for key, each in keyed.items() if key not in had]

    def _cancel(self, broadcast: Broadcast, step: Step, until: datetime) -> _Turn:
        progress = self.store.progress(step.broadcast_id)
        if progress.status is not State.CANCELING:
            return _Turn("void")
        step = replace(step, page=progress.canceled_pages)
        if not self._cancel_page(broadcast, step.page, until):
            return _Turn("handed on", step, timedelta(seconds=1))

        def move(seen: Progress) -> Progress | None:
            return seen.cancel_moved(self.clock()) if seen.canceled_pages == step.page else None

        progress, is_ours = self._move(step.broadcast_id, move)
        following = Step(step.broadcast_id, Phase.CANCEL, step.run, step.page + 1)
        goes_on = is_ours and progress.status is State.CANCELING
        return _Turn(progress.status, following if goes_on else None, deliveries=0)

    def _cancel_page(self, broadcast: Broadcast, page: int, until: datetime) -> bool:
        """Cancel what is not yet sent of a page; say whether there was time for all of it."""
        try:
            answer = self.accepting.cancel(broadcast.page_id(page), broadcast.caller, until)
        except NotFound:
            return True
        return not any(each.status is Status.CREATED for each in answer.deliveries)


def _claim(planned: Planned) -> str:
    """Return what a delivery takes of its recipient: the mailbox, number, device or external channel, else the user.

    Whoever is in the audience as a user and by an address, or in two spellings, is one recipient by that.
    """
    who = planned.user_id or "" if planned.endpoint is None else address_key(planned.endpoint.address)
    return f"{planned.channel}#{who}"


def _whole_seconds(wait: timedelta) -> timedelta:
    return min(timedelta(seconds=ceil(wait.total_seconds())), _LONGEST_WAIT)
