"""`/v1/stats` and the lists, as an app calls them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.counting import Group, recount
from handlers.domain.stats.listing import Cursors, ListedDelivery
from handlers.domain.stats.report import Wanted, report
from handlers.domain.times import rfc3339
from handlers.entrypoints import reports
from handlers.services.reporting import Reports
from handlers.services.webhooks import WebhookDesk
from tests.unit.handlers.domain.stats.test_counting import C, E, K, O, P, S, U, after
from tests.unit.handlers.entrypoints.gateway import Answer, call
from tests.unit.handlers.samples import NOW, delivery
from tests.unit.handlers.services.test_webhooks import Keys, webhooks

LIST = "/v1/notifications"


class Memory:
    """What was counted and listed."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries = deliveries

    def counters(self, app_key: str, first: str, last: str) -> dict[Group, Counter[str]]:
        counted = recount(self.deliveries)
        return {
            group: counts
            for group, counts in counted.items()
            if group.app_key == app_key and first <= group.day <= last
        }

    def of_app(
        self, app_key: str, since: str, before: str, portion: int
    ) -> Iterator[tuple[str, ListedDelivery | None]]:
        own = [each for each in self.deliveries if each.app_key == app_key]
        placed = [(f"{rfc3339(each.created_at)}#{each.notification_id}#{each.delivery_id}", each) for each in own]
        for place, each in sorted(placed, reverse=True, key=lambda each: each[0]):
            if since <= place < before:
                yield place, ListedDelivery.of(each)

    def of_user(
        self, app_key: str, user_id: str, since: str, before: str, portion: int
    ) -> Iterator[tuple[str, ListedDelivery | None]]:
        for place, each in self.of_app(app_key, since, before, portion):
            if each is not None and each.user_id == user_id:
                yield place, each


def kept(monkeypatch: pytest.MonkeyPatch, *deliveries: Delivery) -> None:
    store = Memory(deliveries)
    clock = lambda: NOW + timedelta(hours=1)  # noqa: E731
    monkeypatch.setattr(reports, "reports", Reports(store, Cursors(lambda: b"k" * 32), clock))


def get(path: str, app_key: str = "demo", **query: Any) -> Answer:
    return call(reports.handler, "GET", path, query=query, app_key=app_key)


# -- statistics --------------------------------------------------------------------------------------------------------


def test_figures_are_counts_by_status_and_rates_of_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    kept(
        monkeypatch,
        after(C),
        after(C, P, S),
        after(C, P, S),
        after(C, P, S, O),
        after(C, P, S, O, K),
        after(C, P, S, O, U),
        after(C, P, S, E),
        after(C, P, E),
        after(U),
        after(C, P, S, app_key="another"),
    )
    total = get("/v1/stats").body["total"]
    assert total["deliveries"] == 9
    assert total["by_status"] == {
        "created": 1,
        "pending": 0,
        "sent": 2,
        "opened": 1,
        "clicked": 1,
        "error": 2,
        "unsubscribed": 2,
        "canceled": 0,
    }
    assert [total[name] for name in ("sent", "opened", "clicked", "unsubscribed", "bounced")] == [6, 3, 1, 1, 1]
    rates = ("open_rate", "click_rate", "click_to_open_rate", "unsubscribe_rate", "bounce_rate")
    assert [total[name] for name in rates] == [0.6, 0.2, 0.3333, 0.2, 0.1667]
    assert total["latency"]["measured"] == 6
    assert abs(total["latency"]["p50_ms"] - 2000) < 200


def test_of_nothing_there_are_no_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    kept(monkeypatch)
    body = get("/v1/stats").body
    assert (body["from_day"], body["to_day"], body["groups"]) == ("2030-01-25", "2030-01-31", [])
    assert body["total"]["open_rate"] is None
    assert body["total"]["latency"] == {"measured": 0, "p50_ms": None, "p95_ms": None}


def test_figures_are_of_what_is_asked_for_and_by_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    yesterday = NOW - timedelta(days=1)
    kept(
        monkeypatch,
        after(C, P, S, provider="ses"),
        after(C, P, S, provider="sendgrid"),
        after(C, P, S, channel="sms", provider="sns"),
        delivery(category="news", created_at=yesterday),
    )
    assert get("/v1/stats", category="news").body["total"]["deliveries"] == 1
    assert get("/v1/stats", channel="email", provider="ses").body["total"]["sent"] == 1
    assert get("/v1/stats", **{"from": "2030-01-31"}).body["total"]["deliveries"] == 3
    assert get("/v1/stats", to="2030-01-30").body["total"]["deliveries"] == 1
    groups = get("/v1/stats", group_by="day,channel").body["groups"]
    assert [(each["day"], each["channel"], each["deliveries"]) for each in groups] == [
        ("2030-01-30", "email", 1),
        ("2030-01-31", "email", 2),
        ("2030-01-31", "sms", 1),
    ]
    assert "category" not in groups[0]


