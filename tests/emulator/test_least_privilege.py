"""Granted is used: take any one statement from any role, and something that worked no longer does.

One statement is away at a time, and the emulator's log has to say that just what it allows was denied. To start a
function afresh is what takes time here, so that is done only where it remembers what it once was given: `REMEMBERED`.
What a queue brings to workers and redrivers is given to them directly: nothing is waited for, and what was denied does
not come again.

The emulator enforces IAM for what a function asks of AWS. What it does not enforce (the key behind a table, a queue or
a secret, Lambda's own log and queue polling, the passing of a role) is proved statement by statement in
tests/infrastructure; `NOT_ENFORCED_HERE` names those, and the first test refuses a statement that is on neither list.
"""

import uuid
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from handlers.domain.broadcasts.broadcast import SMALLEST_PAGE
from handlers.domain.providers.registry import of_channel
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import READER, Producer, token, until
from tests.emulator.test_links import links, send, timeline

Works = Callable[[Producer, Operator], bool]

CONTENT = {"subject": "Least privilege", "body": "<p>Least privilege</p>"}


def calls_are_let_in(producer: Producer, operator: Operator) -> bool:
    """With a token that API Gateway has not seen, so that it asks."""
    new = token(producer.app_key, producer.app_secret)
    return producer.call("GET", f"/v1/contacts/{uuid.uuid4()}", bearer=new).status_code == 404


def a_known_user_is_accepted(producer: Producer, operator: Operator) -> bool:
    to = [{"user_id": f"user-{uuid.uuid4().hex}"}]
    return producer.send({"category": "payment", "content": CONTENT, "to": to}).status_code == 202


def an_address_is_accepted(producer: Producer, operator: Operator) -> bool:
    return direct(producer).status_code == 202


def a_template_is_accepted(producer: Producer, operator: Operator) -> bool:
    return direct(producer, template=new_template(producer)).status_code == 202


def a_template_older_than_its_item_is_accepted(producer: Producer, operator: Operator) -> bool:
    template = new_template(producer)
    operator.forget_languages(template)
    return direct(producer, template=template).status_code == 202


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
    to = [{"email": f"{uuid.uuid4().hex}@example.com"}]
    accepted = producer.send({"category": "payment", "content": CONTENT, "to": to, "send_at": tomorrow()})
    assert accepted.status_code == 202, accepted.text
    return len(operator.schedules(accepted.json()["notification_id"])) == 1


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


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


def suppressions_are_kept(producer: Producer, operator: Operator) -> bool:
    address = f"{uuid.uuid4().hex}@example.com"
    answers = [
        producer.call("POST", "/v1/suppressions", {"address": address}),
        producer.call("GET", "/v1/suppressions?limit=1"),
        producer.call("DELETE", f"/v1/suppressions/{address}"),
    ]
    return [answer.status_code for answer in answers] == [201, 200, 204]


@cache
def is_told_by_sendgrid(event: str) -> Works:
    """Whether what SendGrid tells of a mail to a user is noted."""

    def works(producer: Producer, operator: Operator) -> bool:
        accepted = one_on("email", producer, operator)
        with operator.fault("ses", "outage"):
            deliver("email", operator, accepted)
        [delivery] = accepted["deliveries"]
        asked = {"delivery_id": delivery["delivery_id"], "event": event}
        answer = httpx.post(f"{producer.inbox_url}/api/receipts", json=asked)
        return bool(answer.json()["answered"] == 204)

    return works


def a_reader_unsubscribes(producer: Producer, operator: Operator) -> bool:
    accepted = send(producer, {"email": f"{uuid.uuid4().hex}@example.com"})
    answer = unsubscribe(producer, accepted)
    return answer.status_code == 200 and timeline(producer, accepted)[-1] == "unsubscribed"


def a_user_unsubscribes(producer: Producer, operator: Operator) -> bool:
    accepted = send(producer, {"user_id": producer.contact(email=f"{uuid.uuid4().hex}@example.com")})
    return unsubscribe(producer, accepted).status_code == 200


