"""What producers and recipients' programs really send, over real HTTP: queries, paths, methods and spellings."""

import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from local.platform import Platform
from tests.emulator.producer import Producer
from tests.emulator.test_devices import apns, devices, fcm
from tests.emulator.test_links import SHOP, links, send, timeline
from tests.emulator.test_requests import CONTACT, EMAIL, fields


def to(address: str) -> dict[str, Any]:
    return {"category": "payment", "content": EMAIL, "to": [{"email": address}]}


@pytest.mark.parametrize("query", ["dryRun=true", "dry-run=true", "DRY_RUN=true", "dryrun=1", "dry_run=1", "dry_run"])
def test_what_was_meant_as_a_dry_run_sends_nothing(query: str, producer: Producer) -> None:
    address = f"{uuid.uuid4().hex}@example.com"
    answer = producer.call("POST", f"/v1/notifications?{query}", to(address))
    assert (answer.status_code, fields(answer)) == (400, {query.partition("=")[0]})
    sent = producer.send(to(f"{uuid.uuid4().hex}@example.com"))  # what comes later has arrived: that has not
    producer.until_final(sent.json()["notification_id"])
    assert address not in {message["to"] for message in producer.messages()}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/contacts/nobody?fields=email", None),
        ("PATCH", "/v1/contacts/nobody?upsert=true", {}),
        ("GET", "/v1/templates/none/email/de?version=1", None),
        ("GET", "/v1/notifications/none?verbose=1", None),
    ],
)
def test_no_route_takes_a_query_that_it_does_not_know(method: str, path: str, body: Any, producer: Producer) -> None:
    answer = producer.call(method, path, body)
    assert (answer.status_code, fields(answer)) == (400, {path.partition("?")[2].partition("=")[0]})


def test_what_is_said_twice_is_refused(producer: Producer) -> None:
    answer = producer.raw("PUT", f"/v1/contacts/{uuid.uuid4()}", b'{"locale": "de", "locale": "fr"}')
    assert (answer.status_code, fields(answer)) == (400, {"locale"})
    answer = producer.call("POST", "/v1/notifications?dry_run=true&dry_run=false", to("a@example.com"))
    assert (answer.status_code, fields(answer)) == (400, {"dry_run"})


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["auth0|5f7c", "a/b", "100%", "a%2Fb", "a%41", "a b", "a+b", "a?b=c#d", '"\\`<>'])
def test_a_user_id_is_the_same_in_every_path_whatever_characters_it_has(mark: str, producer: Producer) -> None:
    user = f"{mark}{uuid.uuid4().hex}"
    path = f"/v1/contacts/{quote(user, safe='')}"
    kept = producer.call("PUT", path, {"email": f"{uuid.uuid4().hex}@example.com"})
    assert (kept.status_code, kept.json()["user_id"]) == (201, user)
    assert producer.call("GET", path).json() == kept.json()
    assert producer.call("PUT", f"{path}/settings", {"categories": {}}).status_code == 201
    [planned] = producer.call(
        "POST", "/v1/notifications?dry_run=true", to("") | {"to": [{"user_id": user}], "channels": ["email"]}
    ).json()["deliveries"]
    assert (planned["user_id"], planned["status"]) == (user, "created")
    assert producer.call("DELETE", path).status_code == 204


@pytest.mark.parametrize("user", ["%C3%A9", "%0A", "%20a", "x" * 256])
def test_a_user_id_beyond_printable_ascii_is_refused(user: str, producer: Producer) -> None:
    answer = producer.call("PUT", f"/v1/contacts/{user}", {})
    assert (answer.status_code, fields(answer)) == (400, {"user_id"})


@pytest.mark.parametrize("way", ["path", "query"])
def test_a_device_is_removed_whatever_characters_its_token_has(way: str, producer: Producer) -> None:
    device, other = fcm("/:+=~."), apns()
    user = producer.contact(device_tokens=[device, other])
    token = quote(device["deviceToken"], safe="")
    path = f"/v1/contacts/{user}/devices" + (f"/{token}" if way == "path" else f"?token={token}")
    assert [producer.call("DELETE", path).status_code for _ in range(2)] == [204, 204]
    assert devices(producer, user) == [other]


