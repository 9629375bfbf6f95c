"""What a device is sent, in Apple's and in Google's form, whoever carries it there.

Both hold, beside what the user sees, the ids with which the app reports that it was opened. What we send again, because
nobody knows whether it arrived, has the same collapse id: on the device it takes the place of the first, so the user
sees one message. Of FCM that is the notification's tag, and not its collapse key: a device that is off has only four of
these kept for it (https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types).
"""

import math
from datetime import datetime
from typing import Any, Final

from handlers.domain.content.messages import Message
from handlers.domain.notifications.deliveries import Priority

MAX_FCM_SECONDS: Final = 28 * 24 * 3600
"""As long as FCM keeps a message, and its default."""


def apns_payload(message: Message) -> dict[str, Any]:
    """Return the body of a request to APNs.

    https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
    """
    return {"aps": {"alert": _alert(message)}, **_ids(message)}


def apns_headers(message: Message) -> dict[str, str]:
    """Return the headers that say how to deliver it; without an expiry APNs keeps it as long as it does by itself.

    https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
    """
    headers = {
        "apns-push-type": "alert",
        "apns-priority": "10" if message.priority is Priority.HIGH else "5",
        "apns-collapse-id": collapse_id(message),
    }
    if message.expires_at is not None:
        # At least 1: 0 would mean that it is not kept at all.
        headers["apns-expiration"] = str(max(1, math.floor(message.expires_at.timestamp())))
    return headers


def fcm_message(message: Message, now: datetime) -> dict[str, Any]:
    """Return the message of a request to FCM, without the token. A token of FCM's may be of an app on iOS as well.

    https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#Message
    """
    android: dict[str, Any] = {
        "priority": "HIGH" if message.priority is Priority.HIGH else "NORMAL",
        "notification": {"tag": collapse_id(message)},
    }
    if message.expires_at is not None:
        android["ttl"] = f"{seconds_left(message.expires_at, now)}s"
    return {
        "notification": _alert(message),
        "data": _ids(message),
        "android": android,
        "apns": {"headers": apns_headers(message)},
    }


def collapse_id(message: Message) -> str:
    """Return the id that all the attempts at a delivery have in common: 36 of the 64 bytes that APNs takes."""
    return message.delivery_id


def seconds_left(expires_at: datetime, now: datetime) -> int:
    """Return for how many seconds the message may be kept; with 0 it is delivered now or never."""
    return max(0, min(MAX_FCM_SECONDS, math.floor((expires_at - now).total_seconds())))


def _alert(message: Message) -> dict[str, str]:
    subject = {} if message.content.subject is None else {"title": message.content.subject}
    return subject | {"body": message.content.body}


def _ids(message: Message) -> dict[str, str]:
    return {
        "notification_id": message.notification_id,
        "delivery_id": message.delivery_id,
        "category": message.category,
    }
