"""How often apps may call: each call of an app that has a rate is one conditional write, and no read.

    {"id": "app#billing", "taken": 1896091200000000, "expiration": 1896177612}

`taken` is until when the rate is taken, in microseconds since 1970: the generic cell rate algorithm, as for recipients
(`handlers.adapters.aws.limits`), but what is over the rate is refused and takes nothing. What the last write has shown
is remembered. As `taken` only grows, who is over the rate by what is remembered is refused without a call: an app that
does not stop costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.taken_time import take
from handlers.domain.callers import Rate
from handlers.observability import describe, logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES: Final = 4
_KEPT: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DynamoAppRates:
    """Calls `dynamodb:UpdateItem`. `client` returns the client: it is asked for the first time that one is needed."""

    table: str
    client: "Callable[[], DynamoDBClient]"
    _known: dict[str, int] = field(default_factory=dict)

    def wait(self, app_key: str, rate: Rate, now: datetime) -> timedelta | None:
        """Count a call of an app; or return in how long it may call again, and count nothing.

        Never raises. When the table is not reached, or others are always quicker, the call is let in.
        """
        try:
            return self._wait(app_key, rate, (now - _EPOCH) // _MICROSECOND)
        except (BotoCoreError, ClientError) as error:
            logger.warning("an app cannot be held to its rate", app_key=app_key, **describe(error))
            return None

    def _wait(self, app_key: str, rate: Rate, at: int) -> timedelta | None:
        for _ in range(_TRIES):
            taken = self._known.get(app_key, 0)
            over = taken - rate.tolerance - at
            if over > 0:
                return over * _MICROSECOND
            if self._take(app_key, rate, at, taken):
                return None
        return None

    def _take(self, app_key: str, rate: Rate, at: int, known: int) -> bool:
        """Say whether a call could be counted; what is taken is known then, either way."""
        latest = at + rate.tolerance
        answer = take(
            self.client(),
            self.table,
            f"app#{app_key}",
            known=known,
            now=at,
            length=rate.interval,
            latest=latest,
            expiration=latest // 1_000_000 + int(_KEPT.total_seconds()),
        )
        if answer is None:
            return False
        self._known[app_key], taken = answer
        return taken
