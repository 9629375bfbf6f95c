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
from handlers.adapters.aws.time_zones import ContactTimeZones
from handlers.config import TrackingSettings, critical
from handlers.domain.content.links import InvalidLinkError, Link, Purpose, verify
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.machines import Visit
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.people.settings import UserSettings
from handlers.domain.people.time_zones import is_time_zone
from handlers.domain.problems import Contended, InvalidRequest, Problem
from handlers.entrypoints.http import Decoded, create_app, lambda_handler, text_of
from handlers.entrypoints.page_texts import language_of
from handlers.entrypoints.pages import Entered, Pages, Times
from handlers.observability import OBSERVED, count, describe, logger
from handlers.services.tracking import Recipients, Told

# An image of nothing. As text, since API Gateway passes on bytes only if all requests are taken for bytes as well.
_PIXEL: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
_UNCACHED: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_MAX_FIELDS: Final = 10_000  # of 200 categories on each channel, and a few

configured = TrackingSettings.read()
dynamodb = clients.dynamodb()
secret = link_key(configured.link_key, clients.kms())
recipients = Recipients(
    log=DynamoDeliveryLog(configured.notifications_table, dynamodb),
    settings=SettingsTable(configured.settings_table, configured.contacts_table, dynamodb),
    clock=partial(datetime.now, UTC),
    critical=critical(configured.categories),
    zones=ContactTimeZones(configured.contacts_table, dynamodb),
)
pages = Pages(configured.categories, configured.channels, configured.look)


def _answer_as_page(problem: Problem) -> Response[str]:
    """Say it to a person. Who reads this pressed a button of the page, or followed a link."""
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        texts = "failed", "failed_why"
    elif isinstance(problem, Contended):
        texts = "failed", "contended_why"
    else:
        texts = "refused", "refused_why"
    return _html(problem.status, pages.problem(_language(), *texts))


def _html(status: HTTPStatus, page: str) -> Response[str]:
    return Response(status, "text/html; charset=utf-8", page, headers=dict(pages.headers))


def _language(locale: str | None = None) -> str:
    """Return the language to answer in: `?lang=` asks for one, which is how the page's own links do it."""
    event = app.current_event
    return language_of(event.query_string_parameters.get("lang"), locale, event.headers.get("accept-language"))


app = create_app(is_public=True, answer=_answer_as_page)

Token = Annotated[str, Decoded, Path(description="As the message has it")]
Form = Mapping[str, Sequence[str]]


@app.head(
    "/t/o/<token>",
    operation_id="noteOpenHead",
    summary="Open pixel, uncounted",
    responses={200: {"description": "As GET answers; not counted"}},
)
@app.get(
    "/t/o/<token>",
    operation_id="noteOpen",
    summary="Open pixel",
    responses={200: {"description": "An image of nothing"}},
)
def opened(token: Token) -> Response[str]:
    """Note that a message was opened, by the image in it: `{{ open_url }}`. HEAD notes nothing."""
    _saw(_link(Purpose.OPEN, token), Status.OPENED)
    return Response(HTTPStatus.OK, "image/svg+xml", _PIXEL, headers=dict(_UNCACHED))


@app.head(
    "/t/c/<token>",
    operation_id="followLinkHead",
    summary="Click redirect, uncounted",
    responses={302: {"description": "As GET answers; not counted"}},
)
@app.get(
    "/t/c/<token>",
    operation_id="followLink",
    summary="Click redirect",
    responses={302: {"description": "To where the link leads"}},
)
def clicked(token: Token) -> Response[str]:
    """Lead on to where the link leads, and note that it was followed: `{{ tracked(url) }}`. HEAD notes nothing."""
    link = _link(Purpose.CLICK, token)
    _saw(link, Status.CLICKED)
    return Response(HTTPStatus.FOUND, "text/plain", "", headers={**_UNCACHED, "Location": link.target or ""})


@app.head(
    "/u/<token>",
    operation_id="lookAtSettingsHead",
    summary="Settings page, uncounted",
    responses={200: {"description": "As GET answers"}},
)
@app.get(
    "/u/<token>",
    operation_id="lookAtSettings",
    summary="Settings page",
    responses={200: {"description": "The page of the recipient's settings"}},
)
def look(token: Token) -> Response[str]:
    """Show the recipient's settings, with a button to unsubscribe; changes nothing: `{{ unsubscribe_url }}`."""
    return _page(recipients.look(_link(Purpose.UNSUBSCRIBE, token)))


