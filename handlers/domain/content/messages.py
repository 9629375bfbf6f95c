"""What a provider is given to send."""

from dataclasses import dataclass
from datetime import datetime

from handlers.domain.content.rendering import RenderedContent
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.people.reach import Endpoint


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered message to one endpoint. The ids and the category are for the provider's own records of it.

    After `expires_at` (aware) nobody wants it any more: providers who keep a message for a device that is off drop it.
    `unsubscribe_url` takes a POST as well (RFC 8058).
    """

    endpoint: Endpoint
    content: RenderedContent
    notification_id: str
    delivery_id: str
    category: str
    priority: Priority = Priority.NORMAL
    expires_at: datetime | None = None
    unsubscribe_url: str | None = None


def unsubscribe_headers(message: Message) -> dict[str, str]:
    """Return the headers of a mail by which its reader's program offers to unsubscribe at a click (RFC 2369, RFC 8058).

    Large mailboxes ask them of whoever sends many: https://support.google.com/a/answer/81126.
    """
    if message.unsubscribe_url is None:
        return {}
    return {
        "List-Unsubscribe": f"<{message.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
