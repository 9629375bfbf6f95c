"""How broadcasts are accepted: by the very service that accepts notifications."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handlers.adapters.aws import clients
from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.adapters.aws.people import DynamoPeople, DynamoPlanning
from handlers.adapters.aws.template_index import DynamoTemplateIndex
from handlers.adapters.aws.templates import S3TemplateStore
from handlers.config import BroadcastsSettings, critical, digests
from handlers.domain.content.links import sample_links
from handlers.services.accepting import NotificationService

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def accepting(
    settings: BroadcastsSettings, dynamodb: "DynamoDBClient", clock: Callable[[], datetime]
) -> NotificationService:
    """Return the service. It schedules nothing, as a broadcast has no `send_at`."""
    return NotificationService(
        people=DynamoPlanning(
            DynamoPeople(settings.contacts_table, settings.settings_table, settings.suppressions_table, dynamodb),
            settings.templates_table,
        ),
        templates=S3TemplateStore(
            settings.template_bucket, clients.s3(), DynamoTemplateIndex(settings.templates_table, dynamodb, clock)
        ),
        log=DynamoNotificationLog(settings.notifications_table, dynamodb, timedelta(days=settings.log_kept_days)),
        publisher=EventBridgePublisher(settings.event_bus, clients.events(), clock),
        scheduler=None,
        categories={name: category.channels for name, category in settings.categories.items()},
        served=settings.channels,
        clock=clock,
        critical=critical(settings.categories),
        links=sample_links(settings.sample_url),
        max_segments=settings.sms_max_segments,
        digests=digests(settings.categories),
    )