def a_user_chooses_a_time_zone(producer: Producer, operator: Operator) -> bool:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    accepted = send(producer, {"user_id": user})
    form = {"save": "yes", "zone": "Asia/Tokyo", "zone_shown": "UTC"}
    if READER.post(links(producer, accepted)["u"], data=form).status_code != 200:
        return False
    return bool(producer.call("GET", f"/v1/contacts/{user}").json().get("timezone") == "Asia/Tokyo")


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
def is_sent_in_a_digest_on(channel: str) -> Works:
    """Without it no entry of a digest finds the others, and its event comes back.

    Its window is tomorrow's, so that nothing else publishes it.
    """

    def works(producer: Producer, operator: Operator) -> bool:
        content = CONTENT if channel in ("email", "push") else {"body": CONTENT["body"]}
        producer.call("PUT", f"/v1/templates/activity-digest/{channel}/default", content)
        accepted = one_on(channel, producer, operator, category="activity", content=CONTENT, send_at=tomorrow())
        deliver(channel, operator, accepted)
        [delivery] = producer.notification(accepted["notification_id"])["deliveries"]
        return bool(delivery["status"] == "sent")

    return works


@cache
def tells_a_template_that_is_gone_on(channel: str) -> Works:
    """A version that is stored no longer ends its delivery; who may not look for it can only try again."""

    def works(producer: Producer, operator: Operator) -> bool:
        template = new_template(producer, channel)
        accepted = one_on(channel, producer, operator, template=template)
        operator.delete_template(template)
        deliver(channel, operator, accepted)
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
    """A worker that cannot say when to bring a message back complains, and the queue does it later by itself.

    Each of its two queues is told by itself.
    """

    def works(producer: Producer, operator: Operator) -> bool:
        worker = f"worker-{channel}"
        denials = operator.times_logged(worker, "AccessDenied")
        both = [one_on(channel, producer, operator, content=CONTENT, priority=each) for each in ("normal", "high")]
        with ExitStack() as faults:
            for provider in of_channel(channel):
                faults.enter_context(operator.fault(provider.name, "outage"))
            for accepted in both:
                assert not deliver(channel, operator, accepted)
        return operator.times_logged(worker, "AccessDenied") == denials

    return works


def a_dead_device_is_forgotten(producer: Producer, operator: Operator) -> bool:
    user = producer.contact(**ADDRESSES["push"]())
    with operator.fault("apns", "reject"):
        provider_of_one("push", producer, operator, user)
    return not producer.call("GET", f"/v1/contacts/{user}").json().get("device_tokens")


def a_dead_number_is_suppressed(producer: Producer, operator: Operator) -> bool:
    """A number of which Twilio says for everybody that there is none."""
    nobodys = "+15005550001"
    path = f"/v1/suppressions/{quote(nobodys)}"
    producer.call("DELETE", path)
    with operator.fault("sns", "outage"):
        provider_of_one("sms", producer, operator, producer.contact(phone=nobodys))
    planned = plan_for({"phone": nobodys}, "sms", producer)
    return planned == "suppressed" and producer.call("DELETE", path).status_code == 204


def a_dead_url_is_suppressed(producer: Producer, operator: Operator) -> bool:
    user = producer.contact(**ADDRESSES["chat"]())
    with operator.fault("webhook", "reject"):
        provider_of_one("chat", producer, operator, user)
    return plan_for({"user_id": user}, "chat", producer) == "suppressed"


def plan_for(to: dict[str, str], channel: str, producer: Producer) -> str | None:
    """Why a message would not be sent there, if so."""
    body = {"category": "payment", "channels": [channel], "content": CONTENT, "to": [to]}
    [planned] = producer.call("POST", "/v1/notifications?dry_run=true", body).json()["deliveries"]
    reason: str | None = planned.get("reason")
    return reason


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
        if "FunctionError" in operator.try_to_sweep():
            return False
    return until(
        lambda: (
            is_sent(operator, delivery_id),
            operator.times_logged("sweeper", "PublishFailed") > failures,
        ),
        any,
    )[0]


def a_dry_run_foresees_limits(producer: Producer, operator: Operator) -> bool:
    body = {"category": "payment", "content": CONTENT, "to": [{"email": f"{uuid.uuid4().hex}@example.com"}]}
    return producer.call("POST", "/v1/notifications?dry_run=true", body).status_code == 200


@cache
def apps_are_held_to_rates_by(function: str, path: str) -> Works:
    """A call of an app that cannot be counted is let in, but the function complains."""

    def works(producer: Producer, operator: Operator) -> bool:
        with operator.app(["*"], ["*"], rate=1, burst=1) as (key, secret):
            operator.use_up_rate(key)
            app = Producer(operator.platform.local.api_url, key, secret, operator.platform.local.inbox_url)
            return app.call("GET", path).status_code == 429

    return works


