"""What a provider is given to send."""

from dataclasses import dataclass
from datetime import datetime

from handlers.domain.deliveries import Priority
from handlers.domain.reach import Endpoint
from handlers.domain.rendering import RenderedContent


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered message to one endpoint. The ids and the category are for the provider's own records of it.

    After `expires_at` (aware) nobody wants it any more: providers who keep a message for a device that is off drop it.
    """

    endpoint: Endpoint
    content: RenderedContent
    notification_id: str
    delivery_id: str
    category: str
    priority: Priority = Priority.NORMAL
    expires_at: datetime | None = None
