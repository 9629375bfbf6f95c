"""`/t/o`, `/t/c`, `/u`: the links in messages. Public: the signature of each link is what lets its holder in."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from email import message_from_string
from email.policy import HTTP
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import ValidationError

from handlers.adapters.aws import clients
from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.link_key import link_key
from handlers.adapters.aws.settings import SettingsTable
from handlers.config import TrackingSettings, critical
from handlers.domain.content.links import InvalidLinkError, Link, Purpose, verify
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.people.settings import UserSettings
from handlers.domain.problems import Contended, InvalidRequest, Problem
from handlers.entrypoints import pages
from handlers.entrypoints.http import Decoded, create_app, lambda_handler, text_of
from handlers.observability import Metric, count, describe, logger
from handlers.services.tracking import Recipients, Told

# An image of nothing. As text, since API Gateway passes on bytes only if all requests are taken for bytes as well.
_PIXEL: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
_UNCACHED: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_MAX_FIELDS: Final = 10_000  # of 200 categories on each channel, and a few
_METRICS: Final = {
    Status.OPENED: Metric.DELIVERY_OPENED,
    Status.CLICKED: Metric.DELIVERY_CLICKED,
    Status.UNSUBSCRIBED: Metric.DELIVERY_UNSUBSCRIBED,
}

configured = TrackingSettings()
dynamodb = clients.dynamodb()
secret = link_key(configured.link_key, clients.kms())
recipients = Recipients(
    log=DynamoDeliveryLog(configured.notifications_table, dynamodb),
    settings=SettingsTable(configured.settings_table, configured.contacts_table, dynamodb),
    clock=partial(datetime.now, UTC),
    critical=critical(configured.categories),
)


def _answer_as_page(problem: Problem) -> Response[str]:
    """Say it to a person. Who reads this pressed a button of the page, or followed a link."""
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        title, text = "This did not work", "It is our fault, and nothing was changed. Try again in a moment."
    elif isinstance(problem, Contended):
        title, text = "This did not work", "Your settings are being changed from elsewhere. Try again in a moment."
    else:
        title, text = "This cannot be done", "Nothing was changed. Open the page from the message again."
    return _html(problem.status, pages.problem_page(title, text))


def _html(status: HTTPStatus, page: str) -> Response[str]:
    return Response(status, "text/html; charset=utf-8", page, headers=dict(pages.HEADERS))


app = create_app(is_public=True, answer=_answer_as_page)

Token = Annotated[str, Decoded, Path(description="As the message has it")]
Form = Mapping[str, Sequence[str]]


@app.head("/t/o/<token>", responses={200: {"description": "As GET answers; not counted"}})
@app.get("/t/o/<token>", responses={200: {"description": "An image of nothing"}})
def opened(token: Token) -> Response[str]:
    """Note that a message was opened, by the image in it: `{{ open_url }}`. HEAD notes nothing."""
    _saw(_link(Purpose.OPEN, token), Status.OPENED)
    return Response(HTTPStatus.OK, "image/svg+xml", _PIXEL, headers=dict(_UNCACHED))


@app.head("/t/c/<token>", responses={302: {"description": "As GET answers; not counted"}})
@app.get("/t/c/<token>", responses={302: {"description": "To where the link leads"}})
def clicked(token: Token) -> Response[str]:
    """Lead on to where the link leads, and note that it was followed: `{{ tracked(url) }}`. HEAD notes nothing."""
    link = _link(Purpose.CLICK, token)
    _saw(link, Status.CLICKED)
    return Response(HTTPStatus.FOUND, "text/plain", "", headers={**_UNCACHED, "Location": link.target or ""})


@app.head("/u/<token>", responses={200: {"description": "As GET answers"}})
@app.get("/u/<token>", responses={200: {"description": "The page of the recipient's settings"}})
def look(token: Token) -> Response[str]:
    """Show the recipient's settings, with a button to unsubscribe; changes nothing: `{{ unsubscribe_url }}`."""
    return _page(recipients.look(_link(Purpose.UNSUBSCRIBE, token)))


