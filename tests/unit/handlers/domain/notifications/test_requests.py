"""The body of a notification: what is accepted, and the field that is named when it is not."""

from typing import Any

import pytest
from pydantic import ValidationError

from handlers.domain.notifications.requests import NotificationRequest
from tests.unit.handlers.samples import CONTENT

BODY: dict[str, Any] = {"category": "payment", "content": CONTENT, "to": [{"user_id": "ada"}]}


def refused(change: dict[str, Any]) -> set[str]:
    body = {name: value for name, value in (BODY | change).items() if value is not ...}
    with pytest.raises(ValidationError) as error:
        NotificationRequest.model_validate(body)
    return {".".join(map(str, each["loc"])) for each in error.value.errors()}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": ...}, "category"),
        ({"category": "Not A Category"}, "category"),
        ({"category": "a" * 64}, "category"),
        ({"category": "payment\n"}, "category"),
        ({"template": "receipt"}, "content"),
        ({"content": ...}, "content"),
        ({"content": None}, "content"),
        ({"content": {"subject": "no body"}}, "content.body"),
        ({"content": {"body": "b", "colour": "red"}}, "content.colour"),
        ({"template": "../x", "content": ...}, "template"),
        ({"data": []}, "data"),
        ({"to": ...}, "to"),
        ({"to": []}, "to"),
        ({"to": [{"user_id": "ada"}] * 101}, "to"),
        ({"to": [{}]}, "to.0"),
        ({"to": [{"user_id": "ada"}, {"email": "a@example.com", "phone": "+442079460123"}]}, "to.1"),
        ({"to": [{"user_id": ""}]}, "to.0.user_id"),
        ({"to": [{"user_id": "é"}]}, "to.0.user_id"),
        ({"to": [{"email": "nobody"}]}, "to.0.email"),
        ({"to": [{"phone": "12345"}]}, "to.0.phone"),
        ({"to": [{"push": "token"}]}, "to.0.push"),
        ({"channels": []}, "channels"),
        ({"channels": ["email", "email"]}, "channels"),
        ({"channels": ["fax"]}, "channels.0"),
        ({"channels": ["email", "fax"]}, "channels.1"),
        ({"priority": "urgent"}, "priority"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"send_at": "2030-01-31"}, "send_at"),
    ],
)
def test_a_bad_body_is_refused_naming_the_field(change: dict[str, Any], field: str) -> None:
    assert refused(change) == {field}


def test_a_bad_template_is_not_said_to_lack_content_as_well() -> None:
    assert refused({"template": 7, "content": ...}) == {"template"}


@pytest.mark.parametrize(
    "change",
    [
        {"template": "receipt", "content": ...},
        {"to": [{"user_id": "ada+shop@example.com"}, {"email": "a@example.com"}, {"phone": "+442079460123"}]},
        {"to": [{"user_id": f"user-{number}"} for number in range(100)]},
        {"channels": ["email", "sms"], "priority": "high", "expires_at": "2030-01-31T12:00:00+01:00"},
        {"data": {"nested": [{"amount": 12.5}, None, True]}},
    ],
)
def test_a_good_body_is_accepted(change: dict[str, Any]) -> None:
    body = {name: value for name, value in (BODY | change).items() if value is not ...}
    NotificationRequest.model_validate(body)
