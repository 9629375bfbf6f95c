"""What a provider is given to send."""

from dataclasses import dataclass

from handlers.domain.reach import Endpoint
from handlers.domain.rendering import RenderedContent


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered message to one endpoint. The ids and the category are for the provider's own records of it."""

    endpoint: Endpoint
    content: RenderedContent
    notification_id: str
    delivery_id: str
    category: str
