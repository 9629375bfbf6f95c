"""What the workers of a channel share about its providers: one item for each channel (`provider_items`).

Powertools has a circuit breaker (aws_lambda_powertools.utilities.circuit_breaker), which is not used here because:
it decides while it makes the call, and the attempt is to be in the log, with the provider's name, before it is made;
a claim that is refused as a duplicate would count there as a success, and close the circuit; it counts failures in each
environment apart, so each of ten would ask a dead provider five times; it knows no `Retry-After`; and it reads
one item for each circuit, while this one read brings the switches too. Its election of the prober is the same as here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, plain, typed
from handlers.adapters.aws.limit_items import changed_of
from handlers.adapters.aws.provider_items import circuit_of, item_id, stored_circuit, switches_of
from handlers.domain.channels import Channel
from handlers.domain.notifications.limits import Limit
from handlers.domain.providers.routing import CLOSED, Circuit, Event, Phase, Signal, Switches, moved
from handlers.domain.times import rfc3339
from handlers.observability import Metric, count, describe, logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_AGE_SECONDS: Final = 5
"""How old what is known may be: a switch is in effect everywhere within this, and the time of one read."""

_WRITES: Final = 5
"""How often a signal is written anew when others were quicker. It is given up then: they have told the same."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The item, as last seen. `circuits` is as it is stored, since a write names what it expects to find."""

    switches: Switches = field(default_factory=Switches)
    circuits: Mapping[str, Any] | None = None
    changed_limits: Mapping[str, Limit | None] = field(default_factory=dict)

    def circuit(self, provider: str) -> Circuit:
        stored = (self.circuits or {}).get(provider)
        return CLOSED if stored is None else circuit_of(stored)


class DynamoProviderState:
    """Calls `dynamodb:GetItem` every five seconds while there is something to send, and `dynamodb:UpdateItem` when a
    circuit moves: never while all is well.
    """

    def __init__(self, table: str, channel: Channel, client: "DynamoDBClient") -> None:
        self._table = table
        self._channel = channel
        self._key = typed({"id": item_id(channel)})
        self._client = client
        self._lock = Lock()
        self._moving = Lock()
        self._known = _Known()
        self._stale_at = 0.0

    def switches(self) -> Switches:
        """Return which providers are off, and in which order they are asked, as of five seconds ago at most."""
        return self._current().switches

    def changed_limits(self) -> Mapping[str, Limit | None]:
        """Return what the operator has changed of recipients' limits, as of five seconds ago at most."""
        return self._current().changed_limits

    def circuit(self, provider: str) -> Circuit:
        """Return a provider's circuit, as of five seconds ago at most."""
        return self._current().circuit(provider)

    def signal(self, provider: str, signal: Signal, now: datetime) -> bool:
        """Move a provider's circuit; say whether it moved. Of many who signal PROBE at once exactly one moves it."""
        before = self.circuit(provider)
        if moved(before, signal, now) == before:
            return False
        try:
            # A batch's ten messages signal at once: one of them writes, and the others see that it is written.
            with self._moving:
                return self._move(provider, signal, now)
        except (BotoCoreError, ClientError) as error:
            logger.warning("a circuit cannot be written", provider=provider, **describe(error))
            return False

    def _move(self, provider: str, signal: Signal, now: datetime) -> bool:
        known = self._current()
        for _ in range(_WRITES):
            before = known.circuit(provider)
            after = moved(before, signal, now)
            if after == before:
                return False
            closed_at = now if _closes(before, after) else None
            known, written = self._replace(known, provider, after, closed_at)
            if written:
                if after.probe_at is not None and signal.event is not Event.PROBE:
                    count(Metric.CIRCUIT_OPEN, channel=self._channel)
                _tell(provider, before, after, now)
                return True
        return False

    def _current(self) -> _Known:
        """Return what is known, read again when it is stale: by one thread, for all of them."""
        with self._lock:
            if monotonic() >= self._stale_at:
                # Also after a failure: a table that does not answer is not asked for every message.
                self._known = self._read()
                self._stale_at = monotonic() + MAX_AGE_SECONDS
            return self._known

    def _read(self) -> _Known:
        try:
            answer = self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            logger.warning("the state of the providers cannot be read", **describe(error))
            return self._known
        return _known(answer.get("Item", {}))

    def _replace(
        self, known: _Known, provider: str, circuit: Circuit, closed_at: datetime | None
    ) -> tuple[_Known, bool]:
        """Write a circuit if all of them are still as known; return what is known then, and whether it was written.

        With `closed_at` the sweeper is told, in the same write.
        """
        others = {name: each for name, each in (known.circuits or {}).items() if name != provider}
        circuits = others if circuit == CLOSED else others | {provider: stored_circuit(circuit)}
        expected = "attribute_not_exists(circuits)" if known.circuits is None else "circuits = :seen"
        seen = {} if known.circuits is None else {":seen": known.circuits}
        closing = {":closed": rfc3339(closed_at)} if closed_at else {}
        answer = attempt_write(
            self._client.update_item,
            TableName=self._table,
            Key=self._key,
            UpdateExpression="SET circuits = :circuits" + (", closed_at = :closed" if closed_at else ""),
            ConditionExpression=expected,
            ExpressionAttributeValues=typed({":circuits": circuits, **seen, **closing}),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        if answer is None:
            return known, False
        if isinstance(answer, Unmet):
            return self._learn(answer.item or {}), False
        return self._learn(answer["Attributes"]), True

    def _learn(self, item: Item) -> _Known:
        """Keep what a write has shown, which is newer than any read before it."""
        with self._lock:
            self._known = _known(item)
            self._stale_at = monotonic() + MAX_AGE_SECONDS
            return self._known


def _closes(before: Circuit, after: Circuit) -> bool:
    return before.probe_at is not None and after.probe_at is None


def _known(item: Item) -> _Known:
    values = plain(item)
    return _Known(switches_of(values), values.get("circuits"), changed_of(values))


def _tell(provider: str, before: Circuit, after: Circuit, now: datetime) -> None:
    """Log what an operator wants to know: that a provider is no longer asked, and that it is again."""
    opened, closed = after.probe_at is not None, _closes(before, after)
    if before.phase(now) is Phase.CLOSED and opened:
        logger.warning("circuit opened", provider=provider, failures=after.failures)
    elif closed:
        logger.warning("circuit closed", provider=provider, opened_at=before.opened_at)
