"""How many messages a recipient gets on a channel, at run time.

What is configured is in `Pulumi.<environment>.yaml`, and is read here of the worker that has it. What is set here is
beside the switches of the channel's providers (`handlers.adapters.aws.limit_items`), which every worker reads at most
every five seconds: it is in effect within ten, without a deployment.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from handlers.adapters.aws.dynamo import plain, typed
from handlers.adapters.aws.limit_items import changed_attribute, changed_of, stored_change
from handlers.adapters.aws.provider_items import item_id
from handlers.domain.channels import Channel
from handlers.domain.notifications.limits import ALL, Limit
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient

_CONFIGURED: Final = TypeAdapter(dict[str, dict[str, Limit]])
_DURATION: Final = TypeAdapter(timedelta)


class LimitChangeError(OperatorError):
    """A limit cannot be changed or read; the message says what to do."""


class Untouched:
    """What the operator says of a limit that is to be as it is configured."""


Change = Limit | None | type[Untouched]
"""None for no limit."""


@dataclass(frozen=True)
class LimitStatus:
    """A limit as the operator sees it. `name` is a category, or `*` for all that is sent on the channel."""

    name: str
    configured: Limit | None
    changed: Change

    @property
    def in_effect(self) -> Limit | None:
        """What workers go by."""
        return self.configured if isinstance(self.changed, type) else self.changed


class Limits:
    """The limits of one channel of one environment."""

    def __init__(
        self, dynamodb: "DynamoDBClient", functions: "LambdaClient", environment: str, channel: Channel
    ) -> None:
        self._dynamodb = dynamodb
        self._functions = functions
        self._table = f"carillon-{environment}-limits"
        self._worker = f"carillon-{environment}-worker-{channel}"
        self._channel = channel
        self._key = typed({"id": item_id(channel)})

    def all(self) -> tuple[LimitStatus, ...]:
        """Return the channel's own limit, and those of the categories that have any, by name."""
        found = self._functions.get_function_configuration(FunctionName=self._worker, Qualifier="live")
        told = found.get("Environment", {}).get("Variables", {}).get("CARILLON_RECIPIENT_LIMITS", "{}")
        configured = _CONFIGURED.validate_python(json.loads(told)).get(self._channel, {})
        item = self._dynamodb.get_item(TableName=self._table, Key=self._key, ConsistentRead=True).get("Item", {})
        changed = changed_of(plain(item))
        names = sorted({ALL, *configured, *changed})
        return tuple(LimitStatus(name, configured.get(name), changed.get(name, Untouched)) for name in names)

    def change(self, name: str, change: Change) -> None:
        """Let a limit be another one, none, or as it is configured."""
        update: dict[str, Any] = (
            {"UpdateExpression": "REMOVE #name"}
            if isinstance(change, type)
            else {
                "UpdateExpression": "SET #name = :limit",
                "ExpressionAttributeValues": typed({":limit": stored_change(change)}),
            }
        )
        names = {"#name": changed_attribute(name)}
        self._dynamodb.update_item(TableName=self._table, Key=self._key, ExpressionAttributeNames=names, **update)


def asked_change(burst: int | None, per: str | None, *, unlimited: bool, as_configured: bool) -> Change:
    """Return the change that the options ask for. Raises `LimitChangeError`."""
    numbers = burst is not None and per is not None
    if numbers + unlimited + as_configured != 1 or (burst is None) != (per is None):
        raise LimitChangeError("say either --burst and --per, or --unlimited, or --as-configured")
    if burst is None or per is None:
        return None if unlimited else Untouched
    try:
        lasting = _DURATION.validate_python(per)
    except ValidationError as error:
        raise LimitChangeError("--per must be an ISO 8601 duration: PT1M, PT1H, P1D") from error
    if burst < 1 or lasting < timedelta(seconds=1):
        raise LimitChangeError("--burst must be at least 1, and --per a second")
    return Limit(burst, lasting)


def in_words(limit: Change) -> str:
    """Return a limit as an operator reads it: `5 per PT1M`."""
    if isinstance(limit, type):
        return "-"
    return f"{limit.burst} per {_DURATION.dump_python(limit.per, mode='json')}" if limit else "unlimited"
