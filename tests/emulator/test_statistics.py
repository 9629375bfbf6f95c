"""Statistics and lists on the running platform: from the log's own stream, by the observer, to who asks."""

import json
import uuid
from functools import partial
from typing import Any

import pytest

from handlers.adapters.aws.log_items import delivery_of
from handlers.domain.stats.counting import recount
from handlers.domain.stats.report import Wanted, report
from tests.emulator.operator_actions import CommandLine, Operator
from tests.emulator.producer import READER, Producer, until
from tests.emulator.test_links import links, send


def total(producer: Producer, query: str = "") -> dict[str, Any]:
    answer = producer.call("GET", f"/v1/stats{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["total"]
    return found


def listed(producer: Producer, path: str) -> list[str]:
    """The ids of the notifications in a list, over all its pages."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = producer.call("GET", f"{path}{cursor}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += [each["notification_id"] for each in body.get("notifications", body.get("deliveries"))]
        if "cursor" not in body:
            return found
        cursor = f"&cursor={body['cursor']}"


def test_what_became_of_deliveries_is_counted_from_the_stream_as_a_recount_of_the_log_counts_it(
    other_app: Producer, operator: Operator, command_line: CommandLine
) -> None:
    user = other_app.contact(email=f"{uuid.uuid4().hex}@example.com")
    accepted = [send(other_app, {"user_id": user}, "payment") for _ in range(5)]
    found = [links(other_app, each) for each in accepted]
    READER.get(found[0]["t/o"])
    READER.get(found[1]["t/c"], follow_redirects=False)
    READER.post(found[2]["u"], data={"List-Unsubscribe": "One-Click"})
    figures = until(lambda: total(other_app), lambda each: each["unsubscribed"] == 1 and each["sent"] == 5)
    items = [operator.items(each["notification_id"])[0] for each in accepted]
    counted = recount([delivery_of(each) for each in items])
    days = sorted(group.day for group in counted)
    expected = report(counted, Wanted(), (), (days[0], days[-1])).total.model_dump(mode="json")
    assert figures == expected
    assert (figures["opened"], figures["clicked"], figures["bounced"]) == (2, 1, 0)
    assert total(other_app, "?category=marketing")["deliveries"] == 0

    told = json.loads(command_line("stats", "--app", other_app.app_key, "--group-by", "category,provider", "--json"))
    assert told["total"] == expected
    assert [(each["category"], each["provider"], each["sent"]) for each in told["groups"]] == [("payment", "ses", 5)]
    assert "40.0 %" in command_line("stats", "--app", other_app.app_key)


def test_an_app_lists_what_it_has_sent_newest_first_and_nothing_of_another(
    other_app: Producer, producer: Producer
) -> None:
    user = other_app.contact(email=f"{uuid.uuid4().hex}@example.com")
    ids = [send(other_app, {"user_id": user})["notification_id"] for _ in range(3)]
    theirs = send(producer, {"user_id": user})["notification_id"]
    for path in ("/v1/notifications?limit=2", f"/v1/contacts/{user}/deliveries?limit=2"):
        assert until(partial(listed, other_app, path), lambda each: len(each) == 3) == ids[::-1]
    of_user = f"/v1/contacts/{user}/deliveries?limit=50"
    assert until(lambda: listed(producer, of_user), bool) == [theirs]
    for each in ids:
        other_app.until_final(each)
    sent = f"/v1/notifications?user_id={user}&status=sent&category=marketing"
    assert until(lambda: listed(other_app, sent), lambda each: len(each) == 3) == ids[::-1]
    assert listed(other_app, f"/v1/notifications?user_id={user}&status=error") == []


@pytest.mark.parametrize("path", ["/v1/stats", "/v1/notifications", "/v1/contacts/nobody/deliveries"])
def test_an_unknown_query_parameter_is_refused(producer: Producer, path: str) -> None:
    answer = producer.call("GET", f"{path}?sort=asc")
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (400, ["sort"])
