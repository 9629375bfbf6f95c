"""The notification as the log keeps it, and the answers about it."""

from typing import Final

from pydantic import Field

from handlers.domain.channels import Channel
from handlers.domain.model import Model, is_absent, is_empty, is_zero
from handlers.domain.notifications.deliveries import Attempt, Delivery, Priority, Reason, Redriven, Step
from handlers.domain.notifications.statuses import Status
from handlers.domain.times import Instant

MAX_STATE_BYTES: Final = 4 * 1024 * 1024
"""Of the deliveries in one answer. Lambda answers 6 MB at most, in which each quotation mark of ours is escaped
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); and a notification may have 8,500 deliveries.
"""


class Notification(Model):
    """A notification as the log keeps it; its deliveries lie beside it.

    `fingerprint` is the SHA-256 of the request, by which a repeated idempotency key is recognised as the same request.
    """

    notification_id: str
    app_key: str
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    priority: Priority
    send_at: Instant | None = Field(default=None, exclude_if=is_absent)
    expires_at: Instant | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    fingerprint: str


class PlannedDelivery(Model):
    """A delivery as a dry run answers it: whether it would be sent, until when it would wait and why, or why not."""

    to: int | None = Field(
        default=None,
        exclude_if=is_absent,
        description=(
            "The place, from 0, of its recipient in the request's `to`: of the first one, if several name the same. "
            "Not there for what was accepted by version 0.1.0."
        ),
    )
    user_id: str | None = Field(default=None, exclude_if=is_absent)
    channel: Channel
    platform: str | None = Field(
        default=None,
        exclude_if=is_absent,
        description="On push and chat, whose device or external channel it goes to, such as `apns` or `slack`.",
    )
    recipient: str | None = Field(
        default=None,
        exclude_if=is_absent,
        description="Where it goes, masked: `a…@example.com`, `+49…6789`, `hooks.slack.com/…`. A device has none.",
    )
    status: Status
    reason: Reason | None = Field(default=None, exclude_if=is_absent)
    send_at: Instant | None = Field(default=None, exclude_if=is_absent)
    digest_id: str | None = Field(
        default=None,
        exclude_if=is_absent,
        description="Of the digest that it is sent in, with all that has the same one.",
    )


class AcceptedDelivery(PlannedDelivery):
    """A delivery as it is answered when it has been accepted."""

    delivery_id: str


class DeliveryState(AcceptedDelivery):
    """A delivery with all that has happened to it.

    Of more than twenty attempts only the first five and the latest fifteen are shown; `attempts_omitted` is how many
    are not, and the number in each says which it was. `redrives` are the rounds in which it was led back from a
    dead-letter queue.
    """

    provider: str | None = Field(default=None, exclude_if=is_absent)
    attempts: tuple[Attempt, ...]
    attempts_omitted: int = Field(default=0, exclude_if=is_zero)
    redrives: tuple[Redriven, ...] = Field(default=(), exclude_if=is_empty)
    timeline: tuple[Step, ...]


class DryRun(Model):
    """The answer to a dry run, in the order of the request's recipients."""

    deliveries: tuple[PlannedDelivery, ...]


class Accepted(Model):
    """The answer to an accepted notification, or a canceled one, in the order of the request's recipients."""

    notification_id: str
    deliveries: tuple[AcceptedDelivery, ...]

    @classmethod
    def of(cls, notification_id: str, deliveries: tuple[Delivery, ...]) -> "Accepted":
        """Return the answer about these deliveries."""
        shown = AcceptedDelivery.model_fields.keys()
        return cls(
            notification_id=notification_id,
            deliveries=tuple(AcceptedDelivery(**{f: getattr(each, f) for f in shown}) for each in deliveries),
        )

    @classmethod
    def at_first(cls, notification: Notification, deliveries: tuple[Delivery, ...]) -> "Accepted":
        """Return the answer that was given when these deliveries were accepted, whatever has become of them since.

        But for the time of one that waited for quiet hours or its digest and was put off again since: that is as it is
        now.
        """
        return cls.of(notification.notification_id, tuple(_at_first(each, notification) for each in deliveries))


def _at_first(delivery: Delivery, notification: Notification) -> Delivery:
    first = delivery.timeline[0]
    waited_until = {
        Reason.SCHEDULED: notification.send_at,
        Reason.QUIET_HOURS: delivery.send_at,
        Reason.DIGEST: delivery.send_at,
    }
    send_at = None if first.reason is None else waited_until.get(first.reason)
    return delivery.model_copy(update={"status": first.status, "reason": first.reason, "send_at": send_at})


class NotificationState(Model):
    """A notification with all that has happened to it, its deliveries in the order in which they were accepted.

    With a `cursor` there are more deliveries than one answer holds: asked with it, the rest follows.
    """

    notification_id: str
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    priority: Priority
    send_at: Instant | None = Field(default=None, exclude_if=is_absent)
    expires_at: Instant | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    deliveries: tuple[DeliveryState, ...]
    cursor: str | None = Field(default=None, exclude_if=is_absent)

    @classmethod
    def of(cls, notification: Notification, deliveries: tuple[Delivery, ...], first: int = 0) -> "NotificationState":
        """Return the answer about this notification, from the delivery at this position on, as far as it holds."""
        kept = cls.model_fields.keys() & Notification.model_fields.keys()
        states: list[DeliveryState] = []
        cursor, size = None, 0
        for each in deliveries:
            if each.position < first:
                continue
            state = DeliveryState(**{field: getattr(each, field) for field in DeliveryState.model_fields})
            size += len(state.model_dump_json().encode())
            if size > MAX_STATE_BYTES:
                cursor = str(each.position)
                break
            states.append(state)
        return cls(**{field: getattr(notification, field) for field in kept}, deliveries=tuple(states), cursor=cursor)
