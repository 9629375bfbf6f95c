"""What is done to the platform so that every role uses all that it was granted.

First what `test_least_privilege` lists, which shows each statement once; then what takes another action, or another
resource, of the same statement. A new role shows as unused until its traffic is in one of the two.
"""

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_least_privilege import ADDRESSES, CONTENT, ENFORCED, Works
from tests.emulator.test_receipts import anybody, anyone, send, sent, tell

MANY = 27
"""More deliveries than one transaction writes."""


def _many_at_once(producer: Producer, _: Operator) -> bool:
    to = [{"email": f"{uuid.uuid4().hex}@example.com"} for _ in range(MANY)]
    answer = producer.send({"category": "payment", "channels": ["email"], "content": CONTENT, "to": to})
    return answer.status_code == 202 and len(answer.json()["deliveries"]) == MANY


def _canceled(producer: Producer, _: Operator) -> bool:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    to = [{"email": f"{uuid.uuid4().hex}@example.com"}]
    request = {"category": "payment", "channels": ["email"], "content": CONTENT, "to": to, "send_at": tomorrow}
    notification_id = producer.send(request).json()["notification_id"]
    return producer.call("POST", f"/v1/notifications/{notification_id}/cancel").status_code == 200


def _a_device_goes(producer: Producer, _: Operator) -> bool:
    [device] = ADDRESSES["push"]()["device_tokens"]
    path = f"/v1/contacts/{uuid.uuid4()}/devices"
    registered = producer.call("POST", path, device).status_code == 201
    return registered and producer.call("DELETE", f"{path}/{device['deviceToken']}").status_code == 204


def _told_by_twilio(producer: Producer, operator: Operator) -> bool:
    with operator.fault("sns", "outage"):
        accepted = sent(producer, anyone(), "sms")
    return tell(producer, accepted, "delivered") == {"provider": "twilio", "event": "delivered", "answered": 204}


def _a_user_has_deliveries(producer: Producer, _: Operator) -> bool:
    """The index finds them, and then they are read."""
    user = producer.contact(**ADDRESSES["email"]())
    notification_id = send(producer, {"user_id": user})["notification_id"]
    path = f"/v1/contacts/{user}/deliveries"
    found = until(lambda: producer.call("GET", path).json()["deliveries"], bool)
    return [each["notification_id"] for each in found] == [notification_id]


def _what_was_counted_is_erased(_: Producer, operator: Operator) -> bool:
    """Of a notification that never was accepted: it is listed no more."""
    with operator.app(["*"], ["*"]) as (key, secret):
        app = Producer(operator.platform.local.api_url, key, secret, operator.platform.local.inbox_url)
        accepted, unaccepted = send(app, anybody()), str(uuid.uuid4())
        like = operator.delivery(accepted["notification_id"], accepted["deliveries"][0]["delivery_id"])

        def is_listed() -> bool:
            found = app.call("GET", "/v1/notifications").json()["notifications"]
            return unaccepted in {each["notification_id"] for each in found}

        with operator.unswept():
            operator.leave_behind(unaccepted, like)
            until(is_listed, bool)
            operator.sweep()
            return not until(is_listed, lambda listed: not listed)


def _two_of(channel: str, producer: Producer, _: Operator) -> bool:
    """Of one notification, whose content neither delivery carries; of a category that has a limit for each user."""
    to = [{"user_id": producer.contact(**ADDRESSES[channel]())} for _ in range(2)]
    accepted = producer.send({"category": "social", "channels": [channel], "content": CONTENT, "to": to}).json()
    return {each["status"] for each in producer.until_final(accepted["notification_id"])["deliveries"]} == {"sent"}


def _a_webhook_is_looked_for(producer: Producer, _: Operator) -> bool:
    return producer.call("GET", "/v1/webhook").status_code == 404


def _listed() -> dict[str, Works]:
    named: dict[Works, str] = {}
    for function, statements in ENFORCED.items():
        for sid, works in statements.items():
            named.setdefault(works, f"{function}, {sid}")
    return {name: works for works, name in named.items()}


EXERCISES: dict[str, Works] = {
    **_listed(),
    "notifications, many at once": _many_at_once,
    "reports, a webhook is looked for": _a_webhook_is_looked_for,
    "notifications, canceled": _canceled,
    "contacts, a device goes": _a_device_goes,
    "hooks, told by Twilio": _told_by_twilio,
    "observer, what was counted is erased": _what_was_counted_is_erased,
    "reports, a user has deliveries": _a_user_has_deliveries,
    **{f"worker-{channel}, two of one notification": partial(_two_of, channel) for channel in ADDRESSES},
}
