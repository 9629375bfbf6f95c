"""Contacts and settings from real tables, in as few calls as there can be."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from handlers.adapters.aws import dynamo
from handlers.adapters.aws.dynamo import UnprocessedKeysError
from handlers.adapters.aws.log_items import notification_item
from handlers.adapters.aws.people import DynamoPeople, DynamoPlanning, DynamoRecipients
from handlers.adapters.aws.suppressions import suppression_key
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.people.person import NOBODY
from handlers.domain.people.reach import Endpoint
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import DEFAULT_SETTINGS
from tests.unit.handlers.samples import delivery, notification, payload

_serialize = TypeSerializer().serialize


class Tables:
    """The tables that are read at once, and a client that counts."""

    def __init__(self, client: Any) -> None:
        self.real = client
        self.asked: list[int] = []
        self.unprocessed = 0
        self.consistent: dict[str, bool] = {}
        self.contacts, self.settings = (self._create(name, "user_id") for name in ("contacts", "settings"))
        self.templates = self._create("templates", "folder")
        self.suppressions = self._create("suppressions", "shard", "address_key")
        self.log = self._create("notifications", "notification_id", "item")

    def _create(self, name: str, *keys: str) -> str:
        name = f"{name}-{uuid.uuid4().hex[:8]}"
        self.real.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    def put(self, table: str, user_id: str, **fields: Any) -> None:
        item = {name: _serialize(value) for name, value in {"user_id": user_id, **fields}.items()}
        self.real.put_item(TableName=table, Item=item)

    def suppress(self, key: str) -> None:
        self.real.put_item(TableName=self.suppressions, Item=suppression_key(key))

    @property
    def calls(self) -> int:
        return len(self.asked)

    def batch_get_item(self, **kwargs: Any) -> Any:
        self.asked.append(1)  # from several threads
        self.consistent = {table: each["ConsistentRead"] for table, each in kwargs["RequestItems"].items()}
        if self.unprocessed:
            self.unprocessed -= 1
            return {"Responses": {}, "UnprocessedKeys": kwargs["RequestItems"]}
        return self.real.batch_get_item(**kwargs)


@pytest.fixture
def tables(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(dynamo, "_FIRST_WAIT", 0)
    return Tables(aws("dynamodb"))


@pytest.fixture
def people(tables: Tables) -> DynamoPlanning:
    return DynamoPlanning(of_users(tables), tables.templates)


def of_users(tables: Tables) -> DynamoPeople:
    return DynamoPeople(tables.contacts, tables.settings, tables.suppressions, tables)  # type: ignore[arg-type]


def test_contact_and_settings_of_a_user_come_in_one_call(tables: Tables, people: DynamoPlanning) -> None:
    channel = {"platform": "slack", "url": "https://hooks.slack.com/1", "status": True}
    tables.put(tables.contacts, "ada", email="ada@example.com", locale="de", external_channels=[channel])
    tables.put(tables.settings, "ada", categories={"payment": {"email": False}}, quiet_hours=None)
    ada = people.find({"ada"}).people["ada"]
    assert tables.calls == 1
    assert ada.reach is not None
    assert ada.reach.on("email") == (Endpoint("ada@example.com"),)
    assert ada.reach.on("chat") == (Endpoint("https://hooks.slack.com/1", "slack"),)
    assert ada.reach.locale == "de"
    assert not ada.settings.allow("payment", "email")


def test_what_was_chosen_may_be_a_moment_old_to_who_plans_and_not_to_who_sends(
    tables: Tables, people: DynamoPlanning
) -> None:
    key = address_key("ada@example.com")
    people.find({"ada", key}, ["templates/receipt/email/"])
    assert tables.consistent == {
        tables.contacts: True,
        tables.templates: True,
        tables.settings: False,
        tables.suppressions: False,
    }
    people.find({"ada", key}, certain=True)
    assert set(tables.consistent.values()) == {True}
    DynamoRecipients(of_users(tables), tables.log, "email").find([event("ada", "ada@example.com")])
    assert set(tables.consistent.values()) == {True}


def test_who_is_not_there_is_nobody_and_who_chose_nothing_has_the_defaults(
    tables: Tables, people: DynamoPlanning
) -> None:
    tables.put(tables.contacts, "ada", phone="+442079460123")
    found = people.find({"ada", "bob"}).people
    assert found["bob"] == NOBODY
    assert found["ada"].settings == DEFAULT_SETTINGS


def test_a_hundred_users_come_in_two_calls(tables: Tables, people: DynamoPlanning) -> None:
    users = {f"user-{number}" for number in range(100)}
    for user in users:
        tables.put(tables.contacts, user, email=f"{user}@example.com")
    found = people.find(users).people
    assert tables.calls == 2
    assert {user: person.reach and person.reach.on("email")[0].address for user, person in found.items()} == {
        user: f"{user}@example.com" for user in users
    }


def test_fifty_addresses_come_in_one_call_with_what_suppresses_them(tables: Tables, people: DynamoPlanning) -> None:
    keys = {address_key(f"user-{number}@example.com") for number in range(50)}
    tables.suppress(max(keys))
    tables.put(tables.settings, min(keys), categories={"payment": {"email": False}})
    found = people.find(keys).people
    assert tables.calls == 1
    assert {key for key, person in found.items() if not person.settings.allow("payment", "email")} == {min(keys)}
    assert {key for key, person in found.items() if person.suppressed} == {max(keys)}


def event(user_id: str | None, address: str | None) -> DeliveryRequested:
    key = None if address is None else address_key(address)
    return DeliveryRequested("e", "n", "n", "payment", "email", "demo", user_id, key)


def test_users_and_addresses_of_a_batch_come_in_one_call(tables: Tables) -> None:
    tables.put(tables.contacts, "ada", email="Ada@example.com", phone="+442079460123", timezone="Asia/Tokyo")
    tables.put(tables.settings, "ada", categories={}, quiet_hours={"start": "22:00", "end": "08:00"})
    for address in ("ada@example.com", "bare@example.com"):
        tables.put(tables.settings, address_key(address), categories={"payment": {"email": False}})
    recipients = DynamoRecipients(of_users(tables), tables.log, "email")
    events = [event("ada", "ada@example.com"), event("gone", "x@example.com"), event(None, "bare@example.com")]
    found = recipients.find(events).people
    assert tables.calls == 1
    ada = found["ada"]
    assert ada.settings.timezone == "Asia/Tokyo"
    assert ada.reach is not None
    assert (ada.reach.on("email"), ada.reach.on("sms")) == ((Endpoint("Ada@example.com"),), ())
    assert found["gone"] == NOBODY
    for address in ("ada@example.com", "bare@example.com"):
        assert not found[address_key(address)].settings.allow("payment", "email")


def test_what_a_batch_says_comes_in_the_same_call_once_for_each_notification(tables: Tables) -> None:
    says = {name: payload(data={"name": name}) for name in ("first", "second")}
    heads = {name: notification() for name in says}
    for name, head in heads.items():
        tables.real.put_item(TableName=tables.log, Item=notification_item(head, says[name]))
    several = [delivery(head.notification_id, user_id=f"user-{n}") for head in heads.values() for n in range(4)]
    alone = delivery(user_id="alone")
    recipients = DynamoRecipients(of_users(tables), tables.log, "email")
    found = recipients.find([each.event() for each in (*several, alone)])
    assert found.payloads == {heads[name].notification_id: says[name] for name in says}
    assert tables.calls == 1


def test_the_languages_of_templates_come_with_the_people(tables: Tables, people: DynamoPlanning) -> None:
    tables.put(tables.contacts, "ada", email="ada@example.com")
    item = {"folder": {"S": "templates/receipt/email/"}, "languages": {"M": {"de": {"S": "v1"}}}}
    tables.real.put_item(TableName=tables.templates, Item=item)
    tables.real.put_item(TableName=tables.templates, Item={"folder": {"S": "templates/receipt/sms/"}})
    found = people.find({"ada"}, [f"templates/receipt/{channel}/" for channel in ("email", "sms", "push")])
    assert found.people["ada"].reach is not None
    assert found.languages == {"templates/receipt/email/": {"de": "v1"}}
    assert tables.calls == 1


def test_of_an_address_that_is_new_since_it_is_asked_in_one_more_call(tables: Tables) -> None:
    tables.put(tables.contacts, "ada", email="ada@new.example.com")
    tables.put(tables.settings, address_key("ada@new.example.com"), categories={"payment": {"email": False}})
    recipients = DynamoRecipients(of_users(tables), tables.log, "email")
    found = recipients.find([event("ada", "ada@example.com")]).people
    assert tables.calls == 2
    assert not found[address_key("ada@new.example.com")].settings.allow("payment", "email")


@pytest.mark.parametrize(("named", "calls"), [(True, 1), (False, 2)], ids=["by its event", "by its contact"])
def test_a_suppressed_url_is_found(named: bool, calls: int, tables: Tables) -> None:
    """In one call, or in two if the event is the sweeper's, which does not tell the url."""
    urls = ["https://hooks.example.com/Ada", "https://hooks.example.com/ada"]
    hooks = [{"platform": "webhook", "url": url, "status": True} for url in urls]
    tables.put(tables.contacts, "ada", external_channels=hooks)
    tables.suppress(address_key(urls[0]))
    chat = replace(event("ada", urls[0] if named else None), channel="chat")
    found = DynamoRecipients(of_users(tables), tables.log, "chat").find([chat]).people
    assert [key for key, person in found.items() if person.suppressed] == [address_key(urls[0])]
    assert tables.calls == calls