def what_was_never_accepted_is_erased(producer: Producer, operator: Operator) -> bool:
    accepted, unaccepted = direct(producer).json(), str(uuid.uuid4())
    like = operator.delivery(accepted["notification_id"], accepted["deliveries"][0]["delivery_id"])
    with operator.unswept():
        operator.leave_behind(unaccepted, like)
        return "FunctionError" not in operator.try_to_sweep() and operator.items(unaccepted) == []


def a_user_is_erased(producer: Producer, operator: Operator) -> bool:
    """Once it is sent, as what is being sent is left to a later sweep; and by a pass that waits for no earlier one."""
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    producer.until_final(send(producer, {"user_id": user})["notification_id"])
    # The minute's sweep might come first, and leave this one nothing to do.
    with operator.unswept():
        assert producer.call("DELETE", f"/v1/contacts/{user}").status_code == 204
        operator.forget_pass()
        if "FunctionError" in operator.try_to_sweep():
            return False
        return ["endpoint" in each for each in operator.stored_deliveries_of(user)] == [False]


def what_a_circuit_closed_for_is_published(producer: Producer, operator: Operator) -> bool:
    with operator.unswept():
        operator.tell_closed("email")
        return "FunctionError" not in operator.try_to_sweep() and not operator.is_told_closed("email")


def an_alert_is_told(producer: Producer, operator: Operator) -> bool:
    """Of what the redriver has counted, as the sweeper has told of none before."""
    with operator.unswept():
        told = len(operator.alerts())
        operator.count_for_alert("push", "given-up")
        if "FunctionError" in operator.try_to_sweep():
            return False
        return until(lambda: len(operator.alerts()) > told, bool)


def a_list_is_answered(producer: Producer, operator: Operator) -> bool:
    paths = ("/v1/notifications", "/v1/stats")
    return [producer.call("GET", path).status_code for path in paths] == [200, 200]


def a_users_list_is_answered(producer: Producer, operator: Operator) -> bool:
    return producer.call("GET", f"/v1/contacts/{uuid.uuid4()}/deliveries").status_code == 200


def a_list_goes_on_by_a_cursor(producer: Producer, operator: Operator) -> bool:
    """The key is derived when the first cursor is made."""
    for _ in range(2):
        direct(producer)
    page = "/v1/notifications?limit=1"
    first = until(
        lambda: producer.call("GET", page),
        lambda answer: answer.status_code != 200 or "cursor" in answer.json(),
    )
    return first.status_code == 200


def a_delivery_is_counted(producer: Producer, operator: Operator) -> bool:
    """Or the observer says that it was not: its batch comes again until it may be."""
    complaints = operator.times_logged("observer", "not counted")
    with operator.app(["*"], ["*"]) as (key, secret):
        app = Producer(operator.platform.local.api_url, key, secret, operator.platform.local.inbox_url)
        direct(app)
        counted, _ = until(
            lambda: (
                app.call("GET", "/v1/stats").json()["total"]["deliveries"] == 1,
                operator.times_logged("observer", "not counted") > complaints,
            ),
            any,
        )
    return bool(counted)


def a_move_is_announced(producer: Producer, operator: Operator) -> bool:
    """What the app's endpoint says of it is noted; or the observer says what it may not do."""
    denials = operator.times_logged("observer", "AccessDenied")
    with operator.app(["*"], ["*"]) as (key, secret), operator.webhook(key) as is_noted:
        direct(Producer(operator.platform.local.api_url, key, secret, operator.platform.local.inbox_url))
        return until(lambda: (is_noted(), operator.times_logged("observer", "AccessDenied") > denials), any)[0]


def an_endpoint_is_told(_: Producer, operator: Operator) -> bool:
    """What it says is noted; or the function says what it may not do."""
    app_key = f"app-{uuid.uuid4().hex[:8]}"
    denials = operator.times_logged("webhooks", "AccessDenied")
    with operator.webhook(app_key) as is_noted:
        operator.have_told(app_key)
        return until(lambda: (is_noted(), operator.times_logged("webhooks", "AccessDenied") > denials), any)[0]


