"""What every API function does alike: who calls, what a body may be, and how each failure is answered.

An entrypoint is `app = create_app()`, its routes, and `handler = lambda_handler(app)`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from handlers.domain.callers import Caller
from handlers.domain.problems import (
    MEDIA_TYPE,
    FieldError,
    InternalError,
    InvalidRequest,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMediaType,
)
from handlers.observability import describe, logger

MAX_BODY_BYTES = 256 * 1024

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], dict[str, Any]]

_MESSAGES = {"missing": "is required", "extra_forbidden": "is not a known field"}


def create_app() -> APIGatewayRestResolver:
    """Return a resolver that validates against the routes' types and answers every failure with problem+json.

    An answer that does not meet its route's own return type is a 500: without the code Powertools would call it 422.
    """
    app = APIGatewayRestResolver(
        enable_validation=True,
        response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        json_body_deserializer=_parse_object,
    )
    app.exception_handler(Problem)(_answer)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    app.exception_handler(NotFoundError)(_answer_not_found)
    app.exception_handler(Exception)(_answer_failure)
    return app


def caller(app: APIGatewayRestResolver) -> Caller:
    """Return the app that the authorizer let in: its context holds `app_key` and two lists as JSON strings."""
    context = app.current_event.request_context.authorizer.get_context()
    return Caller(
        app_key=context["app_key"],
        categories=frozenset(json.loads(context["categories"])),
        channels=frozenset(json.loads(context["channels"])),
    )


def lambda_handler(app: APIGatewayRestResolver, *, takes_forms: bool = False) -> Handler:
    """Return the Lambda handler of an app: bounds the body, resolves, and logs one line with no personal data.

    The body must be JSON, unless the app `takes_forms`, which it reads for itself (`text_of`).
    """

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        answer = _resolve(app, event, context, takes_forms)
        # `resource` is the route (`/v1/contacts/{user_id}`), never the path, which names the user.
        logger.info("answered", method=event["httpMethod"], route=event["resource"], status=answer["statusCode"])
        return answer

    return handler


def _resolve(app: APIGatewayRestResolver, event: Event, context: LambdaContext, takes_forms: bool) -> dict[str, Any]:
    try:
        return app.resolve(event if takes_forms else _with_json_body(event), context)
    except Problem as problem:
        return {
            "statusCode": int(problem.status),
            "headers": {"Content-Type": MEDIA_TYPE, **problem.headers()},
            "body": json.dumps(problem.body()),
            "isBase64Encoded": False,
        }


def _with_json_body(event: Event) -> Event:
    """Return the event with its body as plain text, said to be application/json whichever JSON type it was sent as.

    The validation middleware knows no `+json` type (RFC 6839), so a merge patch (RFC 7396) must be renamed for it;
    and it would read an HTML form, which no route takes.
    """
    if not event.get("body"):
        return event
    headers = event.get("headers") or {}
    declared = next((value for name, value in headers.items() if name.lower() == "content-type"), "application/json")
    media_type = declared.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    others = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return event | {
        "headers": others | {"content-type": "application/json"},
        "body": text_of(event),
        "isBase64Encoded": False,
    }


def text_of(event: Event) -> str:
    """Return the body as text; raise `TooLarge` or `InvalidRequest`."""
    raw = event.get("body") or ""
    try:
        body = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"The body is over {MAX_BODY_BYTES // 1024} KB.")
        return bytes(body).decode()
    except (UnicodeError, binascii.Error):
        raise InvalidRequest("The body is not UTF-8.") from None


def _parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object in the text: what every route's body is.

    Not by `json`, which takes NaN, lone surrogates and endless nesting: what stores or sends them would fail later.
    """
    try:
        parsed = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise InvalidRequest("The body is not JSON.") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return parsed


def _answer(problem: Problem) -> Response[str]:
    return Response(
        status_code=int(problem.status),
        content_type=MEDIA_TYPE,
        headers=dict(problem.headers()),
        body=json.dumps(problem.body()),
    )


def _answer_invalid(error: RequestValidationError) -> Response[str]:
    errors = [FieldError(_path(each["loc"]), _message(each)) for each in error.errors()]
    return _answer(InvalidRequest("; ".join(f"{each.field}: {each.message}" for each in errors[:3]), errors))


def _answer_not_found(_: NotFoundError) -> Response[str]:
    return _answer(NotFound("There is nothing at this path."))


def _answer_failure(error: Exception) -> Response[str]:
    logger.error("request failed", **describe(error))
    return _answer(
        InternalError(
            "Send it again. With an Idempotency-Key a notification is sent once, whatever has been done already."
        )
    )


def _path(location: Sequence[str | int]) -> str:
    """Return the dotted path of a pydantic location, without its first part, which says query, path or body."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _message(error: Mapping[str, Any]) -> str:
    return _MESSAGES.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
