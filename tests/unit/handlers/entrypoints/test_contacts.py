"""The contacts API, with a table in memory."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from handlers.domain.people.contacts import Changes, Contact
from handlers.domain.people.devices import Device
from handlers.domain.people.erasure import Erasure
from handlers.domain.people.reach import Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import UserSettings
from handlers.domain.problems import Contended
from handlers.entrypoints import contacts
from tests.unit.handlers.entrypoints.gateway import Answer, call
from tests.unit.handlers.memory import MemoryChoices, MemorySuppressions

PROBLEM = "application/problem+json"


class Table:
    """A table as `ContactsTable` has it."""

    def __init__(self) -> None:
        self.items: dict[str, Contact] = {}

    def get(self, user_id: str) -> Contact | None:
        return self.items.get(user_id)

    def put(self, user_id: str, contact: Contact) -> bool:
        created = user_id not in self.items
        self.items[user_id] = contact
        return created

    def change(self, user_id: str, changes: Changes) -> Contact | None:
        if user_id not in self.items:
            return None
        document = self.items[user_id].document() | dict(changes.assigned)
        self.items[user_id] = Contact.model_validate({k: v for k, v in document.items() if k not in changes.removed})
        return self.items[user_id]

    def add_device(self, user_id: str, device: Device) -> tuple[Contact, bool]:
        contact = self.items.get(user_id, Contact())
        devices = contact.device_tokens or ()
        is_new = device not in devices
        self.items[user_id] = contact.model_copy(update={"device_tokens": (*devices, device) if is_new else devices})
        return self.items[user_id], is_new

    def remove_device(self, user_id: str, token: str) -> None:
        if contact := self.items.get(user_id):
            left = tuple(each for each in contact.device_tokens or () if each.device_token != token)
            self.items[user_id] = contact.model_copy(update={"device_tokens": left})

    def delete(self, user_id: str) -> None:
        self.items.pop(user_id, None)

    def address_keys(self, user_id: str) -> frozenset[str]:
        reach = Reach.of_contact(self.items[user_id].document() if user_id in self.items else {})
        return frozenset(map(address_key, reach.addresses.values()))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(contacts, "table", table)
    return table


@pytest.fixture(autouse=True)
def choices(monkeypatch: pytest.MonkeyPatch) -> MemoryChoices:
    choices = MemoryChoices()
    monkeypatch.setattr(contacts, "settings_table", choices)
    return choices


@dataclasses.dataclass
class Erasures:
    """Who was asked to be erased; `fails` when they cannot be noted."""

    asked: list[Erasure] = dataclasses.field(default_factory=list)
    fails: bool = False

    def ask(self, erasure: Erasure) -> None:
        if self.fails:
            raise OSError
        self.asked.append(erasure)


class Tags:
    """What is noted of tags, and whether the user's contact was there each time."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.noted: set[tuple[str, str]] = set()
        self.had_contact: list[bool] = []

    def tag(self, user_id: str, tags: Iterable[str]) -> None:
        self.had_contact.append(user_id in self.table.items)
        self.noted |= {(user_id, tag) for tag in tags}

    def untag(self, user_id: str, tags: Iterable[str]) -> None:
        self.had_contact.append(user_id in self.table.items)
        self.noted -= {(user_id, tag) for tag in tags}


@pytest.fixture(autouse=True)
def tags(table: Table, monkeypatch: pytest.MonkeyPatch) -> Tags:
    tags = Tags(table)
    monkeypatch.setattr(contacts, "tags", tags)
    return tags


@pytest.fixture(autouse=True)
def erasures(monkeypatch: pytest.MonkeyPatch) -> Erasures:
    erasures = Erasures()
    monkeypatch.setattr(contacts, "erasures", erasures)
    return erasures


def ask(method: str, user: str = "ada", body: Any = None) -> Answer:
    return call(contacts.handler, method, f"/v1/contacts/{user}", body)


