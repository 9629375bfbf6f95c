"""A channel's providers at run time: which are off, in which order they are asked, and how they are.

It is one item in the table of limits, which every worker of the channel reads at most every five seconds
(`handlers.adapters.aws.provider_items`): what is set here is in effect within ten, without a deployment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from handlers.adapters.aws.dynamo import plain, typed
from handlers.adapters.aws.provider_items import circuits_of, item_id, switches_of
from handlers.domain.channels import Channel
from handlers.domain.providers.routing import CLOSED, Circuit, Phase, candidates
from handlers.domain.times import rfc3339
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ProviderChangeError(OperatorError):
    """A provider cannot be switched or ordered; the message says what can."""


@dataclass(frozen=True)
class ProviderStatus:
    """A provider as the operator sees it. `place` is when it is asked, from 1; None when it is off."""

    name: str
    place: int | None
    circuit: Circuit

    def health(self, now: datetime) -> str:
        """Return the circuit's state in words: `closed`, `open until …, 7 failures`."""
        failed = f"{self.circuit.failures} failures in a row"
        match self.circuit.phase(now):
            case Phase.OPEN:
                return f"open until {self.circuit.probe_at:%H:%M:%S} UTC, {failed}"
            case Phase.HALF_OPEN:
                return f"half-open: the next message tries it, {failed}"
        return f"closed, {failed}" if self.circuit.failures else "closed"


@dataclass(frozen=True)
class _Registered:
    name: str
    platforms: None = None


class Providers:
    """The providers of one channel of one environment; `registered` are their names in the order of the registry."""

    def __init__(self, client: "DynamoDBClient", table: str, registered: Sequence[str], channel: Channel) -> None:
        self._client = client
        self._table = table
        self._registered = tuple(registered)
        self._channel = channel

    def statuses(self) -> tuple[ProviderStatus, ...]:
        """Return the providers in the order in which they are asked, those that are off last."""
        answer = self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        values = plain(answer.get("Item", {}))
        circuits = circuits_of(values)
        asked = [each.name for each in candidates(map(_Registered, self._registered), switches_of(values), None)]
        off = [name for name in self._registered if name not in asked]
        return tuple(
            ProviderStatus(name, asked.index(name) + 1 if name in asked else None, circuits.get(name, CLOSED))
            for name in (*asked, *off)
        )

    def turn_on(self, provider: str) -> None:
        """Let a provider be asked again. Raises `ProviderChangeError`."""
        self._check(provider)
        self._update(
            "DELETE off :provider SET closed_at = :now",  # what waits in the log for the channel is due at once
            {":provider": {provider}, ":now": rfc3339(datetime.now(UTC))},
        )

    def turn_off(self, provider: str) -> None:
        """Let a provider not be asked any more; messages wait when it was the last. Raises `ProviderChangeError`."""
        self._check(provider)
        self._update("ADD off :provider", {":provider": {provider}})

    def reorder(self, names: Sequence[str]) -> None:
        """Ask these providers first, in this order, and then all others. Raises `ProviderChangeError`."""
        self._check(*names)
        self._update("SET #order = :order", {":order": list(dict.fromkeys(names))}, {"#order": "order"})

    @property
    def _key(self) -> dict[str, Any]:
        return typed({"id": item_id(self._channel)})

    def _check(self, *names: str) -> None:
        unknown = [name for name in names if name not in self._registered]
        if unknown:
            known = ", ".join(self._registered) or "none"
            raise ProviderChangeError(f"{self._channel} has no provider {', '.join(unknown)}; it has {known}")

    def _update(self, update: str, values: dict[str, Any], names: dict[str, str] | None = None) -> None:
        arguments: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        self._client.update_item(
            TableName=self._table,
            Key=self._key,
            UpdateExpression=update,
            ExpressionAttributeValues=typed(values),
            **arguments,
        )
