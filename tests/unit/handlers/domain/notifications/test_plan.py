"""The plan: by example where the design gives one, by property for every request there can be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.callers import Caller
from handlers.domain.channels import Channel
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.plan import Planned, plan
from handlers.domain.notifications.requests import NotificationRequest
from handlers.domain.notifications.statuses import INITIAL, Status
from handlers.domain.people.person import NOBODY, Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import Settings
from handlers.domain.problems import InvalidRequest, ScopeNotGranted
from tests.unit.handlers.samples import DEMO, NOW, request

CHANNELS: tuple[Channel, ...] = ("push", "sms", "email", "chat")
CATEGORIES: Mapping[str, Sequence[Channel]] = {"payment": CHANNELS, "newsletter": ("email",)}

ADA = Person(
    Reach(
        {
            "email": (Endpoint("ada@example.com"),),
            "sms": (Endpoint("+442079460123"),),
            "push": (Endpoint("t1", "apns"), Endpoint("t2", "fcm")),
            "chat": (Endpoint("https://hooks.slack.com/1", "slack"),),
        },
        locale="de-AT",
    )
)


def planned(
    given_request: NotificationRequest,
    people: Mapping[str, Person] | None = None,
    caller: Caller = DEMO,
    served: Sequence[Channel] = CHANNELS,
) -> tuple[Planned, ...]:
    return plan(given_request, caller=caller, categories=CATEGORIES, served=served, people=people or {}, now=NOW)


def test_a_user_is_sent_to_on_every_channel_and_device() -> None:
    assert planned(request(), {"ada": ADA}) == (
        Planned("push", Status.CREATED, "ada", Endpoint("t1", "apns"), "de-AT"),
        Planned("push", Status.CREATED, "ada", Endpoint("t2", "fcm"), "de-AT"),
        Planned("sms", Status.CREATED, "ada", Endpoint("+442079460123"), "de-AT"),
        Planned("email", Status.CREATED, "ada", Endpoint("ada@example.com"), "de-AT"),
        Planned("chat", Status.CREATED, "ada", Endpoint("https://hooks.slack.com/1", "slack"), "de-AT"),
    )


def test_only_the_channels_asked_for_are_used() -> None:
    assert [each.channel for each in planned(request(channels=["sms", "email"]), {"ada": ADA})] == ["sms", "email"]


def test_a_category_is_sent_on_other_channels_than_its_own_when_they_are_asked_for() -> None:
    found = planned(request(category="newsletter", channels=["sms"]), {"ada": ADA})
    assert [(each.channel, each.status) for each in found] == [("sms", Status.CREATED)]


def test_a_category_is_sent_on_its_own_channels_by_default() -> None:
    assert [each.channel for each in planned(request(category="newsletter"), {"ada": ADA})] == ["email"]


def test_who_cannot_be_reached_is_told_why() -> None:
    people = {
        "out": Person(ADA.reach, Settings(categories={"newsletter": {"email": False}})),
        "silent": Person(Reach({"sms": (Endpoint("+442079460123"),)})),
        "nobody": NOBODY,
    }
    to = [{"user_id": user} for user in ("out", "silent", "nobody", "unheard-of")]
    assert planned(request(category="newsletter", to=to), people) == (
        Planned("email", Status.UNSUBSCRIBED, "out", reason=Reason.OPTED_OUT),
        Planned("email", Status.ERROR, "silent", reason=Reason.NO_ENDPOINT),
        Planned("email", Status.ERROR, "nobody", reason=Reason.UNKNOWN_CONTACT),
        Planned("email", Status.ERROR, "unheard-of", reason=Reason.UNKNOWN_CONTACT),
    )


def test_who_opted_out_of_one_channel_is_reached_on_the_others() -> None:
    people = {"ada": Person(ADA.reach, Settings(categories={"payment": {"push": False}}))}
    assert [(each.channel, each.status) for each in planned(request(), people)] == [
        ("push", Status.UNSUBSCRIBED),
        ("sms", Status.CREATED),
        ("email", Status.CREATED),
        ("chat", Status.CREATED),
    ]


def test_a_bare_address_is_sent_to_on_its_own_channel_alone() -> None:
    to = [{"email": "bob@example.com"}, {"phone": "+442079460123"}]
    assert planned(request(to=to)) == (
        Planned("email", Status.CREATED, endpoint=Endpoint("bob@example.com")),
        Planned("sms", Status.CREATED, endpoint=Endpoint("+442079460123")),
    )


def test_a_bare_address_that_unsubscribed_is_sent_nothing_of_that_category() -> None:
    to = [{"email": "bob@example.com"}, {"email": "eve@example.com"}]
    out = Person(None, Settings(categories={"newsletter": {"email": False}}))
    people = {request(to=to).to[0].key: out}
    assert planned(request(category="newsletter", to=to), people) == (
        Planned("email", Status.UNSUBSCRIBED, endpoint=Endpoint("bob@example.com"), reason=Reason.OPTED_OUT),
        Planned("email", Status.CREATED, endpoint=Endpoint("eve@example.com")),
    )
    assert {each.status for each in planned(request(to=to, channels=["email"]), people)} == {Status.CREATED}


def test_a_bare_address_on_another_channel_has_no_endpoint_there() -> None:
    to = [{"phone": "+442079460123"}, {"phone": "+442079460124"}]
    found = planned(request(category="newsletter", to=to))
    assert [(each.channel, each.status, each.reason) for each in found] == [
        ("email", Status.ERROR, Reason.NO_ENDPOINT),
        ("email", Status.ERROR, Reason.NO_ENDPOINT),
    ]


def test_who_is_named_twice_is_sent_to_once() -> None:
    once = planned(request(to=[{"user_id": "ada"}]), {"ada": ADA})
    assert planned(request(to=[{"user_id": "ada"}] * 3), {"ada": ADA}) == once


def test_each_delivery_knows_the_place_of_the_first_recipient_that_it_is_for() -> None:
    to = [{"email": "ADA@example.com"}, {"phone": "+442079460124"}, *[{"user_id": "ada"}] * 2, {"user_id": "nobody"}]
    found = planned(request(to=to, channels=["email", "sms"]), {"ada": ADA})
    assert [(each.to, each.channel) for each in found] == [
        (1, "sms"),
        (2, "email"),
        (2, "sms"),
        (4, "email"),
        (4, "sms"),
    ]


def test_two_who_share_an_address_are_two() -> None:
    found = planned(
        request(category="newsletter", to=[{"user_id": "bob"}, {"user_id": "ada"}]), dict.fromkeys(("bob", "ada"), ADA)
    )
    assert [(each.user_id, each.status) for each in found] == [("bob", Status.CREATED), ("ada", Status.CREATED)]


def test_one_address_is_sent_to_once_however_it_is_written_and_whoever_is_named_by_it() -> None:
    bare = [{"email": "Ada@Example.com"}, {"email": "ada@example.com"}, {"email": "ADA@EXAMPLE.COM"}]
    assert planned(request(category="newsletter", to=bare)) == (
        Planned("email", Status.CREATED, endpoint=Endpoint("Ada@example.com")),
    )
    user = Planned("email", Status.CREATED, "ada", Endpoint("ada@example.com"), "de-AT")
    for to in ([*bare, {"user_id": "ada"}], [{"user_id": "ada"}, *bare]):
        assert planned(request(category="newsletter", to=to), {"ada": ADA}) == (user,)
    texted = planned(request(channels=["sms"], to=[{"phone": "+442079460123"}, {"user_id": "ada"}]), {"ada": ADA})
    assert [each.user_id for each in texted] == ["ada"]


def test_a_domain_is_the_same_in_its_own_letters_and_in_punycode() -> None:
    to = [{"email": "ada@bücher.example"}, {"email": "Ada@XN--BCHER-KVA.example"}]
    assert len(planned(request(category="newsletter", to=to))) == 1


def test_an_opt_out_belongs_to_the_address_however_its_holder_is_named() -> None:
    out = Person(settings=Settings(categories={"newsletter": {"email": False}}))
    people = {"ada": ADA, "bob": ADA, address_key("ada@example.com"): out}
    to = [{"user_id": "ada"}, {"user_id": "bob"}, {"email": "ADA@example.com"}]
    for each in to:
        [found] = planned(request(category="newsletter", to=[each]), people)
        assert (found.status, found.reason) == (Status.UNSUBSCRIBED, Reason.OPTED_OUT)
    assert {each.status for each in planned(request(category="newsletter", channels=["sms"], to=to[:2]), people)} == {
        Status.CREATED
    }


def test_nobody_is_out_of_a_critical_category() -> None:
    out = Person(ADA.reach, Settings(categories={"payment": dict.fromkeys(CHANNELS, False)}))
    people = {"ada": out, address_key("ada@example.com"): out}
    for to in ({"user_id": "ada"}, {"email": "ada@example.com"}):
        found = plan(
            request(to=[to]),
            caller=DEMO,
            categories=CATEGORIES,
            served=CHANNELS,
            people=people,
            now=NOW,
            critical=frozenset({"payment"}),
        )
        assert {each.status for each in found} == {Status.CREATED}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"category": "unheard-of"}, ["category"]),
        ({"channels": ["email", "chat", "push"]}, ["channels.1", "channels.2"]),
        ({"expires_at": NOW}, ["expires_at"]),
    ],
)
def test_what_cannot_be_sent_here_and_now_is_refused_naming_the_field(fields: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InvalidRequest) as error:
        planned(request(**fields), served=["email"])
    assert [each.field for each in error.value.errors] == named


@pytest.mark.parametrize(
    ("caller", "fields"),
    [
        (Caller("demo", {"billing"}, {"*"}), {}),
        # Not that there is no such category: an app learns of none but its own.
        (Caller("demo", {"billing"}, {"*"}), {"category": "unheard-of"}),
        (Caller("demo", {"*"}, {"email"}), {"channels": ["email", "sms"]}),
        (Caller("demo", {"*"}, {"email"}), {"channels": ["sms"], "category": "newsletter"}),
        (Caller("demo", {"*"}, {"email"}), {}),
        (Caller("demo", set(), set()), {}),
    ],
)
def test_what_is_out_of_scope_is_refused(caller: Caller, fields: dict[str, Any]) -> None:
    with pytest.raises(ScopeNotGranted):
        planned(request(**fields), {"ada": ADA}, caller)


def test_what_is_in_scope_is_planned() -> None:
    caller = Caller("demo", {"payment"}, {"email"})
    assert len(planned(request(channels=["email"]), {"ada": ADA}, caller)) == 1


# -- for every request -------------------------------------------------------------------------------------------------

endpoints = st.lists(st.builds(Endpoint, st.sampled_from(["a@example.com", "b", "c"])), max_size=3, unique=True).map(
    tuple
)
reaches = st.builds(Reach, st.dictionaries(st.sampled_from(CHANNELS), endpoints), st.sampled_from([None, "de", "en"]))
chosen = st.builds(
    Settings, categories=st.dictionaries(st.just("payment"), st.dictionaries(st.sampled_from(CHANNELS), st.booleans()))
)
people = st.dictionaries(st.sampled_from(["ada", "bob", "cleo"]), st.builds(Person, st.none() | reaches, chosen))
recipients = st.one_of(
    st.sampled_from(["ada", "bob", "cleo", "dora"]).map(lambda user: {"user_id": user}),
    st.sampled_from(["a@example.com", "b@example.com"]).map(lambda email: {"email": email}),
    st.just({"phone": "+442079460123"}),
)
requests = st.builds(
    lambda to, channels: request(to=to, channels=channels),
    st.lists(recipients, min_size=1, max_size=6),
    st.none() | st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True),
)


@given(requests, people)
def test_every_delivery_is_either_to_be_sent_somewhere_or_final_with_a_reason(
    given_request: NotificationRequest, known: dict[str, Person]
) -> None:
    for each in planned(given_request, known):
        assert each.status in INITIAL
        if each.status is Status.CREATED:
            assert each.endpoint is not None
            assert each.reason is None
        else:
            assert each.reason is not None


@given(requests, people)
def test_nobody_is_sent_to_who_opted_out_or_on_a_channel_that_was_not_asked_for(
    given_request: NotificationRequest, known: dict[str, Person]
) -> None:
    for each in planned(given_request, known):
        assert each.channel in (given_request.channels or CHANNELS)
        if each.status is Status.CREATED and each.user_id is not None:
            assert known[each.user_id].settings.allow("payment", each.channel)
            assert each.endpoint in known[each.user_id].reach.on(each.channel)  # type: ignore[union-attr]


@given(requests, people)
def test_every_user_is_accounted_for_on_every_channel(
    given_request: NotificationRequest, known: dict[str, Person]
) -> None:
    found = {(each.user_id, each.channel) for each in planned(given_request, known)}
    for user_id in {recipient.user_id for recipient in given_request.to if recipient.user_id}:
        assert {(user_id, channel) for channel in given_request.channels or CHANNELS} <= found


@given(requests, people)
def test_no_delivery_is_planned_twice(given_request: NotificationRequest, known: dict[str, Person]) -> None:
    found = planned(given_request, known)
    assert len(set(found)) == len(found)


@given(requests, people, st.randoms())
def test_the_plan_of_a_recipient_depends_on_no_others_but_users_at_the_same_address(
    given_request: NotificationRequest, known: dict[str, Person], random: Any
) -> None:
    alone = {
        each
        for recipient in given_request.to
        for each in planned(given_request.model_copy(update={"to": [recipient]}), known)
    }
    shuffled = list(given_request.to)
    random.shuffle(shuffled)
    found = set(planned(given_request.model_copy(update={"to": shuffled}), known))
    of_users = {(each.channel, each.endpoint) for each in alone if each.user_id is not None}
    assert found == {each for each in alone if each.user_id or (each.channel, each.endpoint) not in of_users}


# -- when --------------------------------------------------------------------------------------------------------------

# NOW is noon in UTC, and one in the morning of the next day in Auckland.
NIGHT = Settings.model_validate({"quiet_hours": {"start": "22:00", "end": "08:00"}, "timezone": "Pacific/Auckland"})
ASLEEP = replace(ADA, settings=NIGHT)
WAKES = datetime(2030, 1, 31, 19, 0, tzinfo=UTC)


def waits(people: Mapping[str, Person], critical: frozenset[str] = frozenset(), **fields: Any) -> set[Any]:
    """Until when each delivery waits, and why."""
    found = plan(
        request(**fields),
        caller=DEMO,
        categories=CATEGORIES,
        served=CHANNELS,
        people=people,
        now=NOW,
        critical=critical,
    )
    assert {each.status for each in found} == {Status.CREATED}
    return {(each.send_at, each.reason) for each in found}


def test_who_sleeps_is_sent_to_when_they_wake_and_who_is_awake_at_once() -> None:
    assert waits({"ada": ASLEEP}) == {(WAKES, Reason.QUIET_HOURS)}
    assert waits({"ada": ADA}) == {(None, None)}
    both = [{"user_id": "ada"}, {"user_id": "bob"}, {"email": "eve@example.com"}]
    assert waits({"ada": ASLEEP, "bob": ADA}, to=both) == {(WAKES, Reason.QUIET_HOURS), (None, None)}


def test_a_critical_category_wakes_people() -> None:
    assert waits({"ada": ASLEEP}, critical=frozenset({"payment"})) == {(None, None)}
    assert waits({"ada": ASLEEP}, critical=frozenset({"newsletter"})) == {(WAKES, Reason.QUIET_HOURS)}


def test_what_is_to_be_sent_later_waits_till_then_for_everybody() -> None:
    evening = NOW + timedelta(hours=8)
    recipients = [{"user_id": "ada"}, {"email": "eve@example.com"}]
    assert waits({"ada": ADA}, to=recipients, send_at=evening) == {(evening, Reason.SCHEDULED)}
    assert waits({"ada": ASLEEP}, send_at=evening) == {(evening, Reason.SCHEDULED)}


def test_what_is_to_be_sent_in_the_quiet_hours_waits_for_their_end() -> None:
    tonight = datetime(2030, 2, 1, 10, 0, tzinfo=UTC)
    next_morning = WAKES + timedelta(days=1)
    assert waits({"ada": ASLEEP}, send_at=tonight) == {(next_morning, Reason.QUIET_HOURS)}
    assert waits({"ada": ASLEEP}, send_at=tonight, critical=frozenset({"payment"})) == {(tonight, Reason.SCHEDULED)}


@pytest.mark.parametrize("send_at", [None, datetime(2030, 1, 31, 18, 0, tzinfo=UTC)])
def test_what_would_wait_until_it_has_expired_is_planned_so(send_at: datetime | None) -> None:
    both = [{"user_id": "ada"}, {"email": "eve@example.com"}]
    for expires_at, sent in ((WAKES, False), (WAKES + timedelta(milliseconds=1), True)):
        given_request = request(category="newsletter", to=both, send_at=send_at, expires_at=expires_at)
        asleep, awake = planned(given_request, {"ada": ASLEEP})
        expected = (Status.CREATED, Reason.QUIET_HOURS, WAKES) if sent else (Status.ERROR, Reason.EXPIRED, None)
        assert (asleep.status, asleep.reason, asleep.send_at) == expected
        assert (awake.status, awake.send_at) == (Status.CREATED, send_at)


@pytest.mark.parametrize("ago", [timedelta(), timedelta(days=1)])
def test_a_time_that_has_passed_is_now(ago: timedelta) -> None:
    assert waits({"ada": ADA}, send_at=NOW - ago) == {(None, None)}


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"send_at": NOW + timedelta(days=367)}, "send_at"),
        ({"send_at": NOW + timedelta(hours=1), "expires_at": NOW + timedelta(hours=1)}, "expires_at"),
        ({"send_at": datetime(9999, 12, 31, tzinfo=UTC)}, "send_at"),
    ],
)
def test_times_at_which_nothing_can_be_sent_are_refused(times: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        waits({"ada": ADA}, **times)
    assert [each.field for each in error.value.errors] == [field]