# -- what is answered can be sent back ---------------------------------------------------------------------------------


def test_what_is_answered_can_be_put_back(producer: Producer) -> None:
    template = f"/v1/templates/back-{uuid.uuid4().hex[:8]}/email/en_US"
    path = f"/v1/contacts/{uuid.uuid4()}"
    for resource, first in ((path, CONTACT | {"device_tokens": [apns()]}), (f"{path}/settings", {}), (template, EMAIL)):
        assert producer.call("PUT", resource, first).status_code == 201
        answered = producer.call("GET", resource).json()
        back = producer.call("PUT", resource, answered)
        assert back.status_code == 200, back.text
        again = producer.call("GET", resource).json()
        assert {**again, "version_id": None} == {**answered, "version_id": None}
    answer = producer.call("PUT", path, producer.call("GET", path).json() | {"user_id": "somebody"})
    assert (answer.status_code, fields(answer)) == (400, {"user_id"})


# -- methods -----------------------------------------------------------------------------------------------------------


def test_a_head_is_as_a_get_and_counts_as_nothing(producer: Producer) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    accepted = send(producer, {"user_id": user})
    found = links(producer, accepted)
    looked = {path: httpx.head(f"{url}?utm_source=mail") for path, url in found.items()}
    assert {path: (each.status_code, each.content) for path, each in looked.items()} == {
        "t/o": (200, b""),
        "t/c": (302, b""),
        "u": (200, b""),
    }
    assert looked["t/c"].headers["location"] == SHOP
    assert looked["u"].headers["content-type"] == "text/html; charset=utf-8"
    assert timeline(producer, accepted) == ["created", "pending", "sent"]
    assert httpx.get(f"{found['t/o']}?fbclid=x&fbclid=y").status_code == 200
    assert timeline(producer, accepted)[-1] == "opened"


@pytest.mark.parametrize(
    ("path", "methods", "other"),
    [
        ("/v1/notifications", {"GET", "POST"}, "PUT"),
        ("/v1/contacts/ada", {"GET", "PUT", "PATCH", "DELETE"}, "POST"),
        ("/v1/templates/a/email/de", {"GET", "PUT"}, "DELETE"),
        ("/t/o/x", {"GET", "HEAD"}, "POST"),
        ("/u/x", {"GET", "HEAD", "POST"}, "PUT"),
    ],
)
def test_a_path_says_which_methods_it_takes(path: str, methods: set[str], other: str, platform: Platform) -> None:
    url = f"{platform.local.api_url}{path}"
    asked = httpx.options(url)
    assert (asked.status_code, asked.content) == (204, b"")
    refused = httpx.request(other, url, data={"a": "b"})
    assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")
    for answer in (asked, refused):
        assert set(answer.headers["allow"].split(", ")) == methods | {"OPTIONS"}
    assert refused.json()["type"] == "urn:carillon:problem:method-not-allowed"


# -- languages ---------------------------------------------------------------------------------------------------------


def test_everybody_gets_the_nearest_language_that_there_is(producer: Producer) -> None:
    name = f"nearest-{uuid.uuid4().hex[:8]}"
    for locale in ("default", "es_419", "es", "pt", "pt-PT", "zh", "zh-Hant", "nb", "en-US"):
        body = {"subject": locale.replace("_", "-"), "body": "b"}
        assert producer.call("PUT", f"/v1/templates/{name}/email/{locale}", body).status_code == 201
    expected = {"es_MX": "es-419", "pt-AO": "pt-PT", "zh-TW": "zh-Hant", "no": "nb", "en_US": "en-US", "fr": "default"}
    users = {
        producer.contact(email=f"{uuid.uuid4().hex}@example.com", locale=locale): subject
        for locale, subject in expected.items()
    }
    to_all = {
        "category": "payment",
        "template": name,
        "channels": ["email"],
        "to": [{"user_id": user} for user in users],
    }
    final = producer.until_final(producer.send(to_all).json()["notification_id"])
    subject = {message["delivery_id"]: message.get("subject") for message in producer.messages()}
    assert {each["user_id"]: subject[each["delivery_id"]] for each in final["deliveries"]} == users
