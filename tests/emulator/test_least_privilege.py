"""Granted is used: take any one statement from any role, and something that worked no longer does.

To start a function without what it had cached is what takes time here, so it is started once for each round: one
statement is away in it, or several whose absence shows in calls that do not need one another. Then the emulator's log
has to say too that just what each of them allows was denied.

The emulator enforces IAM for what a function asks of AWS. What it does not enforce (the key behind a table, a queue or
a secret, Lambda's own log and queue polling, the passing of a role) is proved statement by statement in
tests/infrastructure; `NOT_ENFORCED_HERE` names those, and the first test refuses a statement that is on neither list.
"""

import uuid
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest

from handlers.domain.providers.registry import of_channel
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import READER, Producer, until
from tests.emulator.test_links import links, send, timeline

Works = Callable[[Producer, Operator], bool]

CONTENT = {"subject": "Least privilege", "body": "<p>Least privilege</p>"}


def calls_are_let_in(producer: Producer, operator: Operator) -> bool:
    return producer.call("GET", f"/v1/contacts/{uuid.uuid4()}").status_code == 404


def a_known_user_is_accepted(producer: Producer, operator: Operator) -> bool:
    to = [{"user_id": f"user-{uuid.uuid4().hex}"}]
    return producer.send({"category": "payment", "content": CONTENT, "to": to}).status_code == 202


def an_address_is_accepted(producer: Producer, operator: Operator) -> bool:
    return direct(producer).status_code == 202


def a_template_is_accepted(producer: Producer, operator: Operator) -> bool:
    return direct(producer, template=new_template(producer)).status_code == 202


def a_delivery_is_published(producer: Producer, operator: Operator) -> bool:
    """The acceptance itself succeeds either way; without the permission nobody publishes."""
    failures = operator.times_logged("notifications", "PublishFailed")
    delivery_id = direct(producer).json()["deliveries"][0]["delivery_id"]
    return until(
        lambda: (
            is_sent(operator, delivery_id),
            operator.times_logged("notifications", "PublishFailed") > failures,
        ),
        any,
    )[0]


def a_delivery_is_scheduled(producer: Producer, operator: Operator) -> bool:
    """The acceptance itself succeeds either way; without the permission the sweeper has to publish it."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    to = [{"email": f"{uuid.uuid4().hex}@example.com"}]
    accepted = producer.send({"category": "payment", "content": CONTENT, "to": to, "send_at": tomorrow})
    assert accepted.status_code == 202, accepted.text
    return len(operator.schedules(accepted.json()["notification_id"])) == 1


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


def settings_are_kept(producer: Producer, operator: Operator) -> bool:
    path = f"/v1/contacts/{uuid.uuid4()}/settings"
    answers = [producer.call("PUT", path, {"categories": {}, "quiet_hours": None}), producer.call("GET", path)]
    return [answer.status_code for answer in answers] == [201, 200]


def a_reader_unsubscribes(producer: Producer, operator: Operator) -> bool:
    accepted = send(producer, {"email": f"{uuid.uuid4().hex}@example.com"})
    answer = unsubscribe(producer, accepted)
    return answer.status_code == 200 and timeline(producer, accepted)[-1] == "unsubscribed"


def a_user_unsubscribes(producer: Producer, operator: Operator) -> bool:
    accepted = send(producer, {"user_id": producer.contact(email=f"{uuid.uuid4().hex}@example.com")})
    return unsubscribe(producer, accepted).status_code == 200


def unsubscribe(producer: Producer, accepted: dict[str, Any]) -> httpx.Response:
    """At one click, with as much patience as producers have: the function may start for the first time."""
    return READER.post(links(producer, accepted)["u"], data={"List-Unsubscribe": "One-Click"})


@cache
def is_sent_on(channel: str) -> Works:
    """Whether the channel's worker sends to a user, by whichever provider."""
    return lambda producer, operator: bool(provider_of_one(channel, producer, operator))