def what_an_endpoint_refuses_comes_back_later(_: Producer, operator: Operator) -> bool:
    """A function that cannot say when complains, and the queue brings the message back by itself."""
    app_key, complaint = f"app-{uuid.uuid4().hex[:8]}", "messages cannot be brought back sooner"
    complaints, returned = (operator.times_logged("webhooks", each) for each in (complaint, "WebhookReturned"))
    with operator.webhook(app_key):
        operator.have_told(app_key)
        until(lambda: operator.times_logged("webhooks", "WebhookReturned"), lambda times: times > returned)
    return operator.times_logged("webhooks", complaint) == complaints


@cache
def is_counted_on(channel: str) -> Works:
    """What is parked is counted for the channel's alert; parked it is without that too."""

    def works(_: Producer, operator: Operator) -> bool:
        before = operator.counted_for_alert(channel, "quarantine")
        assert operator.redrive(channel, "no event") == "parked"
        return operator.counted_for_alert(channel, "quarantine") > before

    return works


@cache
def is_redriven_on(channel: str) -> Works:
    """A dead letter is noted on its delivery."""

    def works(producer: Producer, operator: Operator) -> bool:
        accepted = one_on(channel, producer, operator)
        delivery_id = accepted["deliveries"][0]["delivery_id"]
        return operator.redrive(channel, operator.event_of(accepted["notification_id"], delivery_id)) == "redriven"

    return works


@cache
def is_parked_on(channel: str) -> Works:
    return lambda _, operator: operator.redrive(channel, "no event") == "parked"


def broadcast(producer: Producer, audience: dict[str, str], **fields: Any) -> httpx.Response:
    body = {"category": "payment", "channels": ["email"], "audience": audience, **({"content": CONTENT} | fields)}
    return producer.call("POST", "/v1/broadcasts", {name: value for name, value in body.items() if value is not None})


def a_broadcast_is_accepted(producer: Producer, operator: Operator) -> bool:
    return broadcast(producer, {"upload": "csv"}).status_code == 202


def a_templated_broadcast_is_accepted(producer: Producer, operator: Operator) -> bool:
    template = new_template(producer)
    return broadcast(producer, {"upload": "csv"}, content=None, template=template).status_code == 202


def a_broadcast_of_an_old_template_is_accepted(producer: Producer, operator: Operator) -> bool:
    template = new_template(producer)
    operator.forget_languages(template)
    return broadcast(producer, {"upload": "csv"}, content=None, template=template).status_code == 202


def a_file_is_taken_and_found(producer: Producer, operator: Operator) -> bool:
    state = broadcast(producer, {"upload": "csv"}).json()
    put = httpx.put(state["upload"]["url"], content=b"email\nada@example.com\n")
    return put.is_success and _moved(producer, state, "start").status_code == 202


def _moved(producer: Producer, state: dict[str, Any], move: str) -> httpx.Response:
    return producer.call("POST", f"/v1/broadcasts/{state['broadcast_id']}/{move}")


def _tagged(producer: Producer) -> str:
    tag = f"least-{uuid.uuid4().hex[:8]}"
    producer.contact(email=f"{uuid.uuid4().hex}@example.com", tags=[tag])
    return tag


def _is_released(producer: Producer, operator: Operator, state: dict[str, Any], denials: int, to: str) -> bool:
    """Whether a broadcast comes there; the fan-out complains when it is denied something."""

    def look() -> tuple[bool, bool]:
        now = producer.call("GET", f"/v1/broadcasts/{state['broadcast_id']}").json()
        return now["status"] == to and not now["pending"], operator.times_logged("fanout", "AccessDenied") > denials

    return until(look, any)[0]


def a_tag_is_reached(producer: Producer, operator: Operator) -> bool:
    denials = operator.times_logged("fanout", "AccessDenied")
    state = broadcast(producer, {"tag": _tagged(producer)}).json()
    return _is_released(producer, operator, state, denials, "finished")


def a_broadcast_is_counted(producer: Producer, operator: Operator) -> bool:
    state = broadcast(producer, {"tag": _tagged(producer)}).json()
    counted = until(
        lambda: producer.call("GET", f"/v1/broadcasts/{state['broadcast_id']}"),
        lambda answer: answer.status_code != 200 or answer.json()["status"] == "finished",
    )
    return counted.status_code == 200