def test_a_put_answers_201_then_200_with_the_contact(table: Table) -> None:
    answers = [ask("PUT", body={"email": "ada@example.com"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].body == answers[1].body == {"user_id": "ada", "email": "ada@example.com"}
    assert ask("GET").body == answers[0].body


def test_a_contact_is_answered_with_the_names_of_the_design_and_nothing_that_it_lacks(table: Table) -> None:
    devices = [{"deviceToken": "ab" * 32, "platform": "apns"}]
    ask("PUT", body={"device_tokens": devices, "tags": [], "phone": None})
    assert ask("GET").body == {"user_id": "ada", "device_tokens": devices, "tags": []}


def test_a_patch_answers_the_contact_as_it_is_then(table: Table) -> None:
    ask("PUT", body={"email": "ada@example.com", "phone": "+442079460123"})
    answer = ask("PATCH", body={"phone": None, "locale": "de"})
    assert (answer.status, answer.body) == (200, {"user_id": "ada", "email": "ada@example.com", "locale": "de"})


def test_a_deletion_is_204_as_often_as_it_is_asked_for(table: Table) -> None:
    ask("PUT", body={})
    assert [(answer.status, answer.body) for answer in (ask("DELETE"), ask("DELETE"))] == [(204, None)] * 2
    assert table.items == {}


def test_a_deletion_erases_what_the_user_chose_and_has_the_log_erased_by_the_addresses_they_had(
    table: Table, choices: MemoryChoices, erasures: Erasures
) -> None:
    ask("PUT", body={"email": "Ada@example.com", "phone": "+442079460123"})
    choices.kept["ada"] = UserSettings(categories={"marketing": {"email": False}})
    before = datetime.now(UTC)
    assert ask("DELETE").status == 204
    assert "ada" not in choices.kept
    [asked] = erasures.asked
    assert asked.user_id == "ada"
    assert before <= asked.asked_at <= datetime.now(UTC)
    assert asked.address_keys == {address_key("ada@example.com"), address_key("+442079460123")}


def test_tags_are_noted_before_the_contact_has_them_and_forgotten_before_an_erased_one_has_them_no_more(
    table: Table, tags: Tags
) -> None:
    for user in ("ada", "bob"):
        ask("PUT", user, {"tags": ["spring"]})
    ask("PATCH", "ada", {"tags": ["spring", "summer"]})
    assert tags.noted == {("ada", "spring"), ("ada", "summer"), ("bob", "spring")}
    assert ask("DELETE").status == 204
    assert tags.noted == {("bob", "spring")}
    assert tags.had_contact == [False, False, True, True]


def test_nothing_is_deleted_before_it_is_noted_that_the_log_is_to_be_erased(table: Table, erasures: Erasures) -> None:
    ask("PUT", body={"email": "ada@example.com"})
    erasures.fails = True
    assert ask("DELETE").status == 500
    assert "ada" in table.items


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PATCH", {"locale": "de"})])
def test_a_contact_that_is_not_there_is_404(method: str, body: Any, table: Table) -> None:
    answer = ask(method, body=body)
    assert (answer.status, answer.content_type) == (404, PROBLEM)
    assert table.items == {}


@pytest.mark.parametrize(
    ("method", "body"), [("PUT", {"email": "x", "nick": "y"}), ("PATCH", {"email": "x", "nick": "y"})]
)
def test_bad_fields_are_400_and_named_and_nothing_is_stored(method: str, body: Any, table: Table) -> None:
    table.put("ada", Contact())
    answer = ask(method, body=body)
    assert (answer.status, answer.content_type) == (400, PROBLEM)
    assert sorted(answer.fields()) == ["email", "nick"]
    assert table.items == {"ada": Contact()}


@pytest.mark.parametrize("path", ["ada@example.com", "ada%40example.com", "ada%40example%2Ecom"])
def test_a_user_id_is_the_same_whether_the_path_is_decoded_or_not(path: str, table: Table) -> None:
    assert ask("PUT", path, {}).body["user_id"] == "ada@example.com"
    assert list(table.items) == ["ada@example.com"]


def test_a_plus_in_a_user_id_is_a_plus(table: Table) -> None:
    assert ask("PUT", "ada+1", {}).body["user_id"] == "ada+1"


USERS = ["auth0|5f7c8ec7", "a/b", "100%", "a%2Fb", "a%41", "a b", "a+b", "a?b=c#d", "\\\"`'<>^{}[]"]


@pytest.mark.parametrize("user", USERS)
def test_a_user_id_is_decoded_once_whatever_characters_it_has(user: str, table: Table) -> None:
    assert ask("PUT", quote(user, safe=""), {"locale": "de"}).body == {"user_id": user, "locale": "de"}
    assert list(table.items) == [user]
    assert ask("GET", quote(user, safe="")).status == 200


@pytest.mark.parametrize("user", ['"', "\\", "`", "<a>", "a|b"])
def test_a_user_id_that_a_client_did_not_encode_is_found_all_the_same(user: str, table: Table) -> None:
    assert ask("PUT", user, {}).body == {"user_id": user}


@pytest.mark.parametrize("user", ["%20a", "a%20", "a%0A", "a" * 256, "é", "%C3%A9", "%FF"])
def test_a_bad_user_id_is_400_naming_it(user: str, table: Table) -> None:
    answer = ask("PUT", user, {})
    assert (answer.status, answer.fields()) == (400, ["user_id"])
    assert table.items == {}


# -- what is answered can be sent back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_a_get_answers_can_be_sent_back(method: str, table: Table) -> None:
    ask("PUT", body={"email": "ada@example.com", "device_tokens": [APNS]})
    answered = ask("GET").body
    answer = ask(method, body=answered)
    assert (answer.status, answer.body) == (200, answered)
    assert table.items["ada"].document() == {"email": "ada@example.com", "device_tokens": [APNS]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_another_users_is_refused(method: str, table: Table) -> None:
    ask("PUT", body={"email": "ada@example.com"})
    for other in ("bob", None, 7):
        answer = ask(method, body={"user_id": other, "email": "eve@example.com"})
        assert (answer.status, answer.fields()) == (400, ["user_id"])
    assert ask("GET").body["email"] == "ada@example.com"


# -- devices -----------------------------------------------------------------------------------------------------------

APNS = {"deviceToken": "ab" * 32, "platform": "apns"}
FCM = {"deviceToken": "d:APA91b" + "x-Y_~+/=" * 16, "platform": "fcm"}


def test_a_device_is_added_with_201_and_again_with_200(table: Table) -> None:
    answers = [ask("POST", "ada/devices", device) for device in (APNS, FCM, APNS)]
    assert [answer.status for answer in answers] == [201, 201, 200]
    assert answers[-1].body == ask("GET").body == {"user_id": "ada", "device_tokens": [APNS, FCM]}


def test_a_device_is_removed_by_its_token_as_a_path_can_hold_it(table: Table) -> None:
    ask("PUT", body={"email": "ada@example.com", "device_tokens": [APNS, FCM]})
    for _ in range(2):
        assert ask("DELETE", f"ada/devices/{quote(FCM['deviceToken'], safe='')}").status == 204
    assert ask("GET").body == {"user_id": "ada", "email": "ada@example.com", "device_tokens": [APNS]}


@pytest.mark.parametrize("mark", [":", "-", "_", "/", "+", "=", "~", "."])
def test_a_device_is_removed_by_its_token_in_the_query(mark: str, table: Table) -> None:
    device = {"deviceToken": f"{mark}APA91b" + "x" * 100, "platform": "fcm"}
    ask("PUT", body={"device_tokens": [APNS, device]})
    answer = call(contacts.handler, "DELETE", "/v1/contacts/ada/devices", query={"token": device["deviceToken"]})
    assert (answer.status, answer.body) == (204, None)
    assert ask("GET").body["device_tokens"] == [APNS]


@pytest.mark.parametrize("query", [None, {"token": ""}, {"token": "a b"}, {"token": "é"}])
def test_a_deletion_without_a_token_removes_nothing(query: dict[str, str] | None, table: Table) -> None:
    ask("PUT", body={"device_tokens": [APNS]})
    answer = call(contacts.handler, "DELETE", "/v1/contacts/ada/devices", query=query)
    assert (answer.status, answer.fields()) == (400, ["token"])
    assert ask("GET").body["device_tokens"] == [APNS]


def test_a_device_of_nobody_is_removed_with_204(table: Table) -> None:
    assert ask("DELETE", f"nobody/devices/{APNS['deviceToken']}").status == 204
    assert table.items == {}


def test_what_is_no_device_is_refused_naming_the_field(table: Table) -> None:
    for body, field in (({**APNS, "deviceToken": "ab"}, "deviceToken"), ({**APNS, "platform": "wns"}, "platform")):
        answer = ask("POST", "ada/devices", body)
        assert (answer.status, answer.fields()) == (400, [field])
    assert ask("POST", "ada/devices", {**APNS, "name": "phone"}).fields() == ["name"]
    assert table.items == {}


def test_what_others_get_in_the_way_of_is_409_and_says_when_to_come_again(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contended(*_: object) -> None:
        raise Contended("Others were faster.", retry_after=1)

    for method, path, body, name in (
        ("POST", "ada/devices", APNS, "add_device"),
        ("DELETE", f"ada/devices/{APNS['deviceToken']}", None, "remove_device"),
        ("PUT", "ada", {"device_tokens": [APNS]}, "put"),
        ("PATCH", "ada", {"device_tokens": []}, "change"),
        ("DELETE", "ada", None, "delete"),
    ):
        monkeypatch.setattr(table, name, contended)
        answer = ask(method, path, body)
        assert (answer.status, answer.body["type"]) == (409, "urn:carillon:problem:contended")
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_a_user_refuses_is_refused_at_the_address_that_they_come_to(
    method: str, table: Table, choices: MemoryChoices
) -> None:
    table.items["ada"] = Contact()
    choices.kept["ada"] = UserSettings(categories={"marketing": {"email": False, "sms": False}})
    call(contacts.handler, method, "/v1/contacts/ada", {"email": "Ada@example.com", "phone": "+442079460123"})
    assert choices.kept[address_key("ada@example.com")].categories == {"marketing": {"email": False}}
    assert choices.kept[address_key("+442079460123")].categories == {"marketing": {"sms": False}}


# -- suppressions ------------------------------------------------------------------------------------------------------

URL = "https://hooks.example.com/T0/Ada?sig=a%2Bb&x=+"


@pytest.mark.parametrize("address", ["ada+1@example.com", "+442079460123", URL])
def test_an_address_number_or_url_is_suppressed_and_lifted_by_its_path(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = MemorySuppressions()
    monkeypatch.setattr(contacts, "suppressed", kept)
    scope = {"suppressions": "true"}
    answers = [call(contacts.handler, "POST", "/v1/suppressions", {"address": address}, scopes=scope) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert [each.address for each in kept.kept.values()] == [address]
    gone = call(contacts.handler, "DELETE", f"/v1/suppressions/{quote(address, safe='')}", scopes=scope)
    assert (gone.status, kept.kept) == (204, {})


@pytest.mark.parametrize(
    "address",
    ["http://hooks.example.com/a", "https://localhost/a", "https://10.0.0.1/", f"https://a.example.com/{'x' * 2048}"],
)
def test_a_url_that_no_contact_could_have_is_refused_naming_the_field(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = MemorySuppressions()
    monkeypatch.setattr(contacts, "suppressed", kept)
    answer = call(contacts.handler, "POST", "/v1/suppressions", {"address": address}, scopes={"suppressions": "true"})
    assert (answer.status, answer.fields(), kept.kept) == (400, ["address"], {})
    assert "example.com" not in str(answer.body["errors"])