@cache
def is_sent_by(provider: str, channel: str, out: str | None = None) -> Works:
    """Whether this provider sends, while `out` does not serve."""

    def works(producer: Producer, operator: Operator) -> bool:
        with operator.fault(out, "outage") if out else nullcontext():
            return provider_of_one(channel, producer, operator) == provider

    return works


@cache
def is_sent_from_a_template_on(channel: str) -> Works:
    return lambda producer, operator: bool(provider_of_one(channel, producer, operator, templated=True))


@cache
def tells_a_template_that_is_gone_on(channel: str) -> Works:
    """A version that is stored no longer ends its delivery; who may not look for it can only try again."""

    def works(producer: Producer, operator: Operator) -> bool:
        template, user = new_template(producer, channel), producer.contact(**ADDRESSES[channel]())
        with operator.paused_worker(channel):
            request = {"category": "payment", "template": template, "to": [{"user_id": user}], "channels": [channel]}
            accepted = producer.send(request).json()
            operator.delete_template(template)
        [delivery_id] = [delivery["delivery_id"] for delivery in accepted["deliveries"]]
        until(lambda: operator.worker_results(delivery_id, channel), bool)
        [delivery] = producer.notification(accepted["notification_id"])["deliveries"]
        return (delivery["status"], delivery.get("reason")) == ("error", "template_gone")

    return works


@cache
def knows_the_providers_of(channel: str) -> Works:
    """The worker sends without its knowledge as well, but complains."""

    def works(producer: Producer, operator: Operator) -> bool:
        complaints = operator.times_logged(f"worker-{channel}", "the state of the providers cannot be read")
        sent = bool(provider_of_one(channel, producer, operator))
        return sent and complaints == operator.times_logged(
            f"worker-{channel}", "the state of the providers cannot be read"
        )

    return works


@cache
def brings_back_what_failed_on(channel: str) -> Works:
    """A worker that cannot say when to bring a message back complains, and the queue does it later by itself."""

    def works(producer: Producer, operator: Operator) -> bool:
        worker, complaint = f"worker-{channel}", "messages cannot be brought back sooner"
        complaints, returned = (operator.times_logged(worker, each) for each in (complaint, "DeliveryReturned"))
        with ExitStack() as faults:
            for provider in of_channel(channel):
                faults.enter_context(operator.fault(provider.name, "outage"))
            assert provider_of_one(channel, producer, operator) is None
        # Counted at the end of the batch, when the queue has been told.
        until(lambda: operator.times_logged(worker, "DeliveryReturned"), lambda times: times > returned)
        return operator.times_logged(worker, complaint) == complaints

    return works


def a_dead_device_is_forgotten(producer: Producer, operator: Operator) -> bool:
    user = producer.contact(**ADDRESSES["push"]())
    with operator.fault("apns", "reject"):
        provider_of_one("push", producer, operator, user)
    return not producer.call("GET", f"/v1/contacts/{user}").json().get("device_tokens")


def a_device_moves(producer: Producer, operator: Operator) -> bool:
    [device] = ADDRESSES["push"]()["device_tokens"]
    paths = [f"/v1/contacts/{uuid.uuid4()}/devices" for _ in range(2)]
    return [producer.call("POST", path, device).status_code for path in paths] == [201, 201]


def a_due_delivery_is_published_again(producer: Producer, operator: Operator) -> bool:
    """A delivery whose event was lost and whose time has come."""
    with operator.unrouted():
        accepted = direct(producer).json()
    delivery_id = accepted["deliveries"][0]["delivery_id"]
    failures = operator.times_logged("sweeper", "PublishFailed")
    # The minute's sweep might come first, and leave this one nothing to do.
    with operator.unswept():
        operator.make_due(accepted["notification_id"], delivery_id)
        if "FunctionError" in operator.sweep():
            return False
    return until(
        lambda: (
            is_sent(operator, delivery_id),
            operator.times_logged("sweeper", "PublishFailed") > failures,
        ),
        any,
    )[0]


