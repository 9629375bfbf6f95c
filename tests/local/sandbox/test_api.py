"""The inbox for programs, and who may ask it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.local.support import Sandbox, running_sandbox


def test_a_message_has_exactly_the_designs_fields(sandbox: Sandbox) -> None:
    sent = datetime.now(UTC) - timedelta(milliseconds=1)  # what is kept has whole milliseconds
    message = sandbox.message_of(sandbox.send("<p>Hello</p>", subject="Hello"))
    assert message is not None
    assert set(message) == {"delivery_id", "channel", "provider", "to", "subject", "body", "at"}
    assert sent <= datetime.fromisoformat(message["at"]) <= datetime.now(UTC)
    assert message["at"].endswith("Z")


def test_messages_are_in_the_order_they_came(sandbox: Sandbox) -> None:
    ids = [sandbox.send("<p>x</p>", subject=str(number)) for number in range(3)]
    assert [message["delivery_id"] for message in sandbox.messages()][-3:] == ids


def test_a_fault_in_force_is_shown_until_it_is_taken_away(sandbox: Sandbox) -> None:
    with sandbox.fault("outage", rate=0.5):
        assert httpx.get(f"{sandbox.url}/api/faults").json() == {"ses": {"mode": "outage", "rate": 0.5}}
        assert "ses: outage at 50 %" in httpx.get(sandbox.url).text
    assert httpx.get(f"{sandbox.url}/api/faults").json() == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "tired"}, "mode"),
        ({"mode": "outage", "rate": 1.5}, "rate"),
        ({"mode": "outage", "rat": 1}, "rat"),
        ({}, "mode"),
        ({"mode": "outage", "accepts": True}, "body"),
        ({"mode": "timeout", "seconds": 1}, "body"),
    ],
)
def test_a_fault_that_is_none_is_refused_naming_the_field(
    sandbox: Sandbox, body: dict[str, object], field: str
) -> None:
    answer = httpx.put(f"{sandbox.url}/api/faults/ses", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_fault_that_is_not_json_is_refused(sandbox: Sandbox) -> None:
    assert httpx.put(f"{sandbox.url}/api/faults/ses", content=b"outage").status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_provider_is_refused_naming_the_known_ones(sandbox: Sandbox, method: str) -> None:
    answer = httpx.request(method, f"{sandbox.url}/api/faults/pigeon", json={"mode": "outage"})
    assert answer.status_code == 404
    assert "ses" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example"])
@pytest.mark.parametrize("path", ["/", "/api/messages", "/changes"])
def test_a_page_whose_name_was_rebound_to_this_machine_learns_nothing(sandbox: Sandbox, host: str, path: str) -> None:
    assert httpx.get(f"{sandbox.url}{path}", headers={"Host": host}).status_code == 400


def test_nothing_may_be_read_from_another_origin(sandbox: Sandbox) -> None:
    answer = httpx.get(f"{sandbox.url}/api/messages", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_messages_of_one_platform_are_never_in_the_inbox_of_another(sandbox: Sandbox, tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as other:
        in_other, here = other.send("<p>x</p>"), sandbox.send("<p>x</p>")
        assert [message["delivery_id"] for message in other.messages()] == [in_other]
        assert sandbox.message_of(here)
        assert not sandbox.message_of(in_other)
