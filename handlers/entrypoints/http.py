"""What every API function does alike: who calls, what a request may say, and how each failure is answered.

An entrypoint is `app = create_app()`, its routes, and `handler = lambda_handler(app)`.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil, isinf
from typing import Annotated, Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError, from_json

from handlers.domain.callers import Caller, Rate
from handlers.domain.content.values import number as written_number
from handlers.domain.problems import (
    MEDIA_TYPE,
    FieldError,
    InternalError,
    InvalidRequest,
    NotFound,
    Problem,
    TooLarge,
    TooManyRequests,
    UnsupportedMediaType,
    refusal_in_words,
)
from handlers.domain.security_headers import SECURITY_HEADERS
from handlers.observability import describe, invocation, logger
from handlers.ports import AppRates

MAX_BODY_BYTES = 256 * 1024

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], dict[str, Any]]

_UNKNOWN_FIELD = "is not a known field"
_UNKNOWN_PARAMETER = "is not a known query parameter"
_TWICE = "is there more than once"


def _true_or_false(value: object) -> object:
    """Return the truth that a query parameter says, and nothing that pydantic would take for one (`1`, `yes`, `on`)."""
    said = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise PydanticCustomError("flag", "must be true or false")
    return said


Flag = Annotated[bool, BeforeValidator(_true_or_false)]
"""A query parameter that is `true` or `false`."""

Decoded = BeforeValidator(unquote)
"""For each text in a path. A REST API hands on a path as it was sent, percent-encoded, in `path` as in
`pathParameters` (https://github.com/middleapi/standard-server/pull/93), so it is decoded here, and only once.
"""


def problem_json(problem: Problem) -> Response[str]:
    """Return a problem as a program reads it: RFC 9457."""
    return Response(
        status_code=int(problem.status),
        content_type=MEDIA_TYPE,
        headers=dict(problem.headers()),
        body=json.dumps(problem.body()),
    )


def create_app(
    *,
    is_public: bool = False,
    answer: Callable[[Problem], Response[str]] = problem_json,
    rates: AppRates | None = None,
) -> APIGatewayRestResolver:
    """Return a resolver that validates against the routes' types and answers every failure by `answer`.

    What a request says that its route does not know is refused, and so is what it says twice. Only the query of a
    `public` link may hold anything: mail programs and what decorates links add parameters of their own (`utm_source`,
    `fbclid`).
    An app that has a rate is held to it by `rates`: what is over it is answered 429, before anything else is looked at.
    An answer that does not meet its route's own return type is a 500: without the code Powertools would call it 422.
    """
    app = APIGatewayRestResolver(
        enable_validation=True,
        response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        json_body_deserializer=parse_object,
    )

    def answer_invalid(error: RequestValidationError) -> Response[str]:
        unknown = [] if is_public else _unknown(app)
        named = {each.field for each in unknown}
        return answer(
            InvalidRequest.fields([*(each for each in _refusals(error) if each.field not in named), *unknown])
        )

    def answer_not_found(_: NotFoundError) -> Response[str]:
        return answer(NotFound("There is nothing at this path."))

    def answer_failure(error: Exception) -> Response[str]:
        logger.error("request failed", **describe(error))
        return answer(
            InternalError(
                "Send it again. With an Idempotency-Key a notification is sent once, whatever has been done already."
            )
        )

    if rates is not None:
        app.use(middlewares=[_hold_to_rate(rates)])
    if not is_public:
        app.use(middlewares=[_refuse_unknown])
    app.exception_handler(Problem)(answer)
    app.exception_handler(RequestValidationError)(answer_invalid)
    app.exception_handler(NotFoundError)(answer_not_found)
    app.exception_handler(Exception)(answer_failure)
    return app


def caller(app: APIGatewayRestResolver) -> Caller:
    """Return the app that the authorizer let in: its context holds `app_key` and two lists as JSON strings."""
    context = app.current_event.request_context.authorizer.get_context()
    return Caller(
        app_key=context["app_key"],
        categories=frozenset(json.loads(context["categories"])),
        channels=frozenset(json.loads(context["channels"])),
        suppressions="suppressions" in context,
    )


def lambda_handler(app: APIGatewayRestResolver, *, takes_forms: bool = False) -> Handler:
    """Return the Lambda handler of an app: bounds the body, resolves, and logs one line with no personal data.

    That line has what the route gave the logger (`append_keys`), and what it counted.

    The body must be JSON, unless the app `takes_forms`, which it reads for itself (`text_of`).
    """

    @invocation
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        answer = _secured(_resolve(app, event, context, takes_forms))
        # `resource` is the route (`/v1/contacts/{user_id}`), never the path, which names the user.
        logger.info("answered", method=event["httpMethod"], route=event["resource"], status=answer["statusCode"])
        return answer

    return handler


def _resolve(app: APIGatewayRestResolver, event: Event, context: LambdaContext, takes_forms: bool) -> dict[str, Any]:
    try:
        readable = _with_plain_path(event if takes_forms else _with_json_body(event))
        answer = app.resolve(readable, context)
        return answer | {"body": ""} if event["httpMethod"] == "HEAD" else answer
    except Problem as problem:
        return {
            "statusCode": int(problem.status),
            "headers": {"Content-Type": MEDIA_TYPE, **problem.headers()},
            "body": json.dumps(problem.body()),
            "isBase64Encoded": False,
        }


def _secured(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer with the headers that each has, but for those that it sets itself."""
    own = {name.lower() for kind in ("headers", "multiValueHeaders") for name in answer.get(kind) or {}}
    added = {name: [value] for name, value in SECURITY_HEADERS.items() if name.lower() not in own}
    return answer | {"multiValueHeaders": {**(answer.get("multiValueHeaders") or {}), **added}}


def _with_plain_path(event: Event) -> Event:
    """Return the event with its path percent-encoded throughout: Powertools' routes match no quote and no backslash."""
    segments = (quote(unquote(segment), safe="") for segment in event["path"].split("/"))
    return event | {"path": "/".join(segments)}


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


def text_of(event: Event, most: int = MAX_BODY_BYTES) -> str:
    """Return the body as text, of so many bytes at most; raise `TooLarge` or `InvalidRequest`."""
    raw = event.get("body") or ""
    try:
        body = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
        if len(body) > most:
            raise TooLarge(f"The body is over {most // 1024} KB.")
        return bytes(body).decode()
    except (UnicodeError, binascii.Error):
        raise _of_body("must be UTF-8") from None


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object in the text: what every route's body is. Raise `InvalidRequest` for anything else.

    It is read twice. What `from_json` refuses, `json` would take: NaN, lone surrogates and endless nesting, which
    would fail later, where it is stored or sent. And `json` alone tells of an object's names that are there twice, and
    how numbers are written.
    """
    repeating: list[tuple[dict[str, Any], list[str]]] = []

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            repeating.append((found, [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]))
        return found

    def number(written: str) -> Any:
        if isinf(float(written)):  # which no JSON can say again
            raise _of_body("has a number that is too large: 1.7e308 at most")
        return written_number(written)

    try:
        from_json(text, allow_inf_nan=False)
        parsed = json.loads(text, object_pairs_hook=read, parse_float=number, parse_int=written_number)
    except ValueError:
        raise _of_body("must be JSON") from None
    if not isinstance(parsed, dict):
        raise _of_body("must be a JSON object")
    if repeating:
        raise InvalidRequest.fields(
            FieldError(_path(("body", *path, name)), _TWICE)
            for path, held in _objects(parsed)
            for found, names in repeating
            if found is held
            for name in names
        )
    return parsed


def _of_body(message: str) -> InvalidRequest:
    return InvalidRequest.field("body", message)


def _objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield each object in a JSON value, with where it lies."""
    if isinstance(value, dict):
        yield path, value
    for part, held in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _objects(held, (*path, part))


def _hold_to_rate(rates: AppRates) -> Callable[[APIGatewayRestResolver, NextMiddleware], Response[Any]]:
    def hold(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
        context = app.current_event.request_context.authorizer.get_context()
        if "rate" in context:  # API Gateway hands all of the context on as text
            rate = Rate(int(context["rate"]), int(context["burst"]))
            wait = rates.wait(context["app_key"], rate, datetime.now(UTC))
            if wait is not None:
                raise TooManyRequests(
                    f"This app may send {rate.per_second} requests a second, and {rate.burst} at once.",
                    retry_after=ceil(wait.total_seconds()),
                )
        return next_middleware(app)

    return hold


# -- what a route does not know ----------------------------------------------------------------------------------------


def _refuse_unknown(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    if errors := _unknown(app):
        raise InvalidRequest.fields(errors)
    return next_middleware(app)


def _unknown(app: APIGatewayRestResolver) -> list[FieldError]:
    """Return what the request carries and its route does not take, and what it repeats and may not.

    Unknown fields in a body that the route takes are not among it: the body's model refuses them.
    """
    takes, event = app.context["_route"].dependant, app.current_event.raw_event
    queried: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    headers: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    parameters = {each.alias for each in takes.query_params}
    header_names = {each.alias.lower() for each in takes.header_params}
    times = Counter(name.lower() for name, values in headers.items() for _ in values)
    body = {} if takes.body_params or not event.get("body") else parse_object(event["body"])
    return [
        *(FieldError(name, _UNKNOWN_PARAMETER) for name in queried if name not in parameters),
        *(FieldError(name, _TWICE) for name, values in queried.items() if name in parameters and len(values) > 1),
        *(FieldError(name, _TWICE) for name in header_names if times[name] > 1),
        *(FieldError(name, _UNKNOWN_FIELD) for name in body),
    ]


# -- failures ----------------------------------------------------------------------------------------------------------


def _refusals(error: RequestValidationError) -> list[FieldError]:
    return [FieldError(_path(each["loc"]), refusal_in_words(each)) for each in error.errors()]


def _path(location: Sequence[str | int]) -> str:
    """Return the dotted path of a pydantic location, without its first part, which says query, path or body.

    And without the `[key]` after a name that is itself refused.
    """
    return ".".join(str(part) for part in location[1:] if part != "[key]") or str(location[0])
