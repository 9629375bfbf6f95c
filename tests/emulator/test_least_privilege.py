"""Granted is used: take any one statement from any role, and something that worked no longer does.

The emulator enforces IAM for what a function asks of AWS. What it does not enforce (the key behind a table, a queue or
a secret, Lambda's own log and queue polling) is proved statement by statement in tests/infrastructure;
`NOT_ENFORCED_HERE` names those, and the first test refuses a statement that is on neither list.
"""

import uuid
from collections.abc import Callable

import httpx
import pytest

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until

Works = Callable[[Producer, Operator], bool]

CONTENT = {"subject": "Least privilege", "body": "<p>Least privilege</p>"}


def calls_are_let_in(producer: Producer, operator: Operator) -> bool:
    return producer.call("GET", f"/v1/contacts/{uuid.uuid4()}").status_code == 404


def a_known_user_is_accepted(producer: Producer, operator: Operator) -> bool:
    to = [{"user_id": f"user-{uuid.uuid4().hex}"}]
    return producer.send({"category": "payment", "content": CONTENT, "to": to}).status_code == 202


def an_address_is_accepted(producer: Producer, operator: Operator) -> bool:
    return direct(producer).status_code == 202


def a_repeat_is_answered_alike(producer: Producer, operator: Operator) -> bool:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"category": "payment", "content": CONTENT, "to": [{"email": "least@example.com"}]}
    return [producer.send(body, headers=key).status_code for _ in range(2)] == [202, 202]


def a_template_is_accepted(producer: Producer, operator: Operator) -> bool:
    return direct(producer, template=new_template(producer)).status_code == 202


def a_delivery_is_published(producer: Producer, operator: Operator) -> bool:
    """The acceptance itself succeeds either way; without the permission nobody publishes."""
    failures = operator.logged("notifications").count("PublishFailed")
    delivery_id = direct(producer).json()["deliveries"][0]["delivery_id"]
    return until(
        lambda: (
            is_sent(operator, delivery_id),
            operator.logged("notifications").count("PublishFailed") > failures,
        ),
        any,
    )[0]


def a_contact_is_kept(producer: Producer, operator: Operator) -> bool:
    path = f"/v1/contacts/{uuid.uuid4()}"
    answers = [
        producer.call("PUT", path, {"email": "least@example.com"}),
        producer.call("PATCH", path, {"locale": "de"}),
        producer.call("GET", path),
        producer.call("DELETE", path),
    ]
    return [answer.status_code for answer in answers] == [201, 200, 200, 204]


def a_template_is_stored_and_read(producer: Producer, operator: Operator) -> bool:
    path = f"/v1/templates/least-{uuid.uuid4().hex[:8]}/email/default"
    stored = producer.call("PUT", path, CONTENT).status_code in (200, 201)
    return stored and producer.call("GET", path).status_code == 200


def an_email_is_sent(producer: Producer, operator: Operator) -> bool:
    return worker_sends(operator, lambda: direct(producer))


def an_email_to_a_user_is_sent(producer: Producer, operator: Operator) -> bool:
    to = [{"user_id": producer.contact(email="least@example.com")}]
    return worker_sends(operator, lambda: producer.send({"category": "payment", "content": CONTENT, "to": to}))


def a_templated_email_is_sent(producer: Producer, operator: Operator) -> bool:
    template = new_template(producer)
    return worker_sends(operator, lambda: direct(producer, template=template))


def a_due_delivery_is_published_again(producer: Producer, operator: Operator) -> bool:
    """A delivery that nobody published and whose time has come."""
    with operator.without_statement("notifications", "PublishEvents"):
        accepted = direct(producer).json()
    delivery_id = accepted["deliveries"][0]["delivery_id"]
    operator.make_due(accepted["notification_id"], delivery_id)
    failures = operator.logged("sweeper").count("PublishFailed")
    if "FunctionError" in operator.sweep():
        return False
    return until(
        lambda: (is_sent(operator, delivery_id), operator.logged("sweeper").count("PublishFailed") > failures), any
    )[0]


ENFORCED: dict[str, dict[str, Works]] = {
    "authorizer": {"ReadAppSecrets": calls_are_let_in},
    "notifications": {
        "ReadRecipients": a_known_user_is_accepted,
        "WriteAndReadLog": an_address_is_accepted,
        "AnswerRepeatsAlike": a_repeat_is_answered_alike,
        "ReadTemplates": a_template_is_accepted,
        "ListTemplates": a_template_is_accepted,
        "PublishEvents": a_delivery_is_published,
    },
    "contacts": {"KeepContacts": a_contact_is_kept},
    "templates": {
        "KeepTemplates": a_template_is_stored_and_read,
        "ListTemplates": a_template_is_stored_and_read,
    },
    "worker-email": {
        "SettleDeliveries": an_email_is_sent,
        "ReadSettings": an_email_to_a_user_is_sent,
        "ReadTemplates": a_templated_email_is_sent,
        "SendEmail": an_email_is_sent,
    },
    "sweeper": {
        "FindDueDeliveries": a_due_delivery_is_published_again,
        "PostponeDueDeliveries": a_due_delivery_is_published_again,
        "PublishEvents": a_due_delivery_is_published_again,
    },
}
NOT_ENFORCED_HERE = {"WriteOwnLog", "ConsumeQueue", "UseDataKey", "UseMessagingKey", "UseSecretsKey"}
CASES = [(function, sid) for function, statements in ENFORCED.items() for sid in statements]


@pytest.mark.parametrize("function", ENFORCED)
def test_every_statement_of_the_role_is_on_one_of_the_lists(function: str, operator: Operator) -> None:
    granted = {statement["Sid"] for statement in operator.statements(function)}
    assert granted - NOT_ENFORCED_HERE == set(ENFORCED[function])


@pytest.mark.parametrize(("function", "sid"), CASES)
def test_without_the_statement_what_worked_does_not(
    function: str, sid: str, producer: Producer, operator: Operator
) -> None:
    works = ENFORCED[function][sid]
    assert works(producer, operator)
    with operator.without_statement(function, sid):
        assert not works(producer, operator)


def direct(producer: Producer, template: str | None = None) -> httpx.Response:
    """Send to a bare address, with a one-off content or a template."""
    what: dict[str, object] = {"template": template} if template else {"content": CONTENT}
    to = [{"email": f"{uuid.uuid4().hex}@example.com"}]
    return producer.send({"category": "payment", **what, "to": to})


def new_template(producer: Producer) -> str:
    name = f"least-{uuid.uuid4().hex[:8]}"
    assert producer.call("PUT", f"/v1/templates/{name}/email/default", CONTENT).status_code in (200, 201)
    return name


def is_sent(operator: Operator, delivery_id: str) -> bool:
    return "sent" in operator.worker_results(delivery_id)


def worker_sends(operator: Operator, send: Callable[[], httpx.Response]) -> bool:
    """Whether the worker sends it, or else says that it failed: for this delivery, or before it came to any."""
    denials = operator.logged("worker-email").count("AccessDenied")
    delivery_id = send().json()["deliveries"][0]["delivery_id"]
    sent, _ = until(
        lambda: (is_sent(operator, delivery_id), operator.logged("worker-email").count("AccessDenied") > denials), any
    )
    return sent