def _started(
    producer: Producer, operator: Operator, readers: int, rate: int = 1000, template: str | None = None
) -> dict[str, Any]:
    """A broadcast to a file, whose fan-out has to look for the languages of its template itself, if it has one."""
    what = {"content": None, "template": template} if template else {}
    state: dict[str, Any] = broadcast(producer, {"upload": "csv"}, rate=rate, **what).json()
    if template:
        operator.forget_languages(template)
    lines = ["email", *(f"{uuid.uuid4().hex}@example.com" for _ in range(readers))]
    httpx.put(state["upload"]["url"], content="\n".join(lines).encode()).raise_for_status()
    assert _moved(producer, state, "start").status_code == 202
    return state


def a_file_is_reached(producer: Producer, operator: Operator) -> bool:
    denials = operator.times_logged("fanout", "AccessDenied")
    state = _started(producer, operator, 1)
    return _is_released(producer, operator, state, denials, "finished")


def a_file_is_reached_by_a_template(producer: Producer, operator: Operator) -> bool:
    denials = operator.times_logged("fanout", "AccessDenied")
    state = _started(producer, operator, 1, template=new_template(producer))
    return _is_released(producer, operator, state, denials, "finished")


def a_page_waits_for_its_time(producer: Producer, operator: Operator) -> bool:
    """The second of a file, by the broadcast's rate: it is put into the queue."""
    denials = operator.times_logged("fanout", "AccessDenied")
    state = _started(producer, operator, SMALLEST_PAGE + 1, rate=1)
    waited, _ = until(
        lambda: (
            "by its rate" in operator.logged("fanout", state["broadcast_id"]),
            operator.times_logged("fanout", "AccessDenied") > denials,
        ),
        any,
    )
    _moved(producer, state, "cancel")
    return waited


def a_broadcast_is_canceled(producer: Producer, operator: Operator) -> bool:
    denials = operator.times_logged("fanout", "AccessDenied")
    state = _started(producer, operator, SMALLEST_PAGE + 1, rate=1)
    assert _moved(producer, state, "cancel").status_code == 200
    return _is_released(producer, operator, state, denials, "canceled")


def an_old_tag_is_forgotten(producer: Producer, operator: Operator) -> bool:
    tag, user = _tagged(producer), f"user-{uuid.uuid4().hex}"
    item = {"tag": {"S": tag}, "user_id": {"S": user}, "written_at": {"S": "2000-01-01T00:00:00.000Z"}}
    operator.put_item("tags", item)
    denials = operator.times_logged("fanout", "AccessDenied")
    state = broadcast(producer, {"tag": tag}).json()
    return _is_released(producer, operator, state, denials, "finished")


def a_tag_is_indexed(producer: Producer, operator: Operator) -> bool:
    fields = {"email": f"{uuid.uuid4().hex}@example.com", "tags": ["least"]}
    return producer.call("PUT", f"/v1/contacts/{uuid.uuid4()}", fields).status_code == 201


