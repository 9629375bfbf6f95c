"""Whatever is done at the same time, it comes to the same as one after the other, and each device is one user's."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.adapters.aws import dynamo
from handlers.domain.problems import Contended
from tests.emulator.adapters.registry import PHONES, Action, Meanwhile, Registry, expected

# What there is before: nothing, contacts without devices, or phones of both.
BEFORE: tuple[tuple[Action, ...], ...] = (
    (),
    (("put bare", "ada"), ("put bare", "bob")),
    (("put", "ada", "1", "2"), ("put", "bob", "3")),
)
ACTIONS: tuple[Action, ...] = (
    ("put", "ada", "1"),
    ("put", "ada", "2", "3"),
    ("put bare", "ada"),
    ("patch", "ada", "1", "3"),
    ("patch null", "ada"),
    ("add", "ada", "1"),
    ("add", "ada", "3"),
    ("remove", "ada", "1"),
    ("forget", "ada", "1"),
    ("delete", "ada"),
)
BY_OTHERS: tuple[Action, ...] = (
    ("put", "ada", "2", "3"),
    ("put bare", "ada"),
    ("patch null", "ada"),
    ("patch other", "ada"),
    ("add", "ada", "1"),
    ("remove", "ada", "1"),
    ("delete", "ada"),
    ("put", "bob", "1", "2", "3"),
    ("add", "bob", "1"),
    ("remove", "bob", "3"),
    ("delete", "bob"),
)

USERS = st.sampled_from(["ada", "bob", "cyd"])
ANY_ACTION = st.one_of(
    st.tuples(st.sampled_from(["put", "patch"]), USERS, st.lists(st.sampled_from("123"), unique=True)).map(
        lambda action: (action[0], action[1], *action[2])
    ),
    st.tuples(st.sampled_from(["add", "remove", "forget"]), USERS, st.sampled_from("123")),
    st.tuples(st.sampled_from(["put bare", "patch null", "patch other", "delete"]), USERS),
)


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for."""
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)


@pytest.mark.usefixtures("without_pauses", "untraced")
@pytest.mark.parametrize("before", BEFORE, ids=["nothing", "bare", "phones"])
@pytest.mark.parametrize("action", ACTIONS, ids=" ".join)
def test_what_others_do_at_any_point_in_between_comes_before_or_after(
    action: Action, before: tuple[Action, ...], registry: Registry
) -> None:
    registry.start(before)
    held = registry.held()
    alone = Meanwhile(registry.client)
    registry.seen_by(alone).do(action)
    there = registry.held()
    assert registry.state(there) == expected(*before, action)
    for other, nth in product(BY_OTHERS, range(len(alone.calls))):
        registry.hold(held, there)
        client = Meanwhile(registry.client, nth, partial(registry.do, other))
        registry.seen_by(client).do(action)
        one_after_the_other = [expected(*before, action, other), expected(*before, other, action)]
        there = registry.held()
        assert registry.state(there) in one_after_the_other, (other, client.calls[: nth + 1])
        registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to(there)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ANY_ACTION, min_size=1, max_size=12))
def test_the_contacts_are_what_was_done_to_them(actions: list[Action], registry: Registry) -> None:
    registry.start(actions)
    assert registry.state() == expected(*actions)
    registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to()


@pytest.mark.parametrize("verb", ["add", "put"])
def test_of_many_who_register_one_device_at_once_exactly_one_has_it(verb: str, registry: Registry) -> None:
    users = [f"user-{number}" for number in range(8)]
    with ThreadPoolExecutor(len(users)) as threads:
        done = list(threads.map(lambda user: attempted(registry, (verb, user, "1")), users))
    assert any(done)
    registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to()
    assert registry.owner(PHONES["1"]) in users


def test_devices_added_to_one_user_at_once_are_all_there(registry: Registry) -> None:
    with ThreadPoolExecutor(len(PHONES)) as threads:
        done = list(threads.map(lambda name: attempted(registry, ("add", "ada", name)), PHONES))
    assert all(done)
    assert sorted(registry.state()["ada"]["device_tokens"], key=str) == list(PHONES.values())


def test_a_tumult_leaves_each_device_to_one_user(registry: Registry) -> None:
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda action: attempted(registry, action), BY_OTHERS * 4))
    registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to()


def attempted(registry: Registry, action: Action) -> bool:
    """Whether it was done, or given up as all the others were in its way."""
    try:
        registry.do(action)
    except Contended:
        return False
    return True