def what_was_never_accepted_is_erased(producer: Producer, operator: Operator) -> bool:
    accepted, unaccepted = direct(producer).json(), str(uuid.uuid4())
    like = operator.delivery(accepted["notification_id"], accepted["deliveries"][0]["delivery_id"])
    with operator.unswept():
        operator.leave_behind(unaccepted, like)
        return "FunctionError" not in operator.sweep() and operator.items(unaccepted) == []


ENFORCED: dict[str, dict[str, Works]] = {
    "authorizer": {"ReadAppSecrets": calls_are_let_in},
    "notifications": {
        "ReadRecipients": a_known_user_is_accepted,
        "WriteAndReadLog": an_address_is_accepted,
        "ReadTemplates": a_template_is_accepted,
        "ListTemplates": a_template_is_accepted,
        "PublishEvents": a_delivery_is_published,
        "MakeSchedules": a_delivery_is_scheduled,
    },
    "contacts": {
        "KeepContacts": a_contact_is_kept,
        "KeepDevices": a_device_moves,
        "KeepSettings": settings_are_kept,
    },
    "templates": {
        "KeepTemplates": a_template_is_stored_and_read,
        "ListTemplates": a_template_is_stored_and_read,
    },
    "tracking": {
        "ObserveDeliveries": a_reader_unsubscribes,
        "KeepChoices": a_reader_unsubscribes,
        "KnowWhoseAddress": a_user_unsubscribes,
        "SignLinks": a_reader_unsubscribes,
    },
    "sweeper": {
        "FindDueDeliveries": a_due_delivery_is_published_again,
        "PostponeDueDeliveries": a_due_delivery_is_published_again,
        "EraseWhatWasNeverAccepted": what_was_never_accepted_is_erased,
        "PublishEvents": a_due_delivery_is_published_again,
    },
}
OF_CHANNEL: dict[str, dict[str, Works]] = {
    "email": {
        "SendEmail": is_sent_by("ses", "email"),
        "ReadCredentials": is_sent_by("sendgrid", "email", out="ses"),
    },
    "sms": {
        "TextPhones": is_sent_by("sns", "sms"),
        "ReadCredentials": is_sent_by("twilio", "sms", out="sns"),
    },
    "push": {
        "ReadCredentials": is_sent_by("apns", "push"),
        "RegisterDevices": is_sent_by("sns-push", "push", out="apns"),
        "PushToDevices": is_sent_by("sns-push", "push", out="apns"),
        "ForgetDevices": a_dead_device_is_forgotten,
        "LetGoOfDevices": a_dead_device_is_forgotten,
    },
    "chat": {"ReadCredentials": is_sent_by("webhook", "chat")},
}
for name, own in OF_CHANNEL.items():
    ENFORCED[f"worker-{name}"] = {
        "SettleDeliveries": is_sent_on(name),
        "ReadSettings": is_sent_on(name),
        "ReadTemplates": is_sent_from_a_template_on(name),
        "FindTemplateVersions": tells_a_template_that_is_gone_on(name),
        "RetrySooner": brings_back_what_failed_on(name),
        "ShareProviderState": knows_the_providers_of(name),
        "SignLinks": is_sent_on(name),
        **own,
    }

NOT_ENFORCED_HERE = {
    "WriteOwnLog",
    "ConsumeQueue",
    "UseDataKey",
    "UseMessagingKey",
    "UseSecretsKey",
    "RefuseTopics",
    "PassSchedulerRole",
}
# Several statements of a role that are taken away in one round, in the order in which they are tried: what is known of
# the providers is kept for some seconds, so it has to be asked for first. Every other statement is taken away alone.
AT_ONCE: dict[str, tuple[str, ...]] = {
    "notifications": ("ReadTemplates", "PublishEvents", "MakeSchedules"),
    **{f"worker-{name}": ("ShareProviderState", "ReadTemplates", "RetrySooner") for name in OF_CHANNEL},
}


