"""Webhooks of apps: setting one, following the log for them, and telling one message."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from handlers.domain.notifications.statuses import Status
from handlers.domain.problems import FieldError, InvalidRequest
from handlers.domain.providers.errors import ProviderError, RecipientRefusedError, ThrottledError
from handlers.domain.stats.changes import Change
from handlers.domain.webhooks import (
    StatusChanged,
    Webhook,
    WebhookMade,
    WebhookRequest,
    WebhookShown,
    signing_secret,
)
from handlers.observability import describe, logger
from handlers.ports import KnownWebhooks, Outbox, StatusEndpoint, WebhookKeys, Webhooks


class WebhookDesk:
    """What an app may do with its own webhook."""

    def __init__(self, webhooks: Webhooks, keys: WebhookKeys) -> None:
        self._webhooks = webhooks
        self._keys = keys

    def show(self, app_key: str) -> WebhookShown | None:
        """Return the app's webhook, if it has one."""
        found = self._webhooks.find(app_key)
        return None if found is None else WebhookShown.of(found)

    def put(self, app_key: str, request: WebhookRequest) -> tuple[WebhookMade, bool]:
        """Set it, with a new secret; it is neither failing nor suspended then. Say also whether the app had none.

        Raises `InvalidRequest` when the request says of how it does what is not so.
        """
        was = self._webhooks.find(app_key)
        _refuse_another(request, was)
        made = self._webhooks.put(app_key, request.url, frozenset(request.statuses or ()))
        shown = WebhookShown.of(made)
        secret = signing_secret(self._keys.key(app_key, made.version))
        return WebhookMade(url=shown.url, statuses=shown.statuses, secret=secret), was is None

    def end(self, app_key: str) -> None:
        """End it; an app that has none is as it was."""
        self._webhooks.end(app_key)


def _refuse_another(given: WebhookRequest, was: Webhook | None) -> None:
    """Raise `InvalidRequest` for read-only fields that are given and differ from what they are."""
    marks = (("failing_since", given.failing_since), ("suspended_since", given.suspended_since))
    differing = [name for name, at in marks if at is not None and at != getattr(was, name, None)]
    if differing:
        raise InvalidRequest.fields(FieldError(name, "must be as GET answers it, or left out") for name in differing)


class Announcer:
    """Follows the log: puts each move of an app that has a webhook into the queue."""

    def __init__(self, webhooks: KnownWebhooks, outbox: Outbox) -> None:
        self._webhooks = webhooks
        self._outbox = outbox

    def follow(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Announce these; return those of which that failed. What comes again is announced again, by the same id."""
        moves = [(each, told) for each in changes if (told := StatusChanged.of(each)) is not None]
        wanted: dict[str, tuple[Change, StatusChanged]] = {}
        failed: list[Change] = []
        unknown: set[str] = set()
        for change, told in moves:
            if told.app_key in unknown or (is_wanted := self._wants(told.app_key, told.status)) is None:
                unknown.add(told.app_key)
                failed.append(change)
            elif is_wanted:
                wanted[told.event_id] = (change, told)
        refused = self._outbox.put([told for _, told in wanted.values()]) if wanted else ()
        return [*failed, *(wanted[each][0] for each in refused)]

    def _wants(self, app_key: str, status: Status) -> bool | None:
        """Say whether an app is to be told; None when nobody knows."""
        try:
            webhook = self._webhooks.find(app_key)
        except Exception as error:
            logger.error("a webhook cannot be read", app_key=app_key, **describe(error))
            return None
        return webhook is not None and webhook.wants(status)


class Telling(StrEnum):
    """What came of telling one message."""

    TOLD = "told"
    DROPPED = "dropped"
    """The app has no webhook any more, does not want to know this, or its endpoint is suspended."""
    SUSPENDED = "suspended"
    """It failed, and with that the endpoint is suspended."""
    RETRY = "retry"


class Teller:
    """Tells an app's endpoint of one move, and keeps how the endpoint does.

    Only the first failure in a row, the first success after it, and the suspension are written.
    """

    def __init__(self, webhooks: KnownWebhooks, endpoint: StatusEndpoint, clock: Callable[[], datetime]) -> None:
        self._webhooks = webhooks
        self._endpoint = endpoint
        self._clock = clock

    def tell(self, message: StatusChanged) -> tuple[Telling, float]:
        """Tell it by the webhook as it is now. The number is in how many seconds to try again, at the earliest."""
        webhook = self._webhooks.find(message.app_key)
        if webhook is None or not webhook.wants(message.status):
            return Telling.DROPPED, 0
        try:
            self._endpoint.post(webhook, message)
        except ThrottledError as error:  # it asks for patience, or is left alone after a failure: no new failure
            return Telling.RETRY, error.retry_after or 0
        except ProviderError as error:
            after = webhook.after_failure(self._clock(), for_good=isinstance(error, RecipientRefusedError))
            self._note(webhook, after)
            return (Telling.RETRY if after.suspended_since is None else Telling.SUSPENDED), 0
        self._note(webhook, webhook.after_success())
        return Telling.TOLD, 0

    def _note(self, before: Webhook, after: Webhook) -> None:
        """Write what has changed. When that fails the message's own outcome stays; the next one notes it."""
        if before == after:
            return
        try:
            self._webhooks.note(before, after)
        except Exception as error:
            logger.warning("how a webhook does cannot be noted", app_key=before.app_key, **describe(error))