def test_a_group_that_deliveries_have_only_passed_through_is_none() -> None:
    passed = Group("demo", "2030-01-31", "payment", "email", "", "")
    found = report({passed: Counter(created=0, pending=0)}, Wanted(), ("provider",), ("2030-01-31", "2030-01-31"))
    assert (found.groups, found.total.deliveries) == ((), 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2030-02-01", "to": "2030-01-31"}, "from"),
        ({"from": "2029-10-01", "to": "2030-01-31"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2030-01-31T00:00:00Z"}, "to"),
        ({"to": "2030-02-31"}, "to"),
        ({"channel": "pigeon"}, "channel"),
        ({"group_by": "day,user"}, "group_by"),
        ({"group_by": "day,day"}, "group_by"),
        ({"category": ""}, "category"),
        ({"month": "1"}, "month"),
    ],
)
def test_what_stats_do_not_know_is_refused(monkeypatch: pytest.MonkeyPatch, query: dict[str, str], field: str) -> None:
    kept(monkeypatch)
    answer = get("/v1/stats", **query)
    assert (answer.status, answer.fields()) == (400, [field])


# -- lists -------------------------------------------------------------------------------------------------------------


def some(number: int, **fields: Any) -> list[Delivery]:
    """Notifications of one delivery each, the newest first."""
    return [delivery(created_at=NOW - timedelta(minutes=place), **fields) for place in range(number)]


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    found = answer.body.get("notifications", answer.body.get("deliveries"))
    return [each["notification_id"] for each in found]


def test_an_app_lists_its_own_notifications_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    own = some(3)
    kept(monkeypatch, *reversed(own), *some(2, app_key="another"))
    answer = get(LIST)
    assert ids(answer) == [each.notification_id for each in own]
    assert "cursor" not in answer.body
    assert answer.body["notifications"][0] == {
        "notification_id": own[0].notification_id,
        "category": "payment",
        "created_at": rfc3339(own[0].created_at),
        "deliveries": [
            {
                "delivery_id": own[0].delivery_id,
                "user_id": "ada",
                "channel": "email",
                "recipient": "a…@example.com",
                "status": "created",
            }
        ],
    }


def test_the_deliveries_of_one_notification_are_together(monkeypatch: pytest.MonkeyPatch) -> None:
    [first, *_] = several = [delivery("00000000-0000-4000-8000-000000000001") for _ in range(3)]
    kept(monkeypatch, *several, *some(2))
    found = get(LIST).body["notifications"]
    assert sorted(len(each["deliveries"]) for each in found) == [1, 1, 3]
    assert first.notification_id in {each["notification_id"] for each in found}


@pytest.mark.parametrize("path", [LIST, "/v1/contacts/ada/deliveries"])
def test_pages_follow_one_another_without_a_gap_or_a_repetition(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    own = some(7)
    kept(monkeypatch, *own, *some(3, user_id="grace", app_key="another"))
    found: list[str] = []
    query: dict[str, str] = {}
    for _ in range(4):
        answer = get(path, limit="2", **query)
        found += ids(answer)
        if "cursor" not in answer.body:
            break
        query = {"cursor": answer.body["cursor"]}
    assert found == [each.notification_id for each in own]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"user_id": "grace"}, [1]),
        ({"category": "news"}, [2]),
        ({"status": "sent"}, [3]),
        ({"status": "sent", "category": "news"}, []),
        ({"from": "2030-01-31T11:59:00Z"}, [0, 1]),
        ({"to": "2030-01-31T11:59:00Z"}, [2, 3]),
        ({"from": "2030-01-31T12:00:00+01:00", "to": "2030-01-31T12:58:00+01:00"}, [3]),
    ],
)
def test_a_list_has_what_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, query: dict[str, str], places: list[int]
) -> None:
    own: list[dict[str, Any]] = [{}, {"user_id": "grace"}, {"category": "news"}, {"status": Status.SENT}]
    given = [delivery(created_at=NOW - timedelta(minutes=place), **each) for place, each in enumerate(own)]
    kept(monkeypatch, *given)
    assert ids(get(LIST, **query)) == [given[place].notification_id for place in places]


def test_no_more_is_looked_at_than_an_answer_has_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [*some(5), delivery(created_at=NOW - timedelta(hours=1), status=Status.ERROR)]
    kept(monkeypatch, *own)
    monkeypatch.setattr("handlers.services.reporting.MOST_LOOKED_AT", 5)
    first = get(LIST, status="error")
    assert ids(first) == []
    assert ids(get(LIST, status="error", cursor=first.body["cursor"])) == [own[-1].notification_id]