ENFORCED: dict[str, dict[str, Works]] = {
    "broadcasts": {
        "KeepBroadcasts": a_broadcast_is_accepted,
        "CountDeliveries": a_broadcast_is_counted,
        "KnowLanguages": a_templated_broadcast_is_accepted,
        "ReadTemplates": a_templated_broadcast_is_accepted,
        "ListTemplates": a_broadcast_of_an_old_template_is_accepted,
        "TakeAudiences": a_file_is_taken_and_found,
        "FindAudiences": a_file_is_taken_and_found,
        "LeadBroadcasts": a_file_is_taken_and_found,
        "HoldAppsToRates": apps_are_held_to_rates_by("broadcasts", "/v1/broadcasts/none"),
    },
    "fanout": {
        "LeadBroadcasts": a_page_waits_for_its_time,
        "SeeHowMuchWaits": a_tag_is_reached,
        "KeepBroadcasts": a_tag_is_reached,
        "KnowWhoHadIt": a_tag_is_reached,
        "FindTagged": a_tag_is_reached,
        "ForgetUntagged": an_old_tag_is_forgotten,
        "ReadRecipients": a_tag_is_reached,
        "KnowLanguages": a_file_is_reached_by_a_template,
        "WriteLog": a_tag_is_reached,
        "CancelDeliveries": a_broadcast_is_canceled,
        "ListTemplates": a_file_is_reached_by_a_template,
        "ReadTemplates": a_file_is_reached_by_a_template,
        "ReadAudiences": a_file_is_reached,
        "PublishEvents": a_tag_is_reached,
    },
    "authorizer": {"ReadAppSecrets": calls_are_let_in},
    "notifications": {
        "ReadRecipients": a_known_user_is_accepted,
        "WriteAndReadLog": an_address_is_accepted,
        "KnowLanguages": a_template_is_accepted,
        "ReadTemplates": a_template_is_accepted,
        "ListTemplates": a_template_older_than_its_item_is_accepted,
        "PublishEvents": a_delivery_is_published,
        "MakeSchedules": a_delivery_is_scheduled,
        "ForeseeLimits": a_dry_run_foresees_limits,
        "HoldAppsToRates": apps_are_held_to_rates_by("notifications", "/v1/notifications/none"),
    },
    "contacts": {
        "KeepContacts": a_contact_is_kept,
        "KeepDevices": a_device_moves,
        "KeepSettings": settings_are_kept,
        "IndexTags": a_tag_is_indexed,
        "KeepSuppressions": suppressions_are_kept,
        "AskToErase": a_contact_is_kept,
        "HoldAppsToRates": apps_are_held_to_rates_by("contacts", "/v1/contacts/nobody"),
    },
    "templates": {
        "KnowLanguages": a_template_is_stored_and_read,
        "KeepTemplates": a_template_is_stored_and_read,
        "ListTemplates": a_template_is_stored_and_read,
        "HoldAppsToRates": apps_are_held_to_rates_by("templates", "/v1/templates/none/email/de"),
    },
    "tracking": {
        "ObserveDeliveries": a_reader_unsubscribes,
        "KeepChoices": a_reader_unsubscribes,
        "KnowWhoseAddress": a_user_unsubscribes,
        "KeepTimeZone": a_user_chooses_a_time_zone,
        "SignLinks": a_reader_unsubscribes,
    },
    "observer": {
        "CountDeliveries": a_delivery_is_counted,
        "FindWebhooks": a_move_is_announced,
        "AnnounceMoves": a_move_is_announced,
    },
    "webhooks": {
        "KeepWebhooks": an_endpoint_is_told,
        "DeriveKeys": an_endpoint_is_told,
        "RetryLater": what_an_endpoint_refuses_comes_back_later,
    },
    "reports": {
        "ReadStats": a_list_is_answered,
        "FindByUser": a_users_list_is_answered,
        "SignLinks": a_list_goes_on_by_a_cursor,
        "KeepWebhooksAndRates": apps_are_held_to_rates_by("reports", "/v1/stats"),
    },
    "hooks": {
        "ObserveDeliveries": is_told_by_sendgrid("delivered"),
        "ReadCredentials": is_told_by_sendgrid("delivered"),
        "SuppressAddresses": is_told_by_sendgrid("complained"),
        "KeepChoices": is_told_by_sendgrid("unsubscribed"),
        "KnowWhoseAddress": is_told_by_sendgrid("unsubscribed"),
    },
    "sweeper": {
        "FindDueDeliveries": a_due_delivery_is_published_again,
        "PostponeDueDeliveries": a_due_delivery_is_published_again,
        "EraseWhatWasNeverAccepted": what_was_never_accepted_is_erased,
        "EraseUsers": a_user_is_erased,
        "SeeWhoServesAgain": what_a_circuit_closed_for_is_published,
        "PublishEvents": a_due_delivery_is_published_again,
        "TellAlerts": an_alert_is_told,
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
        "SuppressDead": a_dead_number_is_suppressed,
    },
    "push": {
        "ReadCredentials": is_sent_by("apns", "push"),
        "RegisterDevices": is_sent_by("sns-push", "push", out="apns"),
        "PushToDevices": is_sent_by("sns-push", "push", out="apns"),
        "ForgetDevices": a_dead_device_is_forgotten,
        "LetGoOfDevices": a_dead_device_is_forgotten,
    },
    "chat": {"ReadCredentials": is_sent_by("webhook", "chat"), "SuppressDead": a_dead_url_is_suppressed},
}
for name, own in OF_CHANNEL.items():
    ENFORCED[f"redriver-{name}"] = {
        "RedriveDeliveries": is_redriven_on(name),
        "CountForAlerts": is_counted_on(name),
        "ParkMessages": is_parked_on(name),
    }
    ENFORCED[f"worker-{name}"] = {
        "SettleDeliveries": is_sent_on(name),
        "ReadBatch": is_sent_on(name),
        "ReadTemplates": is_sent_from_a_template_on(name),
        "FindTemplateVersions": tells_a_template_that_is_gone_on(name),
        "RetrySooner": brings_back_what_failed_on(name),
        "FindDigestEntries": is_sent_in_a_digest_on(name),
        "ShareProviderState": knows_the_providers_of(name),
        "SignLinks": is_sent_on(name),
        **own,
    }

