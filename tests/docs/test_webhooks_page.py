"""The receiver on the page of webhooks takes what the platform sends, and nothing else."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import StatusChanged, signing_secret
from tests.unit.handlers.samples import delivery

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
SECRET, OTHER = signing_secret(b"k" * 32), signing_secret(b"o" * 32)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("CARILLON_WEBHOOK_SECRET", SECRET)
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_the_example_takes_each_message_once_and_knows_the_later_of_two(receiver: dict[str, Any]) -> None:
    created = delivery()
    tell: Callable[..., int] = receiver["receive"]

    def told(number: int, secret: str = SECRET) -> int:
        message = StatusChanged.of(Change(ordered(str(number)), None, created))
        assert message is not None
        now = datetime.now(UTC)
        signature = Webhook(secret).sign(message.event_id, now, message.body())
        at = str(int(now.timestamp()))
        headers = {"webhook-id": message.event_id, "webhook-timestamp": at, "webhook-signature": signature}
        return tell(headers, message.body().encode())

    assert [told(100), told(100), told(99)] == [204, 204, 204]
    assert told(101, OTHER) == 401
    assert len(receiver["seen"]) == 2
    assert {each: known["sequence"] for each, known in receiver["latest"].items()} == {
        created.delivery_id: ordered("100")
    }


def test_the_body_that_the_page_shows_is_as_one_that_is_sent() -> None:
    [shown] = re.findall(r'^    (\{"type": .*?\}\})$', PAGE, re.MULTILINE | re.DOTALL)
    message = StatusChanged.of(Change(ordered("9"), None, delivery()))
    assert message is not None
    body, document = json.loads(message.body()), json.loads(shown)
    assert document.keys() == body.keys()
    assert document["data"].keys() == body["data"].keys() | {"reason"}
