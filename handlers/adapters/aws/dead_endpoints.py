"""Where endpoints go that a provider calls dead: a device out of its contact, a number or url to the suppressions."""

from dataclasses import dataclass
from datetime import datetime

from handlers.adapters.aws.devices import DynamoDevices
from handlers.adapters.aws.suppressions import SuppressionsTable
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.people.suppressions import Cause, Suppression


@dataclass(frozen=True, slots=True)
class DeadDevices:
    """Removes a device from its user's contact: it is nothing that could be lifted again."""

    devices: DynamoDevices

    def put_aside(self, delivery: Delivery, at: datetime) -> None:
        """Remove the device from its user, if it is there still; nobody else's. A device of no user is nobody's."""
        del at
        if delivery.user_id is not None and delivery.platform and delivery.endpoint:
            self.devices.forget(delivery.user_id, delivery.platform, delivery.endpoint)


@dataclass(frozen=True, slots=True)
class DeadAddresses:
    """Suppresses a number or a url, whoever has it in a contact, until somebody lifts that (`dynamodb:PutItem`)."""

    suppressions: SuppressionsTable

    def put_aside(self, delivery: Delivery, at: datetime) -> None:
        """Suppress the number or url; what told it first stays."""
        if delivery.endpoint:
            self.suppressions.add(
                Suppression(
                    address=delivery.endpoint,
                    reason=Cause.GONE,
                    created_at=at,
                    provider=delivery.attempts[-1].provider,
                    delivery_id=delivery.delivery_id,
                )
            )
