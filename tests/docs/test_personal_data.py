"""Nothing is stored of anybody that docs/personal-data.md has no row of."""

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from handlers.adapters.aws import delivery_log, due_index, erasures, redrive_log
from handlers.adapters.aws.broadcasts import DynamoBroadcasts, DynamoClaims
from handlers.adapters.aws.erasures import PERSONAL
from handlers.adapters.aws.log_items import delivery_item, expiry, notification_item, only_item
from handlers.adapters.aws.log_keys import ACCEPTANCE
from handlers.adapters.aws.stats_items import entry_item
from handlers.adapters.aws.suppressions import suppression_key
from handlers.adapters.aws.tags import DynamoTagWriter
from handlers.domain.broadcasts.broadcast import Broadcast, Progress, State
from handlers.domain.broadcasts.requests import BroadcastRequest
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.notification import Notification
from handlers.domain.people.contacts import StoredContact
from handlers.domain.people.settings import UserSettings
from handlers.domain.people.suppressions import Suppression
from handlers.domain.stats.changes import Change
from handlers.domain.stats.counting import counted
from handlers.domain.stats.ledger import Posting
from ops import deliveries as operator
from stacks.data.tables import SPECS
from tests.unit.handlers.samples import NOW, delivery, notification, payload

PEOPLE = ("contacts", "devices", "settings", "suppressions", "notifications", "stats", "tags", "broadcasts")
ACCEPTED = Posting((Change("1", None, delivery()),), None, counted(delivery()))
PAGE = (Path(__file__).parents[2] / "docs" / "personal-data.md").read_text()


def rows(section: str) -> dict[str, list[str]]:
    """The cells of each field in the section's table."""
    (text,) = re.findall(rf"^## {section}.*?\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    return {name: cells for cells in lines for name in re.findall(r"`(\w+)`", cells[0])}


def of(*models: type[BaseModel]) -> set[str]:
    return {name for model in models for name in model.model_fields}


def stored_in_the_log() -> set[str]:
    """What an item gets when it is accepted, and what any update of the log sets or removes."""
    given = delivery(slot=NOW, send_at=NOW, expires_at=NOW, locale="de")
    items = [
        notification_item(notification(), payload()),
        only_item(notification(given.notification_id), given, payload()),
        delivery_item(given),
        expiry(NOW, timedelta(days=1)),
    ]
    sources = (
        Path(each.__file__ or "").read_text() for each in (delivery_log, due_index, erasures, redrive_log, operator)
    )
    written = {name for source in sources for name in re.findall(r"#([a-z_]+)\b", source)}
    expressions = {"alert", "outcome", "error", "segments"}  # of an attempt
    kept = set(
        re.findall(r'"(\w+)": (?:rfc3339\(current|current|dict\(current)', Path(erasures.__file__ or "").read_text())
    )
    names = {"user"} | expressions  # `user#` is the start of a key
    return ({name for item in items for name in item} | written | kept | {ACCEPTANCE, *PERSONAL}) - names


class Written:
    """A client of DynamoDB that notes the attributes of what is put."""

    def __init__(self) -> None:
        self.attributes: set[str] = set()
        self._items: dict[str, Any] = {}

    def put_item(self, Item: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.attributes |= Item.keys()
        self._items[Item["item"]["S"]] = Item
        return {}

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"Item": self._items[Key["item"]["S"]]}

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        return {"Responses": {}, "UnprocessedKeys": {}}

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        for each in RequestItems[""]:
            self.attributes |= each["PutRequest"]["Item"].keys()
        return {"UnprocessedItems": {}}


def stored_by(write: Callable[[Any], object]) -> set[str]:
    client = Written()
    write(client)
    assert client.attributes
    return client.attributes


def _a_broadcast(client: Any) -> None:
    body = {"category": "news", "content": {"subject": "s", "body": "b"}, "audience": {"upload": "csv"}}
    asked = Broadcast(
        broadcast_id="b",
        app_key="demo",
        app_categories=("*",),
        app_channels=("*",),
        fingerprint="f",
        dry_run=False,
        created_at=NOW,
        request=BroadcastRequest.model_validate(body),
    )
    DynamoBroadcasts("", client, timedelta(days=1)).create(asked, Progress(status=State.AWAITING_UPLOAD))
    DynamoClaims("", client).hold("b", 0, ["email#ada"], NOW)


@pytest.mark.parametrize(
    ("section", "stored"),
    [
        ("The table `contacts`", of(StoredContact) | {"user_id"}),
        ("The table `devices`", {"token", "user_id"}),
        ("The table `settings`", of(UserSettings) | {"user_id"}),
        ("The table `notifications`", stored_in_the_log() | of(Delivery, Notification)),
        ("The table `suppressions`", of(Suppression) | set(suppression_key("address#aa"))),
        ("The table `stats`", set(entry_item(ACCEPTED, ACCEPTED.delivery))),
        ("The table `tags`", stored_by(lambda client: DynamoTagWriter("", client, lambda: NOW).tag("ada", ["spring"]))),
        ("The table `broadcasts`", stored_by(_a_broadcast)),
        ("Events", {each.name for each in fields(DeliveryRequested)}),
    ],
)
def test_every_field_that_is_stored_has_its_row(section: str, stored: set[str]) -> None:
    assert stored - rows(section).keys() == set(), f"docs/personal-data.md, {section}, has no row of these"


def test_what_is_said_to_be_erased_of_a_delivery_is_what_is_erased() -> None:
    erased = {name for name, cells in rows("The table `notifications`").items() if cells[-1] == "yes"}
    assert erased - {"asked_at", "address_keys"} == set(PERSONAL)


def test_every_personal_field_says_what_for_how_it_is_masked_and_what_becomes_of_it() -> None:
    for table in PEOPLE:
        for name, cells in rows(f"The table `{table}`").items():
            assert cells[1] in ("yes", "no"), name
            assert cells[1] == "no" or all(cells), name


def test_every_table_has_its_section_or_its_line() -> None:
    for spec in SPECS:
        assert f"## The table `{spec.name}`" in PAGE or f"| table `{spec.name}`" in PAGE, spec.name
