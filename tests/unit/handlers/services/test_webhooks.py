"""Setting a webhook, announcing moves for it, and telling them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from handlers.domain.notifications.deliveries import Step
from handlers.domain.notifications.statuses import Status
from handlers.domain.problems import InvalidRequest
from handlers.domain.providers.errors import ProviderError, RecipientRefusedError, ThrottledError, UnavailableError
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import SUSPENDED_AFTER, StatusChanged, Webhook, WebhookRequest
from handlers.services.webhooks import Announcer, Teller, Telling, WebhookDesk
from tests.unit.handlers.samples import NOW, delivery

URL = "https://billing.example/statuses"


@dataclass
class Memory:
    """Webhooks in memory; what is broken cannot be read."""

    kept: dict[str, Webhook] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    writes: int = 0

    def find(self, app_key: str) -> Webhook | None:
        if app_key in self.broken:
            raise ConnectionError
        return self.kept.get(app_key)

    def put(self, app_key: str, url: str, statuses: frozenset[Status]) -> Webhook:
        self.versions[app_key] = self.versions.get(app_key, 0) + 1
        self.kept[app_key] = Webhook(app_key, url, statuses, self.versions[app_key])
        return self.kept[app_key]

    def end(self, app_key: str) -> None:
        self.kept.pop(app_key, None)

    def note(self, before: Webhook, after: Webhook) -> None:
        self.writes += 1
        if self.kept.get(before.app_key) == before:
            self.kept[before.app_key] = after


class Keys:
    def key(self, app_key: str, version: int) -> bytes:
        return f"{app_key} {version}".encode().ljust(32)


@dataclass
class Box:
    """A queue that does not take what is for these apps."""

    refuses: frozenset[str] = frozenset()
    taken: list[StatusChanged] = field(default_factory=list)

    def put(self, messages: Sequence[StatusChanged]) -> list[str]:
        self.taken += [each for each in messages if each.app_key not in self.refuses]
        return [each.event_id for each in messages if each.app_key in self.refuses]


@dataclass
class Endpoint:
    """Fails as it is told, and keeps what it got."""

    error: ProviderError | None = None
    got: list[StatusChanged] = field(default_factory=list)

    def post(self, webhook: Webhook, message: StatusChanged) -> None:
        if self.error is not None:
            raise self.error
        self.got.append(message)


def webhooks(*apps: str, statuses: frozenset[Status] = frozenset()) -> Memory:
    memory = Memory()
    for app in apps:
        memory.put(app, URL, statuses)
    return memory


def life(app_key: str, *statuses: Status, first: int = 1) -> list[Change]:
    """The changes of a delivery that is accepted and then moves so."""
    passed = [delivery(app_key=app_key)]
    for status in statuses:
        step = Step(status=status, at=NOW)
        passed.append(passed[-1].model_copy(update={"status": status, "timeline": (*passed[-1].timeline, step)}))
    return [
        Change(ordered(str(first + place)), passed[place - 1] if place else None, each)
        for place, each in enumerate(passed)
    ]


def message() -> StatusChanged:
    told = StatusChanged.of(life("billing")[0])
    assert told is not None
    return told


def test_each_move_of_an_app_with_a_webhook_is_announced_in_order_and_nobody_else_s() -> None:
    box = Box()
    changes = [*life("billing", Status.PENDING, Status.SENT), *life("silent", Status.PENDING, first=10)]
    assert not Announcer(webhooks("billing"), box).follow(changes)
    assert [each.status for each in box.taken] == [Status.CREATED, Status.PENDING, Status.SENT]
    assert {each.app_key for each in box.taken} == {"billing"}


def test_only_the_statuses_asked_for_are_announced_and_none_of_a_suspended_endpoint() -> None:
    box, memory = Box(), webhooks("billing", "dead", statuses=frozenset({Status.SENT}))
    memory.kept["dead"] = replace(memory.kept["dead"], suspended_since=NOW)
    changes = [each for app in ("billing", "dead") for each in life(app, Status.PENDING, Status.SENT)]
    assert not Announcer(memory, box).follow(changes)
    assert [(each.app_key, each.status) for each in box.taken] == [("billing", Status.SENT)]


def test_what_comes_again_is_announced_by_the_same_ids() -> None:
    box, changes = Box(), life("billing", Status.PENDING)
    announcer = Announcer(webhooks("billing"), box)
    announcer.follow(changes)
    announcer.follow(changes)
    assert [each.event_id for each in box.taken[:2]] == [each.event_id for each in box.taken[2:]]
    assert len({each.event_id for each in box.taken}) == 2


def test_what_the_queue_does_not_take_or_nobody_can_look_up_comes_again_and_the_rest_is_announced() -> None:
    box, memory = Box(refuses=frozenset({"refused"})), webhooks("billing", "refused", "broken")
    memory.broken = {"broken"}
    lives = {app: life(app, Status.PENDING) for app in ("billing", "refused", "broken")}
    failed = Announcer(memory, box).follow([each for some in lives.values() for each in some])
    assert sorted(each.delivery.app_key for each in failed) == ["broken", "broken", "refused", "refused"]
    assert [each.app_key for each in box.taken] == ["billing", "billing"]


def test_each_put_has_another_secret_also_after_a_delete_and_it_is_not_shown_again() -> None:
    memory = webhooks()
    desk = WebhookDesk(memory, Keys())
    request = WebhookRequest.model_validate({"url": URL, "statuses": ["error"]})
    secrets = [desk.put("billing", request)[0].secret, desk.put("billing", request)[0].secret]
    desk.end("billing")
    assert desk.show("billing") is None
    secrets.append(desk.put("billing", request)[0].secret)
    assert len(set(secrets)) == 3
    shown = desk.show("billing")
    assert shown is not None
    assert shown.model_dump(mode="json") == {"url": URL, "statuses": ["error"]}


def test_what_get_answers_can_be_put_back_and_nothing_else_be_said_of_how_it_does() -> None:
    memory = webhooks("billing")
    memory.kept["billing"] = memory.kept["billing"].after_failure(NOW, for_good=True)
    desk = WebhookDesk(memory, Keys())
    shown = desk.show("billing")
    assert shown is not None
    document = shown.model_dump(mode="json")
    other = {**document, "failing_since": "2030-01-01T00:00:00Z"}
    for app, given, refused in (
        ("billing", other, ["failing_since"]),
        ("other", document, ["failing_since", "suspended_since"]),
    ):
        with pytest.raises(InvalidRequest) as problem:
            desk.put(app, WebhookRequest.model_validate(given))
        assert [each.field for each in problem.value.errors] == refused
    _, is_new = desk.put("billing", WebhookRequest.model_validate(document))
    assert not is_new
    assert memory.kept["billing"].suspended_since is None


def test_a_put_lets_a_suspended_endpoint_be_told_again() -> None:
    memory = webhooks("billing")
    memory.kept["billing"] = memory.kept["billing"].after_failure(NOW, for_good=True)
    WebhookDesk(memory, Keys()).put("billing", WebhookRequest(url=URL))
    assert Teller(memory, Endpoint(), lambda: NOW).tell(message()) == (Telling.TOLD, 0)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_an_endpoint_that_fails_for_a_day_is_suspended_at_two_writes_and_not_called_after_that() -> None:
    memory, endpoint, clock = webhooks("billing"), Endpoint(UnavailableError("503")), Clock()
    teller = Teller(memory, endpoint, clock)
    assert [teller.tell(message())[0] for _ in range(5)] == [Telling.RETRY] * 5
    clock.now += SUSPENDED_AFTER
    assert teller.tell(message())[0] is Telling.SUSPENDED
    assert memory.writes == 2
    endpoint.error = None
    assert teller.tell(message()) == (Telling.DROPPED, 0)
    assert endpoint.got == []


def test_one_success_ends_a_row_of_failures() -> None:
    memory, endpoint, clock = webhooks("billing"), Endpoint(UnavailableError("503")), Clock()
    teller = Teller(memory, endpoint, clock)
    teller.tell(message())
    endpoint.error = None
    assert [teller.tell(message())[0] for _ in range(3)] == [Telling.TOLD] * 3
    assert memory.writes == 2
    endpoint.error = UnavailableError("503")
    clock.now += SUSPENDED_AFTER + timedelta(days=1)
    assert teller.tell(message())[0] is Telling.RETRY


def test_who_asks_for_patience_gets_it_and_does_not_count_as_failing() -> None:
    memory = webhooks("billing")
    teller = Teller(memory, Endpoint(ThrottledError("429", 40)), lambda: NOW)
    assert teller.tell(message()) == (Telling.RETRY, 40)
    assert memory.writes == 0


def test_an_endpoint_that_is_gone_is_suspended_at_once() -> None:
    memory = webhooks("billing")
    assert Teller(memory, Endpoint(RecipientRefusedError("410")), lambda: NOW).tell(message())[0] is Telling.SUSPENDED
    assert memory.kept["billing"].suspended_since == NOW


@pytest.mark.parametrize("chosen", [frozenset({Status.ERROR}), None])
def test_what_the_app_does_not_want_any_more_is_dropped(chosen: frozenset[Status] | None) -> None:
    memory, endpoint = webhooks() if chosen is None else webhooks("billing", statuses=chosen), Endpoint()
    assert Teller(memory, endpoint, lambda: NOW).tell(message()) == (Telling.DROPPED, 0)
    assert endpoint.got == []


def test_that_its_state_cannot_be_written_does_not_change_what_came_of_a_message() -> None:
    class Unwritable(Memory):
        def note(self, before: Webhook, after: Webhook) -> None:
            raise ConnectionError

    memory = Unwritable()
    memory.kept["billing"] = Webhook("billing", URL, frozenset(), 1, failing_since=NOW)
    assert Teller(memory, Endpoint(), lambda: NOW).tell(message()) == (Telling.TOLD, 0)
