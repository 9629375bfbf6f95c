"""A broadcast fanned out: everybody once, whatever dies or comes twice, and no page while a queue is full."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.domain.broadcasts.broadcast import Broadcast, BroadcastState, Progress, State
from handlers.domain.broadcasts.requests import BroadcastRequest
from handlers.domain.callers import Caller
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.digests import Digest
from handlers.domain.notifications.ids import notification_of
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import Settings
from handlers.domain.problems import Conflict, IdempotencyMismatch, InvalidRequest, NotFound
from handlers.services.accepting import NotificationService
from handlers.services.broadcasting import BroadcastService
from handlers.services.fanning_out import ROOM, FanOut, Step
from tests.unit.handlers.memory import Clock, MemoryBus, MemoryLog, MemoryPeople, MemoryTemplates
from tests.unit.handlers.samples import CONTENT, DEMO, NOW

HOUR = timedelta(hours=1)
OTHER = Caller("other", frozenset({"*"}), frozenset({"*"}))


class DiedError(Exception):
    """The function was killed here."""


@dataclass
class Around:
    """BroadcastStore, Claims, AudienceFiles, TagIndex, BroadcastQueue, Crowds and Outcomes in memory.

    `dies_at` counts the calls down, and at 0 the one who calls is killed: before the call, or just after it.
    """

    log: MemoryLog
    file: bytes | None = None
    tagged: list[str] = field(default_factory=list)
    crowd: int = 0
    asked: dict[str, Broadcast] = field(default_factory=dict)
    moves: dict[str, Progress] = field(default_factory=dict)
    had: dict[tuple[str, str], int] = field(default_factory=dict)
    steps: list[tuple[Step, timedelta]] = field(default_factory=list)
    read_bytes: list[int] = field(default_factory=list)
    dies_at: int = -1
    dies_after: bool = False
    loses_answers: bool = False
    """Each change of a progress is written, nobody is told so, and who made it makes it again: as botocore does."""

    def _call(self, call: Callable[[], Any]) -> Any:
        self.dies_at -= 1
        if self.dies_at == 0 and not self.dies_after:
            raise DiedError
        answer = call()
        if self.dies_at == 0 and self.dies_after:
            raise DiedError
        return answer

    def create(self, broadcast: Broadcast, progress: Progress) -> Broadcast:
        self.moves.setdefault(broadcast.broadcast_id, progress)
        return self.asked.setdefault(broadcast.broadcast_id, broadcast)

    def find(self, broadcast_id: str) -> Broadcast | None:
        return self.asked.get(broadcast_id)

    def progress(self, broadcast_id: str) -> Progress:
        return self.moves[broadcast_id]

    def change(self, broadcast_id: str, change: Callable[[Progress], Progress | None]) -> tuple[Progress, bool]:
        def move() -> tuple[Progress, bool]:
            seen = self.moves[broadcast_id]
            changed = change(seen)
            if changed is None or changed == seen:
                return seen, False
            self.moves[broadcast_id] = Progress.model_validate_json(changed.model_dump_json())
            return changed, True

        if self.loses_answers:
            move()
        moved: tuple[Progress, bool] = self._call(move)
        return moved

    def hold(self, broadcast_id: str, page: int, keys: Collection[str], until: datetime) -> AbstractSet[str]:
        def note() -> AbstractSet[str]:
            held = {key: self.had.setdefault((broadcast_id, key), page) for key in keys}
            return {key for key, by in held.items() if by != page}

        found: AbstractSet[str] = self._call(note)
        return found

    def upload_url(self, broadcast: Broadcast) -> str:
        return f"https://bucket.example/{broadcast.broadcast_id}"

    def uploaded(self, broadcast: Broadcast) -> tuple[str, int] | None:
        return None if self.file is None else ("v1", len(self.file))

    def read(self, broadcast: Broadcast, version: str, offset: int, length: int) -> bytes:
        assert self.file is not None
        piece = self.file[offset : offset + length]
        self.read_bytes.append(len(piece))
        return piece

    def page(self, tag: str, after: str | None, most: int) -> tuple[Sequence[str], str | None]:
        left = [user for user in sorted(self.tagged) if after is None or user > after]
        return left[:most], left[most - 1] if len(left) > most else None

    def send(self, step: Mapping[str, Any], wait: timedelta) -> None:
        self._call(lambda: self.steps.append((Step.parse(step), wait)))

    def waiting(self, channel: str) -> int:
        return self.crowd

    def of(self, notification_ids: Sequence[str]) -> Sequence[Mapping[Status, int]]:
        found = [self.log.find(each) for each in notification_ids]
        return [Counter(delivery.status for delivery in each[1]) if each else {} for each in found]


@dataclass
class Desk:
    people: MemoryPeople = field(default_factory=MemoryPeople)
    log: MemoryLog = field(default_factory=MemoryLog)
    bus: MemoryBus = field(default_factory=MemoryBus)
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    templates: MemoryTemplates = field(default_factory=MemoryTemplates)
    digests: dict[str, Digest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.around = Around(self.log)

    @property
    def accepting(self) -> NotificationService:
        return NotificationService(
            self.people,
            self.templates,
            self.log,
            self.bus,
            None,
            {"news": ("email",)},
            ("email",),
            self.clock,
            digests=self.digests,
        )

    @property
    def service(self) -> BroadcastService:
        around = self.around
        return BroadcastService(self.accepting, around, around, around, around, self.clock)

    @property
    def fan_out(self) -> FanOut:
        around = self.around
        return FanOut(self.accepting, around, around, around, around, around, around, self.clock)

    def create(self, *, dry_run: bool = False, key: str | None = None, **fields: Any) -> BroadcastState:
        body = {
            "category": "news",
            "content": CONTENT,
            "data": {"name": "all"},
            "audience": {"upload": "csv"},
            **fields,
        }
        return self.service.create(BroadcastRequest.model_validate(body), DEMO, key, dry_run=dry_run)

    def begin(self, file: bytes, **how: Any) -> str:
        created = self.create(**how)
        self.around.file = file
        self.service.start(created.broadcast_id, DEMO)
        return created.broadcast_id

    def work(self, most: int = 1000) -> None:
        """Serve the queue as Lambda does: what is not done comes back, and comes again."""
        for _ in range(most):
            if not self.around.steps:
                return
            step, wait = self.around.steps.pop(0)
            self.clock.advance(wait)
            try:
                self.fan_out.go_on(step, self.clock() + HOUR)
            except DiedError:
                self.around.steps.append((step, timedelta(0)))

    def state(self, broadcast_id: str) -> BroadcastState:
        self.around.dies_at = -1
        return self.service.state(broadcast_id, DEMO, self.clock() + HOUR)

    def reached(self) -> list[str]:
        """Where deliveries go that are still to be sent, sorted."""
        return sorted(
            str(record.delivery.endpoint)
            for record in self.log.records.values()
            if record.delivery.status is Status.CREATED
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def addresses(count: int, first: int = 0) -> list[str]:
    return [f"reader{number:04}@example.com" for number in range(first, first + count)]


def csv(*lines: str) -> bytes:
    return "\n".join(["email", *lines, ""]).encode()


def user(address: str, **settings: Any) -> Person:
    return Person(Reach({"email": (Endpoint(address),)}), Settings.model_validate(settings))


def test_everybody_in_the_file_gets_it_once_and_its_lines_are_accounted_for(desk: Desk) -> None:
    readers = addresses(250)
    broadcast_id = desk.begin(csv(*readers, "nobody", readers[0].upper(), readers[249]))
    desk.work()
    assert desk.reached() == readers
    state = desk.state(broadcast_id)
    assert (state.status, state.recipients, state.rejected, state.duplicates) == (State.FINISHED, 252, 1, 2)
    assert (state.planned, state.pending, state.sent) == (250, 250, 0)
    assert [each.line for each in state.rejections] == [252]


def test_a_user_and_their_address_are_one_recipient_whichever_comes_first(desk: Desk) -> None:
    for name in ("ada", "bob"):
        desk.people.known[name] = user(f"{name}@example.com")
    lines = ["ada,", *(f",{each}" for each in addresses(120)), ",ADA@example.com", ",bob@example.com"]
    lines += [*(f",{each}" for each in addresses(120, 200)), "bob,"]
    broadcast_id = desk.begin("\n".join(["user_id,email", *lines]).encode())
    desk.work()
    assert desk.reached() == sorted(["ada@example.com", "bob@example.com", *addresses(120), *addresses(120, 200)])
    assert desk.state(broadcast_id).duplicates == 2


def test_what_somebody_wants_holds_for_a_broadcast_too(desk: Desk) -> None:
    opted_out = {"categories": {"news": {"email": False}}}
    desk.people.known["ada"] = user("ada@example.com", **opted_out)
    desk.people.known[address_key("eve@example.com")] = Person(settings=Settings.model_validate(opted_out))
    broadcast_id = desk.begin(b"user_id,email\nada,\n,eve@example.com\nnobody,\n")
    desk.work()
    assert desk.reached() == []
    state = desk.state(broadcast_id)
    assert (state.unsubscribed, state.failed) == (2, 1)
    assert state.reasons == {"opted_out": 2, "unknown_contact": 1}


def test_an_address_that_is_suppressed_gets_none(desk: Desk) -> None:
    desk.people.known[address_key("eve@example.com")] = Person(suppressed=True)
    broadcast_id = desk.begin(csv("eve@example.com", "ada@example.com"))
    desk.work()
    assert desk.reached() == ["ada@example.com"]
    assert desk.state(broadcast_id).reasons == {"suppressed": 1}


def test_the_id_of_each_delivery_leads_to_the_page_that_it_is_on(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(150)))
    desk.work()
    broadcast = desk.around.asked[broadcast_id]
    for page, count in ((0, 100), (1, 50)):
        found = desk.log.find(broadcast.page_id(page))
        assert found is not None
        assert len(found[1]) == count
        assert {notification_of(each.delivery_id) for each in found[1]} == {broadcast.page_id(page)}


def test_what_is_gathered_waits_for_the_end_of_its_window_in_the_digest_of_its_reader(desk: Desk) -> None:
    desk.digests["news"] = Digest(HOUR, "list")
    desk.templates.stored["list", "email", "default"] = Content(
        subject="{{ count }}", body="{% for each in items %}{{ each.subject }}{% endfor %}"
    )
    broadcast_id = desk.begin(csv("ada@example.com", "bob@example.com"))
    desk.work()
    found = desk.log.find(desk.around.asked[broadcast_id].page_id(0))
    assert found is not None
    assert {(each.reason, each.send_at) for each in found[1]} == {(Reason.DIGEST, NOW + HOUR)}
    assert len({each.digest_id for each in found[1]} - {None}) == 2
    assert {each.digest_template and each.digest_template.name for each in found[1]} == {"list"}
    assert desk.bus.taken == []
    assert desk.state(broadcast_id).pending == 2


def test_a_digest_that_cannot_list_it_is_told_at_once(desk: Desk) -> None:
    desk.digests["news"] = Digest(HOUR, "list")
    with pytest.raises(InvalidRequest) as missing:
        desk.create()
    desk.templates.stored["list", "email", "default"] = Content(subject="{{ none_such }}", body="b")
    with pytest.raises(InvalidRequest) as unfit:
        desk.create()
    assert [each.field for error in (missing, unfit) for each in error.value.errors] == ["category", "category"]
    assert desk.around.asked == {}


@pytest.mark.parametrize("dies_after", [False, True])
def test_killed_at_any_call_nobody_is_lost_and_nobody_gets_it_twice(dies_after: bool) -> None:
    readers = addresses(230)
    for call in range(1, 12):
        desk = Desk()
        broadcast_id = desk.begin(csv(*readers, readers[3], "bad"))
        desk.around.dies_at, desk.around.dies_after = call, dies_after
        desk.work()
        state = desk.state(broadcast_id)
        assert desk.reached() == readers, call
        assert (state.status, state.planned, state.duplicates, state.rejected) == (State.FINISHED, 230, 1, 1), call


def test_whoever_is_not_told_that_he_has_moved_it_goes_on_all_the_same(desk: Desk) -> None:
    desk.around.loses_answers = True
    whole, canceled = desk.begin(csv(*addresses(350))), desk.begin(csv(*addresses(350)), rate=50)
    desk.work(most=2)
    desk.service.cancel(canceled, DEMO)
    desk.work()
    assert (desk.state(whole).status, desk.state(whole).planned) == (State.FINISHED, 350)
    assert (desk.state(canceled).status, desk.state(canceled).pending) == (State.CANCELED, 0)


def test_a_step_that_comes_again_does_nothing(desk: Desk) -> None:
    desk.begin(csv(*addresses(150)))
    [(first, _)] = desk.around.steps
    desk.work()
    assert desk.fan_out.go_on(first, desk.clock() + HOUR).pages == 0
    assert len(desk.reached()) == 150


def test_it_holds_no_more_of_a_file_than_a_piece(desk: Desk) -> None:
    desk.begin(csv(*addresses(4000)))
    desk.work()
    assert len(desk.reached()) == 4000
    assert max(desk.around.read_bytes) <= 64 * 1024


def test_its_rate_is_kept_and_a_wait_is_no_reason_to_hurry_later(desk: Desk) -> None:
    desk.begin(csv(*addresses(1000)), rate=50)
    desk.work()
    # Twenty pages of fifty: a second after each, but for the first second that may be made up for.
    assert timedelta(seconds=17) <= desk.clock() - NOW <= timedelta(seconds=20)


def test_a_slow_broadcast_has_small_pages_as_an_urgent_one_may_wait_for_a_whole_one(desk: Desk) -> None:
    desk.begin(csv(*addresses(60)), rate=25)
    desk.work()
    sizes = Counter(notification_id for notification_id, _ in desk.log.records)
    assert sorted(sizes.values()) == [10, 25, 25]


def test_no_page_is_released_while_the_channel_is_crowded(desk: Desk) -> None:
    desk.around.crowd = ROOM
    desk.begin(csv(*addresses(150)))
    desk.work(most=5)
    assert desk.reached() == []
    desk.around.crowd = ROOM - 1
    desk.work()
    assert len(desk.reached()) == 150


def test_paused_it_releases_nothing_and_resumed_it_goes_on_where_it_was(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(300)), rate=1)
    desk.work(most=2)
    assert desk.service.pause(broadcast_id, DEMO).status is State.PAUSED
    desk.work()
    released = len(desk.reached())
    assert 10 <= released < 300
    desk.service.resume(broadcast_id, DEMO)
    desk.service.resume(broadcast_id, DEMO)
    desk.work()
    assert desk.reached() == addresses(300)
    assert desk.state(broadcast_id).planned == 300


def test_canceled_it_sends_nothing_more_not_even_what_was_released(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(300)), rate=1)
    desk.work(most=2)
    assert desk.service.cancel(broadcast_id, DEMO).status is State.CANCELING
    desk.work()
    state = desk.state(broadcast_id)
    assert desk.reached() == []
    assert (state.status, state.canceled, state.pending) == (State.CANCELED, state.planned, 0)
    with pytest.raises(Conflict):
        desk.service.resume(broadcast_id, DEMO)


@pytest.mark.parametrize("dies_after", [False, True])
def test_killed_as_it_is_canceled_nothing_is_sent_all_the_same(dies_after: bool) -> None:
    for call in range(1, 6):
        desk = Desk()
        broadcast_id = desk.begin(csv(*addresses(300)), rate=50)
        desk.work(most=2)
        desk.service.cancel(broadcast_id, DEMO)
        desk.around.dies_at, desk.around.dies_after = call, dies_after
        desk.work()
        assert desk.reached() == [], call
        assert desk.state(broadcast_id).status is State.CANCELED, call


def test_a_step_that_always_fails_stalls_it_until_somebody_resumes(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(150)))
    [(step, _)] = desk.around.steps
    desk.around.steps.clear()
    assert desk.fan_out.stall(step)
    assert not desk.fan_out.stall(step)
    assert desk.state(broadcast_id).status is State.STALLED
    desk.service.resume(broadcast_id, DEMO)
    assert not desk.fan_out.stall(step), "a step of an earlier run stalls no later one"
    desk.work()
    assert desk.reached() == addresses(150)


def test_a_tag_is_an_audience_and_begins_at_once(desk: Desk) -> None:
    names = [f"u{number:03}" for number in range(230)]
    desk.people.known |= {name: user(f"{name}@example.com") for name in names}
    desk.around.tagged = names
    state = desk.create(audience={"tag": "spring"})
    assert (state.status, state.upload) == (State.RUNNING, None)
    desk.work()
    assert desk.reached() == [f"{name}@example.com" for name in names]


def test_a_dry_run_counts_all_and_sends_nothing(desk: Desk) -> None:
    desk.people.known["ada"] = user("ada@example.com", categories={"news": {"email": False}})
    broadcast_id = desk.begin(
        "\n".join(["user_id,email", "ada,", *(f",{each}" for each in addresses(150)), "x"]).encode(), dry_run=True
    )
    desk.work()
    state = desk.state(broadcast_id)
    assert (state.recipients, state.planned, state.rejected, state.reasons) == (151, 151, 1, {"opted_out": 1})
    assert (desk.log.notifications, desk.bus.taken, state.pending) == ({}, [], 0)


def test_a_file_that_cannot_be_an_audience_ends_it_and_says_why(desk: Desk) -> None:
    broadcast_id = desk.begin(b"name\nAda\n")
    desk.work()
    state = desk.state(broadcast_id)
    assert (state.status, state.recipients) == (State.FAILED, 0)
    assert "user_id, email, phone" in (state.problem or "")


def test_it_ends_when_it_has_expired(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(300)), rate=1, expires_at=(NOW + timedelta(minutes=2)).isoformat())
    desk.work()
    state = desk.state(broadcast_id)
    assert state.status is State.FAILED
    assert 10 <= state.planned < 300


def test_a_page_that_cannot_be_accepted_is_told_and_stops_nothing(desk: Desk) -> None:
    broadcast_id = desk.create().broadcast_id
    desk.around.file = csv(*addresses(150))
    desk.service.start(broadcast_id, DEMO)
    asked = desk.around.asked[broadcast_id]
    broken = asked.request.model_copy(update={"data": {}})
    desk.around.asked[broadcast_id] = asked.model_copy(update={"request": broken})
    desk.work()
    state = desk.state(broadcast_id)
    assert (state.status, state.planned, state.rejected) == (State.FINISHED, 0, 150)
    assert "name" in state.rejections[0].message


def test_what_is_wrong_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(InvalidRequest):
        desk.create(data={})
    with pytest.raises(InvalidRequest):
        desk.create(category="payment")
    with pytest.raises(InvalidRequest):
        desk.create(content=None, template="none-such")
    state = desk.create()
    with pytest.raises(Conflict):
        desk.service.start(state.broadcast_id, DEMO)
    assert desk.around.steps == []


def test_a_key_is_one_broadcast(desk: Desk) -> None:
    desk.people.known["ada"] = user("ada@example.com")
    desk.around.tagged = ["ada"]
    first, again = (desk.create(key="k", audience={"tag": "spring"}) for _ in range(2))
    assert first.broadcast_id == again.broadcast_id
    desk.work()
    assert desk.reached() == ["ada@example.com"]
    with pytest.raises(IdempotencyMismatch):
        desk.create(key="k", audience={"tag": "autumn"})


def test_nobody_sees_or_moves_the_broadcast_of_another_app(desk: Desk) -> None:
    broadcast_id = desk.create().broadcast_id
    for call in (desk.service.start, desk.service.pause, desk.service.resume, desk.service.cancel):
        with pytest.raises(NotFound):
            call(broadcast_id, OTHER)
    with pytest.raises(NotFound):
        desk.service.state(broadcast_id, OTHER, NOW)


def test_pages_that_are_done_with_are_counted_once(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(250)))
    desk.work()
    for record in list(desk.log.records.values()):
        desk.log.close(record.delivery.event(), Status.ERROR, "expired", NOW)  # type: ignore[arg-type]
    assert desk.state(broadcast_id).failed == 250
    assert desk.around.moves[broadcast_id].settled_pages == 3
    desk.log.notifications.clear()
    assert desk.state(broadcast_id).failed == 250


def test_a_page_that_waits_does_not_let_those_after_it_be_counted_again(desk: Desk) -> None:
    broadcast_id = desk.begin(csv(*addresses(250)))
    desk.work()
    records = list(desk.log.records.values())
    for record in records[1:]:
        desk.log.close(record.delivery.event(), Status.ERROR, "expired", NOW)  # type: ignore[arg-type]
    for _ in range(2):
        assert (desk.state(broadcast_id).failed, desk.state(broadcast_id).pending) == (249, 1)
    assert len(desk.around.moves[broadcast_id].unsettled) == 1
