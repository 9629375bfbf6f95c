"""Bad requests are told what was wrong, by field, and leave nothing behind; good ones are kept as they were given."""

import uuid
from typing import Any

import httpx
import pytest

from tests.emulator.producer import Producer

EMAIL = {"subject": "Hello", "body": "<p>Hello</p>"}


def fields(answer: httpx.Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {error["field"] for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": None}, "category"),
        ({"category": "Not A Category"}, "category"),
        ({"to": []}, "to"),
        ({"to": [{"email": "not-an-address"}]}, "to.0.email"),
        ({"to": [{"phone": "12345"}]}, "to.0.phone"),
        ({"to": [{}]}, "to.0"),
        ({"to": [{"email": "a@example.com", "phone": "+4915112345678"}]}, "to.0"),
        ({"to": [{"email": "a@example.com"}] * 101}, "to"),
        ({"priority": "urgent"}, "priority"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"colour": "red"}, "colour"),
        ({"template": "no-such-template", "content": None}, "template"),
        ({"content": {"subject": "no body"}}, "content.body"),
    ],
)
def test_a_bad_notification_is_400_naming_the_field(change: dict[str, Any], field: str, producer: Producer) -> None:
    body = {"category": "payment", "content": EMAIL, "to": [{"email": "a@example.com"}], **change}
    answer = producer.send({key: value for key, value in body.items() if value is not None})
    assert answer.status_code == 400, answer.text
    assert field in fields(answer)


def test_a_body_that_is_not_json_is_a_400_problem(producer: Producer) -> None:
    for content in (b"{", b"[]", b'"text"', b""):
        answer = producer.raw("POST", "/v1/notifications", content)
        assert answer.status_code == 400, (content, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_over_256_kb_is_413(producer: Producer) -> None:
    large = {"subject": "s", "body": "x" * (257 * 1024)}
    answer = producer.send({"category": "payment", "content": large, "to": [{"email": "a@example.com"}]})
    assert answer.status_code == 413, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_error_never_repeats_the_address_it_refuses(producer: Producer) -> None:
    address = f"{uuid.uuid4().hex}@@example..com"
    answer = producer.send({"category": "payment", "content": EMAIL, "to": [{"email": address}]})
    assert answer.status_code == 400
    assert address not in answer.text


def test_a_notification_that_is_not_there_is_404(producer: Producer) -> None:
    assert producer.call("GET", f"/v1/notifications/{uuid.uuid4()}").status_code == 404


def test_a_variable_that_the_template_needs_and_the_data_lack_is_400(producer: Producer) -> None:
    name = f"needs-{uuid.uuid4().hex[:8]}"
    body = {"subject": "Hi {{ name }}", "body": "{{ order.total }}"}
    assert producer.call("PUT", f"/v1/templates/{name}/email/default", body).status_code in (200, 201)
    answer = producer.send(
        {"category": "payment", "template": name, "data": {"name": "Ada"}, "to": [{"email": "a@example.com"}]}
    )
    assert answer.status_code == 400, answer.text
    assert fields(answer) == {"data.order"}


# -- contacts --------------------------------------------------------------------------------------------------------

FCM_TOKEN = "fcm-" + "a1B2_c3-" * 19
CONTACT: dict[str, Any] = {
    "email": "ada@example.com",
    "phone": "+4915112345678",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "device_tokens": [
        {"deviceToken": "0123456789abcdef" * 4, "platform": "apns"},
        {"deviceToken": FCM_TOKEN, "platform": "fcm"},
    ],
    "external_channels": [
        {"platform": "slack", "url": "https://hooks.slack.com/services/T000/B000/abcdef", "status": True}
    ],
}


def test_a_contact_is_kept_as_it_was_given_then_changed_then_gone(producer: Producer) -> None:
    path = f"/v1/contacts/{uuid.uuid4()}"
    assert producer.call("PUT", path, CONTACT).status_code == 201
    assert producer.call("PUT", path, CONTACT).status_code == 200
    kept = producer.call("GET", path).json()
    assert {key: kept[key] for key in CONTACT} == CONTACT

    changed = producer.call("PATCH", path, {"email": "new@example.com", "phone": None})
    assert changed.status_code == 200, changed.text
    kept = producer.call("GET", path).json()
    assert kept["email"] == "new@example.com"
    assert kept.get("phone") is None
    assert kept["device_tokens"] == CONTACT["device_tokens"]

    assert producer.call("DELETE", path).status_code == 204
    assert producer.call("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"phone": "+1555"}, "phone"),
        ({"phone": "0151 12345678"}, "phone"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"device_tokens": [{"deviceToken": "xyz", "platform": "apns"}]}, "device_tokens.0.deviceToken"),
        ({"device_tokens": [{"deviceToken": "a" * 64, "platform": "windows"}]}, "device_tokens.0.platform"),
        (
            {"external_channels": [{"platform": "slack", "url": "http://hooks.slack.com/x", "status": True}]},
            "external_channels.0.url",
        ),
        *(
            ({"external_channels": [{"platform": "slack", "url": url, "status": True}]}, "external_channels.0.url")
            for url in (
                "https://hooks.slack.com\\@hooks.slack.com/services/T0/B0/x",
                "https://hooks.slack.com:8443/services/T0/B0/x",
            )
        ),
        ({"nickname": "ada"}, "nickname"),
    ],
)
def test_a_bad_contact_is_400_naming_the_field(change: dict[str, Any], field: str, producer: Producer) -> None:
    path = f"/v1/contacts/{uuid.uuid4()}"
    answer = producer.call("PUT", path, CONTACT | change)
    assert answer.status_code == 400, answer.text
    assert any(name == field or name.startswith(f"{field}.") for name in fields(answer)), answer.text
    assert producer.call("GET", path).status_code == 404
    assert producer.call("PUT", path, CONTACT).status_code == 201
    assert producer.call("PATCH", path, change).status_code == 400