def rounds(function: str) -> list[tuple[str, ...]]:
    at_once = AT_ONCE.get(function, ())
    return [*([at_once] if at_once else []), *((sid,) for sid in ENFORCED[function] if sid not in at_once)]


@pytest.mark.parametrize("function", ENFORCED)
def test_every_statement_of_the_role_is_on_one_of_the_lists(function: str, operator: Operator) -> None:
    granted = {statement["Sid"] for statement in operator.statements(function)}
    assert granted - NOT_ENFORCED_HERE == set(ENFORCED[function])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("function", ENFORCED)
def test_without_any_one_statement_of_the_role_what_worked_does_not(
    function: str, producer: Producer, operator: Operator
) -> None:
    works = ENFORCED[function]
    statements = {statement["Sid"]: statement for statement in operator.statements(function)}
    for work in dict.fromkeys(works.values()):
        assert work(producer, operator), [sid for sid in works if works[sid] is work]
    with operator.role_of(function) as without:
        for sids in rounds(function):
            without(*sids)
            for sid in sids:
                denials = operator.denials(function, statements[sid])
                assert not works[sid](producer, operator), f"{function} does not need {sid}"
                if len(sids) > 1:
                    assert operator.denials(function, statements[sid]) > denials, f"{sid} is not what was missing"


def direct(producer: Producer, template: str | None = None) -> httpx.Response:
    """Send to a bare address, with a one-off content or a template."""
    what: dict[str, object] = {"template": template} if template else {"content": CONTENT}
    to = [{"email": f"{uuid.uuid4().hex}@example.com"}]
    return producer.send({"category": "payment", **what, "to": to})


ADDRESSES: dict[str, Callable[[], dict[str, Any]]] = {
    "email": lambda: {"email": f"{uuid.uuid4().hex}@example.com"},
    "sms": lambda: {"phone": "+4915112345678"},
    "push": lambda: {"device_tokens": [{"deviceToken": uuid.uuid4().hex * 2, "platform": "apns"}]},
    "chat": lambda: {
        "external_channels": [
            {"platform": "webhook", "url": f"https://hooks.example.com/{uuid.uuid4().hex}", "status": True}
        ]
    },
}


def provider_of_one(
    channel: str, producer: Producer, operator: Operator, user: str | None = None, *, templated: bool = False
) -> str | None:
    """Send to one user and name the provider that sent it; None once the worker says that nobody did.

    It says so of the delivery, or of the whole batch before it came to any.
    """
    worker = f"worker-{channel}"
    what = {"template": new_template(producer, channel)} if templated else {"content": CONTENT}
    to = [{"user_id": user or producer.contact(**ADDRESSES[channel]())}]
    denials = operator.times_logged(worker, "AccessDenied")
    accepted = producer.send({"category": "payment", **what, "to": to, "channels": [channel]}).json()
    [delivery_id] = [delivery["delivery_id"] for delivery in accepted["deliveries"]]
    results, _ = until(
        lambda: (
            operator.worker_results(delivery_id, channel),
            operator.times_logged(worker, "AccessDenied") > denials,
        ),
        any,
    )
    if "sent" not in results:
        return None
    [delivery] = producer.notification(accepted["notification_id"])["deliveries"]
    provider: str = delivery["provider"]
    return provider


def new_template(producer: Producer, channel: str = "email") -> str:
    name = f"least-{uuid.uuid4().hex[:8]}"
    content = CONTENT if channel in ("email", "push") else {"body": CONTENT["body"]}
    assert producer.call("PUT", f"/v1/templates/{name}/{channel}/default", content).status_code in (200, 201)
    return name


def is_sent(operator: Operator, delivery_id: str) -> bool:
    return "sent" in operator.worker_results(delivery_id)
