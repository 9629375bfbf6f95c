"""What would be empty or too long is refused by the API, dry run and preview alike; the longest that may go arrives."""

import re
import uuid
from typing import Any

import pytest

from tests.emulator.producer import Producer
from tests.emulator.test_channels import everywhere


def reader(producer: Producer) -> str:
    """A user on every channel, of chat on Discord alone."""
    user, snowflake = everywhere(producer), f"{uuid.uuid4().int % 10**18:018}"
    url = f"https://discord.com/api/webhooks/{snowflake}/{uuid.uuid4().hex}"
    changed = {"external_channels": [{"platform": "discord", "url": url, "status": True}]}
    assert producer.call("PATCH", f"/v1/contacts/{user}", changed).status_code == 200
    return user


@pytest.fixture(scope="module")
def user(producer: Producer) -> str:
    return reader(producer)


def ask(producer: Producer, user: str, channel: str, content: Any, data: Any, *, dry_run: bool = False) -> Any:
    body = {"category": "payment", "channels": [channel], "content": content, "data": data, "to": [{"user_id": user}]}
    return producer.call("POST", f"/v1/notifications{'?dry_run=true' if dry_run else ''}", body)


@pytest.mark.parametrize(
    ("channel", "content", "data", "field", "told"),
    [
        ("sms", {"body": "{% if show %}Hello{% endif %}"}, {"show": False}, "body", "is empty once rendered"),
        ("email", {"subject": "{{ x }}", "body": "b"}, {"x": " "}, "subject", "is empty once rendered"),
        ("email", {"subject": "s", "body": "<p>{{ x }}</p>"}, {"x": ""}, "body", "neither text nor an image"),
        ("push", {"subject": "{{ x }}", "body": "b"}, {"x": ""}, "subject", "is empty once rendered"),
        ("chat", {"body": "{{ x }}"}, {"x": "\n"}, "body", "is empty once rendered"),
        ("chat", {"body": "{{ x }}"}, {"x": "x" * 2001}, "body", "2,001 characters, of at most 2,000"),
        ("push", {"body": "{{ x }}"}, {"x": "é" * 2048}, "body", "bytes of payload, of at most 4,096"),
        ("sms", {"body": "{{ x }}"}, {"x": "x" * 1531}, "body", "11 text messages, of at most 10"),
        ("email", {"subject": "{{ x }}", "body": "b"}, {"x": "x" * 999}, "subject", "999 bytes, of at most 998"),
    ],
)
def test_what_cannot_be_sent_is_a_400_with_the_field_and_why(
    producer: Producer, user: str, channel: str, content: Any, data: Any, field: str, told: str
) -> None:
    answers = [ask(producer, user, channel, content, data, dry_run=dry_run) for dry_run in (True, False)]
    for answer in answers:
        assert answer.status_code == 400, answer.text
        errors = answer.json()["errors"]
        assert {error["field"] for error in errors} == {f"content.{field}"}
        assert all(told in error["message"] for error in errors)


def test_a_preview_says_so_too(producer: Producer) -> None:
    path = f"/v1/templates/sizes-{uuid.uuid4().hex[:8]}/sms/default"
    assert producer.call("PUT", path, {"body": "{{ x }}"}).status_code == 201
    for x, told in ((" ", "is empty"), ("x" * 1531, "11 text messages, of at most 10")):
        answer = producer.call("POST", f"{path}/preview", {"data": {"x": x}})
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, ["body"])
        assert told in answer.json()["errors"][0]["message"]


def room(producer: Producer, user: str) -> int:
    """How many characters of a push, of two bytes each, the payloads of all its platforms leave room for."""
    refused = ask(producer, user, "push", {"body": "{{ x }}"}, {"x": "é" * 2048}).json()["errors"]
    sizes = [int(re.findall(r"([\d,]+) bytes", error["message"])[0].replace(",", "")) for error in refused]
    return 2048 - (max(sizes) - 4096 + 1) // 2


def test_the_longest_that_may_go_arrives(producer: Producer, user: str) -> None:
    fits = room(producer, user)
    longest = {"chat": "😀" * 2000, "push": "é" * fits, "sms": "x" * 1530}
    sent = {}
    for channel, text in longest.items():
        accepted = ask(producer, user, channel, {"body": "{{ x }}"}, {"x": text})
        assert accepted.status_code == 202, accepted.text
        sent[channel] = producer.until_final(accepted.json()["notification_id"])["deliveries"]
    assert ask(producer, user, "push", {"body": "{{ x }}"}, {"x": "é" * (fits + 1)}).status_code == 400
    received = {message["delivery_id"]: message["body"] for message in producer.messages()}
    for channel, deliveries in sent.items():
        assert [delivery["status"] for delivery in deliveries] == ["sent"] * len(deliveries)
        assert {received[delivery["delivery_id"]] for delivery in deliveries} == {longest[channel]}