@app.post("/u/<token>", responses={200: {"description": "The page of the recipient's settings as they are now"}})
def change(token: Token) -> Response[str]:
    """Unsubscribe at once, as mail programs ask by `List-Unsubscribe=One-Click` (RFC 8058), or save the page's form.

    Of a critical category nothing is changed: the page says that it is always sent.
    """
    link, form = _link(Purpose.UNSUBSCRIBE, token), _form(app.current_event)
    if form.get("List-Unsubscribe") == ["One-Click"]:
        return _page(_unsubscribed(link))
    if "save" not in form:
        raise InvalidRequest.field("List-Unsubscribe", "must be One-Click, in a form")
    told = recipients.look(link)
    if told is None:
        raise InvalidLinkError
    categories, times = _categories(form, told), pages.Times(_first(form, "start"), _first(form, "end"))
    try:
        quiet_hours = QuietHours.model_validate(asdict(times)) if times.start or times.end else None
    except ValidationError:
        tried = told.settings.model_copy(update={"categories": categories})
        return _page(replace(told, settings=tried), HTTPStatus.BAD_REQUEST, mistaken=times)
    return _page(recipients.choose(link, UserSettings(categories=categories, quiet_hours=quiet_hours)), saved=True)


def _answer_invalid_link(_: InvalidLinkError) -> Response[str]:
    page = pages.problem_page("This link does not work", "It may have been cut off. Open it from the message again.")
    return _html(HTTPStatus.NOT_FOUND, page)


app.exception_handler(InvalidLinkError)(_answer_invalid_link)


def _link(purpose: Purpose, token: str) -> Link:
    return verify(secret(), purpose, token)


def _saw(link: Link, status: Status) -> None:
    """Note it. Who follows a link is led on whatever fails behind it.

    Not of a HEAD: that is a program which looks at where a link leads before anybody has seen the message.
    """
    if app.current_event.http_method == "HEAD":
        return
    try:
        observed = recipients.saw(link, status)
    except Exception as error:
        logger.error("not noted", status=status, **describe(error))
        return
    if observed is not None and observed.is_news:
        _tell(observed.delivery, status)


def _unsubscribed(link: Link) -> Told | None:
    told = recipients.unsubscribe(link)
    if told is not None and told.is_news:
        _tell(told.delivery, Status.UNSUBSCRIBED)
    return told


def _tell(delivery: Delivery, status: Status) -> None:
    count(_METRICS[status], channel=delivery.channel)
    logger.info(
        "recipient",
        notification_id=delivery.notification_id,
        delivery_id=delivery.delivery_id,
        category=delivery.category,
        channel=delivery.channel,
        status=status,
    )


def _page(
    told: Told | None,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    saved: bool = False,
    mistaken: pages.Times | None = None,
) -> Response[str]:
    if told is None:
        raise InvalidLinkError
    offered = configured.categories, recipients.critical, configured.channels
    return _html(status, pages.settings_page(told, *offered, saved=saved, mistaken=mistaken))


def _form(event: APIGatewayProxyEvent) -> Form:
    """Return the fields of a form, in either of the two types that browsers, and RFC 8058, send it in."""
    text, kind = text_of(event.raw_event), event.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    parts = message_from_string(f"Content-Type: {kind}\r\n\r\n{text}", policy=HTTP)
    fields: dict[str, list[str]] = {}
    for part in parts.iter_parts():
        name = part.get_param("name", header="content-disposition")
        fields.setdefault(str(name), []).append(part.get_content().strip())
    return fields


def _first(form: Form, name: str) -> str:
    return form.get(name, [""])[0]


def _categories(form: Form, told: Told) -> dict[str, dict[str, bool]]:
    """Return what the page's form says of all the categories and channels that the page lets choose."""
    wanted = set(form.get("wanted", ()))
    channels = pages.shown_channels(told, configured.channels)
    shown = pages.shown_categories(told.delivery, configured.categories)
    if unknown := wanted - {f"{category}/{channel}" for category in shown for channel in channels}:
        there_are = f"it has the categories {', '.join(shown)} and the channels {', '.join(channels)}"
        raise InvalidRequest.field(f"wanted.{min(unknown)}", f"is not on this page; {there_are}")
    return {
        category: {channel: f"{category}/{channel}" in wanted for channel in channels}
        for category in shown
        if category not in recipients.critical
    }


handler = lambda_handler(app, takes_forms=True)