def test_a_cursor_is_good_for_its_app_its_list_and_its_question_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kept(monkeypatch, *some(3))
    cursor = get(LIST, limit="1", category="payment").body["cursor"]
    good = get(LIST, limit="2", category="payment", cursor=cursor)
    assert len(ids(good)) == 2
    # Not the last character, whose last bits may say nothing.
    tampered = cursor[:-4] + ("A" if cursor[-4] != "A" else "B") + cursor[-3:]
    refused = [
        get(LIST, category="payment", cursor=tampered),
        get(LIST, category="payment", cursor="never-ours"),
        get(LIST, cursor=cursor),
        get(LIST, category="payment", status="sent", cursor=cursor),
        get(LIST, category="payment", app_key="another", cursor=cursor),
        get("/v1/contacts/ada/deliveries", category="payment", cursor=cursor),
    ]
    assert {(each.status, *each.fields()) for each in refused} == {(400, "cursor")}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "lost"}, "status"),
        ({"from": "2030-01-31"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": ""}, "cursor"),
        ({"page": "2"}, "page"),
        ({"status": ["sent", "error"]}, "status"),
    ],
)
@pytest.mark.parametrize("path", [LIST, "/v1/contacts/ada/deliveries"])
def test_what_a_list_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str, query: dict[str, Any], field: str
) -> None:
    kept(monkeypatch)
    answer = get(path, **query)
    assert (answer.status, answer.fields()) == (400, [field])


def test_a_users_deliveries_are_those_of_this_app_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    [own] = some(1, user_id="a/b")
    kept(monkeypatch, own, *some(1, user_id="a/b", app_key="another"), *some(1, user_id="ada"))
    answer = get("/v1/contacts/a%2Fb/deliveries")
    assert ids(answer) == [own.notification_id]
    assert (answer.body["deliveries"][0]["category"], answer.body["deliveries"][0]["user_id"]) == ("payment", "a/b")
    assert ids(get("/v1/contacts/nobody/deliveries")) == []


def test_times_without_a_question_of_time_are_the_last_ninety_days(monkeypatch: pytest.MonkeyPatch) -> None:
    recent, old = (delivery(created_at=NOW - timedelta(days=days)) for days in (89, 91))
    kept(monkeypatch, recent, old)
    assert ids(get(LIST)) == [recent.notification_id]


# -- webhooks ----------------------------------------------------------------------------------------------------------

URL = "https://billing.example/statuses"


def webhook(method: str, body: Any = None, app_key: str = "billing") -> Answer:
    return call(reports.handler, method, "/v1/webhook", body, app_key=app_key)


def test_a_secret_is_shown_by_each_put_and_never_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "desk", WebhookDesk(webhooks(), Keys()))
    first, second = (webhook("PUT", {"url": URL, "statuses": ["error", "sent"]}) for _ in range(2))
    assert (first.status, second.status) == (201, 200)
    secrets = [each.body.pop("secret") for each in (first, second)]
    assert [each[:6] for each in secrets] == ["whsec_"] * 2
    assert secrets[0] != secrets[1]
    shown = webhook("GET")
    assert (shown.status, shown.body) == (200, {"url": URL, "statuses": ["sent", "error"]})
    assert first.body == second.body == shown.body


def test_a_webhook_that_fails_says_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = webhooks("billing")
    memory.kept["billing"] = memory.kept["billing"].after_failure(NOW, for_good=True)
    monkeypatch.setattr(reports, "desk", WebhookDesk(memory, Keys()))
    marks = {"failing_since": rfc3339(NOW), "suspended_since": rfc3339(NOW)}
    assert webhook("GET").body == {"url": URL, "statuses": [each.value for each in Status], **marks}


def test_a_webhook_is_its_app_s_alone_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "desk", WebhookDesk(webhooks("billing"), Keys()))
    assert webhook("GET", app_key="other").status == 404
    assert webhook("DELETE", app_key="other").status == 204
    assert webhook("GET").status == 200
    assert [webhook("DELETE").status for _ in range(2)] == [204, 204]
    gone = webhook("GET")
    assert (gone.status, gone.body["type"]) == (404, "urn:carillon:problem:not-found")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"url": "http://billing.example/"}, "url", "must be an https url: it begins with https://"),
        ({"url": "https://billing.example:8443/"}, "url", "must have no port but 443"),
        ({"url": "https://10.0.0.1/"}, "url", "must have an address on the public internet"),
        ({"url": "https://db.internal/"}, "url", "must be at a host of the public internet"),
        ({"url": 1}, "url", "must be text"),
        ({}, "url", "is required"),
        ({"url": URL, "statuses": []}, "statuses", "must have at least 1 item"),
        ({"url": URL, "statuses": ["sent", "sent"]}, "statuses", "must name each status once"),
        (
            {"url": URL, "statuses": ["delivered"]},
            "statuses.0",
            "must be created, pending, sent, opened, clicked, error, unsubscribed or canceled",
        ),
        ({"url": URL, "secret": "whsec_mine"}, "secret", "is not a known field"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_in_words(
    body: dict[str, Any], field: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = webhooks()
    monkeypatch.setattr(reports, "desk", WebhookDesk(memory, Keys()))
    refused = webhook("PUT", body)
    assert (refused.status, refused.body["errors"]) == (400, [{"field": field, "message": said}])
    assert not memory.kept
