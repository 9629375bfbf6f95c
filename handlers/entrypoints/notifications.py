"""`/v1/notifications`: send, and see what became of it. `/v1/receipts`: what apps on devices tell of a message."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final, Literal

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import StringConstraints

from handlers.adapters.aws import clients
from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.adapters.aws.limits import DynamoLimitsOutlook
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.adapters.aws.people import DynamoPeople, DynamoPlanning
from handlers.adapters.aws.schedules import EventBridgeSchedules
from handlers.adapters.aws.template_index import DynamoTemplateIndex
from handlers.adapters.aws.templates import S3TemplateStore
from handlers.config import NotificationsSettings, critical, digests
from handlers.domain.callers import Caller
from handlers.domain.content.links import Link, sample_links
from handlers.domain.model import Model
from handlers.domain.notifications.ids import notification_of
from handlers.domain.notifications.notification import Accepted, DryRun, NotificationState
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.requests import NotificationRequest
from handlers.domain.notifications.statuses import Status
from handlers.domain.problems import NotFound
from handlers.entrypoints.http import Decoded, Flag, caller, create_app, lambda_handler
from handlers.observability import OBSERVED, Metric, count, logger
from handlers.services.accepting import Acceptance, NotificationService

_TO_ANSWER: Final = timedelta(seconds=7)
"""What is left of the invocation when no further call is begun that an answer need not wait for: the last one may take
six seconds (`clients`). What is not published by then is the sweeper's.
"""

settings = NotificationsSettings.read()
dynamodb = clients.dynamodb()
clock = partial(datetime.now, UTC)
log = DynamoDeliveryLog(settings.notifications_table, dynamodb)
service = NotificationService(
    people=DynamoPlanning(
        DynamoPeople(settings.contacts_table, settings.settings_table, settings.suppressions_table, dynamodb),
        settings.templates_table,
    ),
    templates=S3TemplateStore(
        settings.template_bucket, clients.s3(), DynamoTemplateIndex(settings.templates_table, dynamodb, clock)
    ),
    log=DynamoNotificationLog(settings.notifications_table, dynamodb, timedelta(days=settings.log_kept_days)),
    publisher=EventBridgePublisher(settings.event_bus, clients.events(), clock),
    scheduler=EventBridgeSchedules(
        settings.schedule_group, settings.schedule_target, settings.scheduler_role, clients.scheduler(), clock
    ),
    categories={name: category.channels for name, category in settings.categories.items()},
    served=settings.channels,
    clock=clock,
    critical=critical(settings.categories),
    links=sample_links(settings.sample_url),
    max_segments=settings.sms_max_segments,
    limits=DynamoLimitsOutlook(settings.limits_table, settings.recipient_limits, dynamodb),
    digests=digests(settings.categories),
)
app = create_app(rates=DynamoAppRates(settings.limits_table, lambda: dynamodb))

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same body gets the same answer for 24 hours, and sends once",
    ),
]


NotificationId = Annotated[
    str,
    StringConstraints(max_length=255),  # DynamoDB takes no key of more than 2,048 bytes
    Decoded,
    Path(description="As answered when it was accepted"),
]


@app.post("/v1/notifications", status_code=HTTPStatus.ACCEPTED, operation_id="sendNotification", summary="Send")
def send(
    request: NotificationRequest,
    dry_run: Annotated[Flag, Query(description="Answer the plan with 200; store and send nothing")] = False,
    idempotency_key: Key = None,
) -> Response[Accepted | DryRun]:
    """Accept a notification: 202 once it is in the log. A dry run tells who would be sent to, and who not and why."""
    sender = caller(app)
    if dry_run:
        return _answer(HTTPStatus.OK, service.dry_run(request, sender))
    acceptance = _accept(request, sender, idempotency_key)
    headers = {} if acceptance.logged else {"Idempotency-Replayed": "true"}
    return _answer(HTTPStatus.ACCEPTED, acceptance.answer, headers)


@app.get("/v1/notifications/<notification_id>", operation_id="getNotification", summary="See what became of it")
def read(
    notification_id: NotificationId,
    cursor: Annotated[
        str | None, Query(description="As the last answer had it, for the deliveries after these")
    ] = None,
) -> NotificationState:
    """Return a notification with its deliveries, their attempts and timelines; 404 unless this app sent it.

    The answer has a `cursor` when there are more deliveries than it holds, about 4 MB.
    """
    return service.state(notification_id, caller(app), cursor)


@app.post(
    "/v1/notifications/<notification_id>/cancel",
    operation_id="cancelNotification",
    summary="Cancel what is not yet sent",
)
def cancel(
    notification_id: NotificationId,
) -> Accepted:
    """Cancel what is not yet sent, and answer what each delivery is now; 404 unless this app sent the notification."""
    return service.cancel(notification_id, caller(app), _until())


class AppReceipt(Model):
    """What an app on a device tells of a message."""

    delivery_id: Annotated[str, StringConstraints(max_length=255)]
    event: Literal[Event.OPENED, Event.CLICKED]


@app.post("/v1/receipts", operation_id="noteReceipt", summary="Tell that a message was opened or clicked")
def note_receipt(receipt: AppReceipt) -> Response[str]:
    """Move a delivery of this app's to `opened` or `clicked`: 204, also when that is no news; 404 for no such delivery.

    The delivery's own id is all there is to say, as push messages carry it.
    """
    notification_id = notification_of(receipt.delivery_id)
    status = Status(receipt.event.value)
    link = Link(notification_id or "", receipt.delivery_id)
    observed = log.observe(link, status, clock(), caller(app).app_key) if notification_id else None
    if observed is None:
        raise NotFound("There is no such delivery of this app.")
    if observed.is_news:
        count(OBSERVED[status], channel=observed.delivery.channel)
    logger.append_keys(delivery_id=observed.delivery.delivery_id, became=observed.delivery.status)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


def _until() -> datetime:
    """Return when nothing more is to be begun, by what remains of this invocation."""
    return clock() + timedelta(milliseconds=app.lambda_context.get_remaining_time_in_millis()) - _TO_ANSWER


def _accept(request: NotificationRequest, sender: Caller, idempotency_key: str | None) -> Acceptance:
    acceptance = service.accept(request, sender, idempotency_key, _until())
    if acceptance.logged:
        count(Metric.NOTIFICATION_ACCEPTED)
    planned = Counter(each.channel for each in acceptance.logged if each.status is Status.CREATED)
    for channel, deliveries in planned.items():
        count(Metric.DELIVERY_PLANNED, deliveries, channel=channel)
    if acceptance.unpublished:
        count(Metric.PUBLISH_FAILED, acceptance.unpublished)
    if acceptance.unscheduled:
        count(Metric.SCHEDULE_FAILED, acceptance.unscheduled)
    logger.append_keys(
        app_key=sender.app_key,
        notification_id=acceptance.answer.notification_id,
        category=request.category,
        deliveries=len(acceptance.answer.deliveries),
    )
    return acceptance


def _answer(
    status: HTTPStatus, body: Accepted | DryRun, headers: dict[str, str] | None = None
) -> Response[Accepted | DryRun]:
    return Response(
        status_code=int(status), content_type=content_types.APPLICATION_JSON, body=body, headers=headers or {}
    )


handler = lambda_handler(app)
