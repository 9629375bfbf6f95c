"""What wakes the sweeper at a time: Amazon EventBridge Scheduler.

A schedule's time is one of whole seconds, and it invokes its target within the minute that follows
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html). Its input is encrypted under a key of
AWS's own (https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html): it holds ids alone, and with a
key of ours the role that invokes the sweeper would have to decrypt as well.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.schedules import MAX_EVENTS, Scheduled
from handlers.observability import describe, logger

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import RetryPolicyTypeDef

_RETRIES: Final["RetryPolicyTypeDef"] = {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 300}
"""Of the invocation, when Lambda does not take it (https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html;
by default 185 times in a day). What comes five minutes late finds its deliveries published by the minute's sweep. For
the same reason there is no dead-letter queue: it would hold only what is in the log already, and done.
"""

_TO_THE_NEXT_SECOND: Final = timedelta(microseconds=999_999)


class EventBridgeSchedules:
    """Calls `scheduler:CreateSchedule`, for which its caller must be let pass the role (`iam:PassRole`).

    `target` is the ARN of what is invoked, the sweeper's alias; `role` that of the role as which the service does so.
    """

    def __init__(
        self,
        group: str,
        target: str,
        role: str,
        client: "EventBridgeSchedulerClient",
        clock: Callable[[], datetime],
    ) -> None:
        self._group = group
        self._target = target
        self._role = role
        self._client = client
        self._clock = clock
        self._calls = SideBySide()

    def schedule(
        self, notification_id: str, events: Sequence[DeliveryRequested], send_at: datetime, until: datetime
    ) -> int:
        """Have the events published at `send_at`, and return how many of them have no schedule. Never raises.

        One schedule for each `MAX_EVENTS`, called `<notification_id>-<number>`, which deletes itself once it has
        invoked the sweeper. They are made side by side; none is begun after `until`. A service that refuses one, or
        cannot be reached, has been tried by botocore as often as makes sense; it is not asked for the rest.
        """
        down = Event()
        batches = [tuple(events[first : first + MAX_EVENTS]) for first in range(0, len(events), MAX_EVENTS)]

        def make(number: int) -> int:
            """Return for how many events no schedule was made."""
            batch = batches[number]
            if down.is_set() or self._clock() >= until:
                return len(batch)
            try:
                self._make(f"{notification_id}-{number}", Scheduled(due_at=send_at, events=batch))
            except (ClientError, BotoCoreError) as error:
                down.set()
                logger.warning("schedule not made", events=len(batch), **describe(error))
                return len(batch)
            return 0

        return sum(self._calls.map(make, range(len(batches))))

    def _make(self, name: str, scheduled: Scheduled) -> None:
        """Make the schedule, unless it is there already, since an earlier request with the same key has made it.

        https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
        """
        try:
            self._client.create_schedule(
                GroupName=self._group,
                Name=name,
                ScheduleExpression=_at(scheduled.due_at),
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._target,
                    "RoleArn": self._role,
                    "Input": scheduled.model_dump_json(exclude_none=True),
                    "RetryPolicy": _RETRIES,
                },
            )
        except self._client.exceptions.ConflictException:
            return


def _at(time: datetime) -> str:
    """Return the expression of a time that is never before this one: `at(2030-01-31T12:00:00)`, in UTC."""
    return f"at({time.astimezone(UTC) + _TO_THE_NEXT_SECOND:%Y-%m-%dT%H:%M:%S})"
