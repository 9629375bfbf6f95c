"""`/hooks/{provider}`: what providers tell later of the messages they took. Public: each signs what it sends.

SES tells it by EventBridge, which invokes this function itself.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients, provider_credentials
from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.settings import SettingsTable
from handlers.adapters.aws.suppressions import SuppressionsTable
from handlers.adapters.receipts import ForgedError, Sent, Told, sendgrid, ses, twilio
from handlers.config import HooksSettings
from handlers.domain.notifications.outcomes import Event
from handlers.domain.problems import NotFound, NotSigned
from handlers.domain.providers.errors import CredentialsMissingError
from handlers.entrypoints.http import Decoded, create_app, lambda_handler, text_of
from handlers.observability import OBSERVED, Metric, count, describe, invocation, logger
from handlers.services.receiving import Receiver
from handlers.services.tracking import Recipients

_MAX_BYTES: Final = 1024 * 1024
"""SendGrid posts up to 768 KB at once: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event."""

configured = HooksSettings.read()
dynamodb = clients.dynamodb()
clock = partial(datetime.now, UTC)
log = DynamoDeliveryLog(configured.notifications_table, dynamodb)
receiver = Receiver(log, clock, SuppressionsTable(configured.suppressions_table, dynamodb))
recipients = Recipients(
    log,
    SettingsTable(configured.settings_table, configured.contacts_table, dynamodb),
    clock,
    configured.critical_categories,
)
_twilio = provider_credentials.of("twilio", twilio.TwilioToken)
_sendgrid = provider_credentials.of("sendgrid", sendgrid.SendGridWebhook)

READERS: Mapping[str, Callable[[Sent], Iterable[Told]]] = {
    "twilio": lambda sent: twilio.read(sent, _twilio.current()),
    "sendgrid": lambda sent: sendgrid.read(sent, _sendgrid.current()),
}
"""How to verify and read what each provider posts."""

app = create_app(is_public=True)
Provider = Annotated[str, Decoded, Path(description=f"One of {', '.join(READERS)}")]


@app.post(
    "/hooks/<provider>",
    operation_id="receive",
    summary="Delivery receipts of a provider",
    responses={204: {"description": "Noted, as far as it is about deliveries of ours"}},
)
def receive(provider: Provider) -> Response[str]:
    """Note what a provider tells of messages: delivered, bounced, complained of, opened. Again does no harm.

    It is signed as the provider does: with the account's token (Twilio), or with its own key (SendGrid), whose time is
    within ten minutes; anything else is 403. An error of ours is 500, so that the provider sends all of it again.
    """
    read = READERS.get(provider)
    if read is None:
        raise NotFound("There is no such provider here.")
    try:
        told = list(read(_sent(app.current_event.raw_event)))
    except (ForgedError, CredentialsMissingError):
        logger.warning("refused", provider=provider)
        raise NotSigned("It is not signed by the provider, or not lately.") from None
    _note(told)
    return Response(HTTPStatus.NO_CONTENT, body="")


def _sent(event: dict[str, Any]) -> Sent:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return Sent(event.get("queryStringParameters") or {}, headers, text_of(event, _MAX_BYTES), clock())


def _note(told: Iterable[Told]) -> None:
    """Note all of it; raise the last error only when the others are noted."""
    failure: Exception | None = None
    for each in told:
        try:
            _take(each)
        except Exception as error:
            logger.error("not noted", event=each.receipt.event, **describe(error))
            failure = error
    if failure is not None:
        raise failure


def _take(told: Told) -> None:
    """Note one receipt. Who unsubscribes at the provider has done so here: their settings come first."""
    if told.receipt.event is Event.UNSUBSCRIBED:
        recipients.unsubscribe(told.link)
    observed = receiver.take(told.link, told.receipt, told.visit)
    if observed is None or not observed.is_news:
        return
    delivery, last = observed.delivery, observed.delivery.timeline[-1]
    if told.receipt.event in (Event.BOUNCED, Event.COMPLAINED):
        count(Metric.DELIVERY_BOUNCED, channel=delivery.channel)
    if last.status is not None and last.status in OBSERVED:
        count(OBSERVED[last.status], channel=delivery.channel)
    logger.info(
        "receipt",
        notification_id=delivery.notification_id,
        delivery_id=delivery.delivery_id,
        channel=delivery.channel,
        provider=told.receipt.provider,
        event=told.receipt.event,
        became=delivery.status,
    )


_answer = lambda_handler(app, takes_forms=True)


@invocation
def _from_ses(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    told = ses.read(event["detail"])
    _note([] if told is None else [told])
    logger.info("answered", detail_type=event["detail-type"])
    return {}


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take what API Gateway hands on, or what EventBridge sends of SES's."""
    return _from_ses(event, context) if event.get("source") == "aws.ses" else _answer(event, context)
