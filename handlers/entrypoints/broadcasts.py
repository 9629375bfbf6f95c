"""`/v1/broadcasts`: one message to many, and how far it is."""

from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import StringConstraints

from handlers.adapters.aws import clients
from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.adapters.aws.audience_files import S3AudienceFiles
from handlers.adapters.aws.broadcast_queue import SqsBroadcastQueue
from handlers.adapters.aws.broadcasts import DynamoBroadcasts, DynamoOutcomes
from handlers.config import BroadcastsSettings
from handlers.domain.broadcasts.broadcast import BroadcastState
from handlers.domain.broadcasts.requests import BroadcastRequest
from handlers.entrypoints.http import Decoded, Flag, caller, create_app, lambda_handler
from handlers.entrypoints.pages_of_broadcasts import accepting
from handlers.observability import logger
from handlers.services.broadcasting import UPLOAD_WINDOW, BroadcastService

_TO_ANSWER: Final = timedelta(seconds=10)
"""What is left of the invocation when nothing more is counted."""

settings = BroadcastsSettings.read()
dynamodb = clients.dynamodb()
clock = partial(datetime.now, UTC)
service = BroadcastService(
    accepting=accepting(settings, dynamodb, clock),
    store=DynamoBroadcasts(settings.broadcasts_table, dynamodb, timedelta(days=settings.log_kept_days)),
    files=S3AudienceFiles(settings.audience_bucket, clients.audience_files(), int(UPLOAD_WINDOW.total_seconds())),
    queue=SqsBroadcastQueue(settings.broadcast_queue_url, clients.repeated_messages()),
    outcomes=DynamoOutcomes(settings.notifications_table, dynamodb),
    clock=clock,
)
app = create_app(rates=DynamoAppRates(settings.limits_table, lambda: dynamodb))

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same body is the same broadcast, for as long as the log is kept",
    ),
]
BroadcastId = Annotated[
    str,
    StringConstraints(max_length=255),
    Decoded,
    Path(description="As answered when it was accepted"),
]


@app.post("/v1/broadcasts", status_code=HTTPStatus.ACCEPTED, operation_id="broadcast", summary="Send to many")
def create(
    request: BroadcastRequest,
    dry_run: Annotated[Flag, Query(description="Read and plan for the whole audience, and send nothing")] = False,
    idempotency_key: Key = None,
) -> Response[BroadcastState]:
    """Accept a broadcast: 202. To a tag it begins at once; for a file the answer has a url to put it to, then start it.

    A dry run is a broadcast of which nothing is sent: it counts whom it would reach, and who gets none and why.
    """
    state = service.create(request, caller(app), idempotency_key, dry_run=dry_run)
    logger.append_keys(broadcast_id=state.broadcast_id, category=request.category)
    return _answer(state)


@app.get("/v1/broadcasts/<broadcast_id>", operation_id="getBroadcast", summary="See how far it is")
def read(broadcast_id: BroadcastId) -> BroadcastState:
    """Return how far a broadcast is, with what its deliveries are by now; 404 unless this app made it.

    While its file is awaited, each answer has a fresh url to put it to.
    """
    until = clock() + timedelta(milliseconds=app.lambda_context.get_remaining_time_in_millis()) - _TO_ANSWER
    return service.state(broadcast_id, caller(app), until)


@app.post(
    "/v1/broadcasts/<broadcast_id>/start",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="startBroadcast",
    summary="Start with the file that was uploaded",
)
def start(broadcast_id: BroadcastId) -> Response[BroadcastState]:
    """Start a broadcast whose file was put to its url; 409 when there is none. A later file changes nothing."""
    return _answer(service.start(broadcast_id, caller(app)))


@app.post("/v1/broadcasts/<broadcast_id>/pause", operation_id="pauseBroadcast", summary="Pause it")
def pause(broadcast_id: BroadcastId) -> BroadcastState:
    """Release nothing more until it is resumed. About a hundred recipients may get the message yet."""
    return service.pause(broadcast_id, caller(app))


@app.post("/v1/broadcasts/<broadcast_id>/resume", operation_id="resumeBroadcast", summary="Go on with it")
def resume(broadcast_id: BroadcastId) -> BroadcastState:
    """Go on where it was paused, or has stalled: nobody gets the message twice."""
    return service.resume(broadcast_id, caller(app))


@app.post("/v1/broadcasts/<broadcast_id>/cancel", operation_id="cancelBroadcast", summary="Cancel what is not yet sent")
def cancel(broadcast_id: BroadcastId) -> BroadcastState:
    """Release nothing more, and cancel what is not yet sent. It is `canceling` until that is done."""
    return service.cancel(broadcast_id, caller(app))


def _answer(state: BroadcastState) -> Response[BroadcastState]:
    return Response(status_code=int(HTTPStatus.ACCEPTED), content_type=content_types.APPLICATION_JSON, body=state)


handler = lambda_handler(app)