def test_each_channel_reads_where_it_sends_to(tables: Tables) -> None:
    device = {"deviceToken": "AB" * 32, "platform": "apns"}
    url = "https://hooks.slack.com/1"
    hook = {"platform": "slack", "url": url, "status": True}
    off = {**hook, "url": f"{url}2", "status": False}
    tables.put(tables.contacts, "ada", device_tokens=[device], external_channels=[hook, off])
    for channel, endpoint in (("push", Endpoint("AB" * 32, "apns")), ("chat", Endpoint(url, "slack"))):
        recipients = DynamoRecipients(of_users(tables), tables.log, channel)  # type: ignore[arg-type]
        ada = recipients.find([event("ada", None)]).people["ada"]
        assert ada.reach is not None
        assert ada.reach.on(channel) == (endpoint,)
    # Of chat, whether the url is suppressed that the event does not tell.
    assert tables.calls == 3


def test_quiet_hours_are_in_the_time_zone_of_the_contact(tables: Tables, people: DynamoPlanning) -> None:
    quiet_hours = {"start": "22:00", "end": "08:00"}
    tables.put(tables.contacts, "ada", timezone="Pacific/Auckland", email="ada@example.com")
    tables.put(tables.contacts, "bob", email="bob@example.com")
    for user in ("ada", "bob", "eve"):  # eve has no contact
        tables.put(tables.settings, user, categories={}, quiet_hours=quiet_hours)
    zones = {user: person.settings.timezone for user, person in people.find({"ada", "bob", "eve"}).people.items()}
    assert zones == {"ada": "Pacific/Auckland", "bob": "UTC", "eve": "UTC"}


def test_of_nobody_nothing_is_asked(tables: Tables, people: DynamoPlanning) -> None:
    assert people.find(frozenset()).people == {}
    assert tables.calls == 0


def test_what_dynamodb_leaves_unread_is_asked_for_again(tables: Tables, people: DynamoPlanning) -> None:
    tables.put(tables.contacts, "ada", email="ada@example.com")
    tables.unprocessed = 3
    assert people.find({"ada"}).people["ada"].reach is not None
    assert tables.calls == 4


def test_a_table_that_reads_nothing_is_given_up(tables: Tables, people: DynamoPlanning) -> None:
    tables.unprocessed = 99
    with pytest.raises(UnprocessedKeysError):
        people.find({"ada"})
