"""What the workers tell the sweeper of the channels, and the alerts that follow: the items of `provider_items`.

They are read once a minute, all of them in one call.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Unmet, plain, read, typed, write
from handlers.adapters.aws.provider_items import (
    alert_attribute,
    alerts_of,
    circuits_of,
    closed_at_of,
    item_id,
    stored_alert,
    switches_of,
    tally_of,
)
from handlers.domain.alerts import COUNTED, Alert, Cause, Trouble, Watched, counted, outage
from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.providers.registry import of_channel
from handlers.domain.providers.routing import recovery
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CHANNELS: Final[Mapping[str, Channel]] = {item_id(channel): channel for channel in CHANNELS}


class DynamoRecoveries:
    """Calls `dynamodb:BatchGetItem`, and `dynamodb:UpdateItem` when what a circuit has closed for is done, and when an
    alert moves.
    """

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def look(self, now: datetime) -> Mapping[Channel, Watched]:
        """Return what there is to know of each channel, as last written."""
        found = read(self._client, {self._table: [typed({"id": each}) for each in _CHANNELS]})[self._table]
        return {_CHANNELS[values["id"]]: _watched(values, now) for values in map(plain, found)}

    def over(self, channel: Channel, since: datetime) -> None:
        """Remove the mark of the circuit that closed then; that of a later one stays."""
        write(
            self._client.update_item,
            TableName=self._table,
            Key=typed({"id": item_id(channel)}),
            UpdateExpression="REMOVE closed_at",
            ConditionExpression="closed_at = :seen",
            ExpressionAttributeValues=typed({":seen": rfc3339(since)}),
        )

    def move(self, channel: Channel, cause: Cause, seen: Alert | None, alert: Alert | None) -> bool:
        """Write an alert if it is still as it was seen; return False, having written nothing, when it is not."""
        condition = "attribute_not_exists(#alert)" if seen is None else "#alert = :seen"
        values = {
            **({} if seen is None else {":seen": stored_alert(seen)}),
            **({} if alert is None else {":alert": stored_alert(alert)}),
        }
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=typed({"id": item_id(channel)}),
            UpdateExpression="REMOVE #alert" if alert is None else "SET #alert = :alert",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#alert": alert_attribute(cause)},
            **({"ExpressionAttributeValues": typed(values)} if values else {}),
        )
        return not isinstance(answer, Unmet)


def _watched(values: Mapping[str, Any], now: datetime) -> Watched:
    circuits, switches, channel = circuits_of(values), switches_of(values), _CHANNELS[values["id"]]
    seen: dict[Cause, Trouble | None] = {
        Cause.OUTAGE: outage([each.name for each in of_channel(channel)], switches, circuits, now),
        **{cause: counted(tally_of(values, cause), now) for cause in COUNTED},
    }
    return Watched(
        recovery(circuits, switches.off, closed_at_of(values), now),
        {cause: trouble for cause, trouble in seen.items() if trouble is not None},
        alerts_of(values),
    )