NOT_ENFORCED_HERE = {
    "WriteOwnLog",
    "ConsumeDeadLetters",
    "ConsumeQueue",
    "LeaveWhatIsTooOld",
    "ReadLogStream",
    "UseDataKey",
    "UseMessagingKey",
    "UseSecretsKey",
    "RefuseTopics",
    "PassSchedulerRole",
}
# What these allow is asked for once in a function's life, or every few minutes or seconds.
REMEMBERED = {"DeriveKeys", "ReadAppSecrets", "ReadCredentials", "ShareProviderState", "SignLinks"}


@pytest.mark.parametrize("function", ENFORCED)
def test_every_statement_of_the_role_is_on_one_of_the_lists(function: str, operator: Operator) -> None:
    granted = {statement["Sid"] for statement in operator.statements(function)}
    assert granted - NOT_ENFORCED_HERE == set(ENFORCED[function])


@pytest.mark.parametrize("function", ENFORCED)
def test_without_any_one_statement_of_the_role_what_worked_does_not(
    function: str, producer: Producer, operator: Operator
) -> None:
    works = ENFORCED[function]
    statements = {statement["Sid"]: statement for statement in operator.statements(function)}
    for work in dict.fromkeys(works.values()):
        until(partial(_idle, works, work, producer, operator), lambda idle: not idle)
    with operator.role_of(function) as without:
        for sid in works:
            without(sid)
            if sid in REMEMBERED:
                operator.start_afresh(function)
            with operator.denials(function) as denied:
                is_denied = False
                while not is_denied:  # on a busy machine what is tried may fail before it comes to that
                    assert not works[sid](producer, operator), f"{function} does not need {sid}"
                    is_denied = denied(statements[sid])


def _idle(works: dict[str, Works], work: Works, producer: Producer, operator: Operator) -> list[str]:
    """The statements that nothing shows to be of use, as their work is not done; none if it is.

    That may be so for some seconds: what a worker remembers of a provider is five seconds old at most.
    """
    return [] if work(producer, operator) else [sid for sid in works if works[sid] is work]


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
    """Send to one user and name the provider that sent it; None if nobody did."""
    what = {"template": new_template(producer, channel)} if templated else {}
    accepted = one_on(channel, producer, operator, user, **what)
    deliver(channel, operator, accepted)
    [delivery] = producer.notification(accepted["notification_id"])["deliveries"]
    provider: str | None = delivery["provider"] if delivery["status"] == "sent" else None
    return provider


def one_on(
    channel: str, producer: Producer, operator: Operator, user: str | None = None, **what: Any
) -> dict[str, Any]:
    """Have one delivery accepted whose event reaches no queue."""
    to = [{"user_id": user or producer.contact(**ADDRESSES[channel]())}]
    body = {"category": "payment", **(what or {"content": CONTENT}), "to": to, "channels": [channel]}
    with operator.unrouted(channel):
        accepted: dict[str, Any] = producer.send(body).json()
    return accepted


def deliver(channel: str, operator: Operator, accepted: dict[str, Any]) -> bool:
    """Let the worker make the one delivery, and say whether it is done with it."""
    [delivery] = accepted["deliveries"]
    return operator.deliver(channel, operator.event_of(accepted["notification_id"], delivery["delivery_id"]))


def new_template(producer: Producer, channel: str = "email") -> str:
    name = f"least-{uuid.uuid4().hex[:8]}"
    content = CONTENT if channel in ("email", "push") else {"body": CONTENT["body"]}
    assert producer.call("PUT", f"/v1/templates/{name}/{channel}/default", content).status_code in (200, 201)
    return name


def is_sent(operator: Operator, delivery_id: str) -> bool:
    return "sent" in operator.worker_results(delivery_id)
