"""What SES tells of mail, by EventBridge: https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html.

No signature is needed: the account's default bus takes events of `aws.ses` from SES alone, and its rule may invoke the
function, which nobody else may. Our ids are among the mail's tags.
"""

from collections.abc import Mapping
from typing import Any, Final

from handlers.adapters.receipts import Told, link_of
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.receipts import Receipt

_EVENTS: Final = {
    "Delivery": Event.DELIVERED,
    "DeliveryDelay": Event.DELAYED,
    "Bounce": Event.SOFT_BOUNCED,
    "Complaint": Event.COMPLAINED,
    "Reject": Event.REJECTED,
    "Rendering Failure": Event.FAILED,
}
_FOR_GOOD: Final = "Permanent"


def read(detail: Mapping[str, Any]) -> Told | None:
    """Return what an event of SES's says; None if it is about none of our deliveries, or nothing we ask for."""
    mail = detail.get("mail", {})
    tags = {name: values[0] for name, values in mail.get("tags", {}).items() if values}
    link, event = link_of(tags), _EVENTS.get(str(detail.get("eventType")))
    if link is None or event is None:
        return None
    if event is Event.SOFT_BOUNCED and detail.get("bounce", {}).get("bounceType") == _FOR_GOOD:
        event = Event.BOUNCED
    return Told(link, Receipt(event, "ses", mail.get("messageId")))