@app.post(
    "/u/<token>",
    operation_id="unsubscribe",
    summary="One-click unsubscribe, or save the settings",
    responses={200: {"description": "The page of the recipient's settings as they are now"}},
)
def change(token: Token) -> Response[str]:
    """Unsubscribe at once, as mail programs ask by `List-Unsubscribe=One-Click` (RFC 8058), or save the page's form.

    Of a critical category nothing is changed: the page says that it is always sent.
    """
    link, form = _link(Purpose.UNSUBSCRIBE, token), _form(app.current_event)
    if form.get("List-Unsubscribe") == ["One-Click"]:
        return _page(_unsubscribed(link))
    if "again" in form:
        return _page(recipients.resume(link), saved=True)
    if "save" not in form:
        raise InvalidRequest.field("List-Unsubscribe", "must be One-Click, in a form")
    return _saved(link, form)


def _answer_invalid_link(_: InvalidLinkError) -> Response[str]:
    return _html(HTTPStatus.NOT_FOUND, pages.problem(_language(), "broken", "broken_why"))


app.exception_handler(InvalidLinkError)(_answer_invalid_link)


def _link(purpose: Purpose, token: str) -> Link:
    return verify(secret(), purpose, token)


def _saw(link: Link, status: Status) -> None:
    """Note it. Who follows a link is led on whatever fails behind it, as long as there is its delivery in the log.

    So a link expires with that (`retention.log`). A time in the link itself would make each text message longer.
    Not of a HEAD: that is a program which looks at where a link leads before anybody has seen the message.
    """
    if app.current_event.http_method == "HEAD":
        return
    try:
        visit = Visit(app.current_event.headers.get("user-agent"), recipients.clock())
        observed = recipients.saw(link, status, visit)
    except Exception as error:
        logger.error("not noted", status=status, **describe(error))
        return
    if observed is None:
        raise InvalidLinkError
    if observed.is_news:
        if observed.delivery.timeline[-1].machine:
            logger.append_keys(delivery_id=observed.delivery.delivery_id, machine=status)
        else:
            _tell(observed.delivery, status)


def _unsubscribed(link: Link) -> Told | None:
    told = recipients.unsubscribe(link)
    if told is not None and told.is_news:
        _tell(told.delivery, Status.UNSUBSCRIBED)
    return told


def _saved(link: Link, form: Form) -> Response[str]:
    """Save the page's form, all of it or, if there is a mistake in it, nothing."""
    told = recipients.look(link)
    if told is None:
        raise InvalidLinkError
    categories, times, zone = _categories(form, told), Times(_first(form, "start"), _first(form, "end")), _zone(form)
    quiet_hours, mistakes = None, []
    try:
        quiet_hours = QuietHours.model_validate(asdict(times)) if times.start or times.end else None
    except ValidationError:
        mistakes.append("quiet")
    if zone is not None and not is_time_zone(zone):
        mistakes.append("zone")
    if mistakes:
        tried = told.settings.model_copy(update={"categories": categories})
        entered = Entered(times, zone, mistakes)
        return _page(replace(told, settings=tried), HTTPStatus.BAD_REQUEST, entered=entered)
    chosen = UserSettings(categories=categories, quiet_hours=quiet_hours)
    return _page(recipients.choose(link, chosen, zone), saved=True)


def _tell(delivery: Delivery, status: Status) -> None:
    count(OBSERVED[status], channel=delivery.channel)
    logger.append_keys(
        notification_id=delivery.notification_id,
        delivery_id=delivery.delivery_id,
        category=delivery.category,
        channel=delivery.channel,
        became=status,
    )


def _page(
    told: Told | None,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    saved: bool = False,
    entered: Entered | None = None,
) -> Response[str]:
    if told is None:
        raise InvalidLinkError
    language = _language(told.locale)
    return _html(status, pages.settings(told, recipients.critical, language, saved=saved, entered=entered))


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


def _zone(form: Form) -> str | None:
    """Return the time zone that was chosen; None where the page's was left, which another may have changed since."""
    zone = _first(form, "zone")
    return zone if "zone" in form and zone != _first(form, "zone_shown") else None


def _categories(form: Form, told: Told) -> dict[str, dict[str, bool]]:
    """Return what the page's form says of the switches it had, which it names: since then there may be others."""
    wanted = set(form.get("wanted", ()))
    shown = wanted.union(form.get("shown", ()))
    categories, channels = pages.shown_categories(told), pages.possible_channels(told)
    if unknown := shown - {f"{category}/{channel}" for category in categories for channel in channels}:
        there_are = f"it has the categories {', '.join(categories)} and the channels {', '.join(channels)}"
        raise InvalidRequest.field(f"wanted.{min(unknown)}", f"is not on this page; {there_are}")
    free = {name: [each for each in channels if f"{name}/{each}" in shown] for name in categories}
    return {
        name: {channel: f"{name}/{channel}" in wanted for channel in of}
        for name, of in free.items()
        if of and name not in recipients.critical
    }


handler = lambda_handler(app, takes_forms=True)