def test_a_user_id_with_a_plus_and_an_at_sign_reaches_the_table_as_written(producer: Producer) -> None:
    path = "/v1/contacts/ada%2Bshop@example.com"
    assert producer.call("PUT", path, {"email": "ada@example.com"}).status_code in (200, 201)
    assert producer.call("GET", path).json()["user_id"] == "ada+shop@example.com"


# -- templates -------------------------------------------------------------------------------------------------------


def test_a_template_is_kept_and_previewed_with_its_data_escaped(producer: Producer) -> None:
    path = f"/v1/templates/welcome-{uuid.uuid4().hex[:8]}/email/en"
    source = {"subject": "Hi {{ name }}", "body": "<b>{{ name }}</b>", "text": "Hi {{ name }}"}
    assert producer.call("PUT", path, source).status_code in (200, 201)
    kept = producer.call("GET", path).json()
    assert {key: kept[key] for key in source} == source

    preview = producer.call("POST", f"{path}/preview", {"data": {"name": "<Ada>"}})
    assert preview.status_code == 200, preview.text
    rendered = {key: preview.json()[key] for key in source}
    assert rendered == {"subject": "Hi <Ada>", "body": "<b>&lt;Ada&gt;</b>", "text": "Hi <Ada>"}


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"subject": "s", "body": "{{ unclosed"}, "body"),
        ({"subject": "{% if %}", "body": "b"}, "subject"),
        ({"body": "no subject"}, "subject"),
        ({"subject": "s"}, "body"),
    ],
)
def test_a_template_that_does_not_compile_is_400_naming_the_field(
    source: dict[str, str], field: str, producer: Producer
) -> None:
    answer = producer.call("PUT", f"/v1/templates/broken-{uuid.uuid4().hex[:8]}/email/default", source)
    assert answer.status_code == 400, answer.text
    assert field in fields(answer)


def test_a_template_that_is_not_there_is_404(producer: Producer) -> None:
    path = f"/v1/templates/absent-{uuid.uuid4().hex[:8]}/email/default"
    assert producer.call("GET", path).status_code == 404
    assert producer.call("POST", f"{path}/preview", {"data": {}}).status_code == 404


def test_the_most_specific_locale_that_exists_is_sent(producer: Producer) -> None:
    name = f"locale-{uuid.uuid4().hex[:8]}"
    for locale in ("default", "de"):
        body = {"subject": locale, "body": locale}
        assert producer.call("PUT", f"/v1/templates/{name}/email/{locale}", body).status_code in (200, 201)
    austrian, french = (
        producer.contact(email=f"{uuid.uuid4().hex}@example.com", locale=locale) for locale in ("de-AT", "fr")
    )
    to = [{"user_id": austrian}, {"user_id": french}]
    accepted = producer.send({"category": "payment", "template": name, "to": to}).json()
    final = producer.until_final(accepted["notification_id"])
    subject = {m["delivery_id"]: m.get("subject") for m in producer.messages()}
    assert {d["user_id"]: subject[d["delivery_id"]] for d in final["deliveries"]} == {austrian: "de", french: "default"}
