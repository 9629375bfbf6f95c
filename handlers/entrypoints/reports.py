"""`/v1/stats`, and lists: `/v1/notifications`, `/v1/contacts/{user_id}/deliveries`. Each app's own alone.

And `/v1/webhook`: where an app is told of all this, instead of asking.
"""

from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from handlers.adapters.aws import clients
from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.adapters.aws.link_key import link_key
from handlers.adapters.aws.stats_reader import DynamoStats
from handlers.adapters.aws.webhooks import DynamoWebhooks, KmsWebhookKeys
from handlers.config import ReportsSettings
from handlers.domain.channels import Channel
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.user_ids import UserId
from handlers.domain.problems import NotFound
from handlers.domain.stats.counting import PARTS
from handlers.domain.stats.listing import Cursors, Deliveries, Filter, Notifications
from handlers.domain.stats.report import Stats, Wanted, parts_of
from handlers.domain.times import Instant
from handlers.domain.webhooks import WebhookMade, WebhookRequest, WebhookShown
from handlers.entrypoints.http import Decoded, caller, create_app, lambda_handler
from handlers.services.reporting import MOST_DAYS, Question, Reports
from handlers.services.webhooks import WebhookDesk

_LONGEST: Final = 255

settings = ReportsSettings.read()
dynamodb = clients.dynamodb()
kms = clients.kms()
clock = partial(datetime.now, UTC)
reports = Reports(DynamoStats(settings.stats_table, dynamodb), Cursors(link_key(settings.link_key, kms)), clock)
desk = WebhookDesk(DynamoWebhooks(settings.limits_table, dynamodb), KmsWebhookKeys(settings.link_key, kms))
app = create_app(rates=DynamoAppRates(settings.limits_table, lambda: dynamodb))


def _day(value: object) -> object:
    if not isinstance(value, str) or len(value) != len("2030-01-31"):
        raise PydanticCustomError("day", "must be a day such as 2030-01-31")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day", "must be a day such as 2030-01-31") from None


def _parts(value: str) -> str:
    if parts_of(value) is None:
        raise PydanticCustomError("parts", "must be some of {parts}, with commas", {"parts": ", ".join(PARTS)})
    return value


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Name = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
InCategory = Annotated[Name | None, Query(description="Of this category")]
InStatus = Annotated[Status | None, Query(description="Those that are in this status now")]
Since = Annotated[Instant | None, Query(alias="from", description="Accepted at this time or later")]
Until = Annotated[Instant | None, Query(alias="to", description="Accepted before this time")]
From = Annotated[Cursor | None, Query(alias="cursor", description="As the last answer to the same question had it")]
Limit = Annotated[int, Field(ge=1, le=100), Query(description="How many deliveries a page has at most")]


@app.get("/v1/stats", operation_id="getStats", summary="See how much was sent, read and refused, and how fast")
def stats(
    category: InCategory = None,
    channel: Annotated[Channel | None, Query(description="On this channel")] = None,
    provider: Annotated[Name | None, Query(description="Sent, or tried last, by this provider")] = None,
    template: Annotated[Name | None, Query(description="By this template")] = None,
    first: Annotated[
        Day | None, Query(alias="from", description="The first day, in UTC, of acceptance; six days before `to`")
    ] = None,
    last: Annotated[Day | None, Query(alias="to", description=f"The last; {MOST_DAYS} days at most. Today")] = None,
    group_by: Annotated[
        Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_parts)] | None,
        Query(description=f"Some of {', '.join(f'`{each}`' for each in PARTS)}, with commas: figures of each as well"),
    ] = None,
) -> Stats:
    """Return what became of this app's deliveries: counted within about ten seconds, of the last seven days if none are
    named.
    """
    wanted = Wanted(category, channel, provider, template)
    parts = () if group_by is None else parts_of(group_by) or ()
    return reports.stats(caller(app).app_key, wanted, parts, first, last)


@app.get("/v1/notifications", operation_id="listNotifications", summary="List what was sent")
def notifications(
    user_id: Annotated[UserId | None, Query(description="To this user")] = None,
    category: InCategory = None,
    status: InStatus = None,
    since: Since = None,
    until: Until = None,
    cursor: From = None,
    limit: Limit = 50,
) -> Notifications:
    """Return this app's notifications of the last 90 days, newest first, with those of their deliveries asked for.

    A page with a `cursor` may have few, or none, though there are more.
    """
    question = Question(user_id, Filter(category, status), since, until, limit)
    return Notifications.of(reports.deliveries(caller(app).app_key, "notifications", question, cursor))


@app.get("/v1/contacts/<user_id>/deliveries", operation_id="listDeliveries", summary="List what was sent to a user")
def deliveries(
    user_id: Annotated[UserId, Decoded, Path(description="The producers' own id of the user, percent-encoded")],
    category: InCategory = None,
    status: InStatus = None,
    since: Since = None,
    until: Until = None,
    cursor: From = None,
    limit: Limit = 50,
) -> Deliveries:
    """Return this app's deliveries to a user of the last 90 days, newest first; none of a user nobody knows."""
    question = Question(user_id, Filter(category, status), since, until, limit)
    return reports.deliveries(caller(app).app_key, "deliveries", question, cursor)


@app.get("/v1/webhook", operation_id="getWebhook", summary="See where status changes are told")
def show_webhook() -> WebhookShown:
    """Return this app's webhook, and since when it has failed or is suspended, but not its secret; 404 without one."""
    found = desk.show(caller(app).app_key)
    if found is None:
        raise NotFound("This app has no webhook.")
    return found


@app.put("/v1/webhook", operation_id="putWebhook", summary="Say where status changes are told")
def put_webhook(webhook: WebhookRequest) -> Response[WebhookMade]:
    """Tell this app there what becomes of its deliveries: 201 when it had no webhook, else 200.

    The answer has the secret that signs what is told, each time a new one, and it is shown here alone. A webhook that
    was suspended begins anew.
    """
    made, is_new = desk.put(caller(app).app_key, webhook)
    return Response(
        status_code=HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=made,
    )


@app.delete("/v1/webhook", operation_id="deleteWebhook", summary="Be told no more")
def end_webhook() -> Response[str]:
    """End this app's webhook: 204, also when there is none, so that who got no answer can ask again."""
    desk.end(caller(app).app_key)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


handler = lambda_handler(app)
