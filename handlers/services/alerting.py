"""Telling the developers responsible, over ports alone; `handlers.domain.alerts` has the rules."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.domain.alerts import Alert, Cause, Rules, Trouble, Watched, notice, step
from handlers.domain.channels import Channel
from handlers.ports import Alerts, DueIndex, Recoveries


@dataclass(frozen=True, slots=True)
class Alerter:
    """Moves a channel's alerts, and tells of those that have moved. `clock` returns the aware time."""

    environment: str
    rules: Rules
    store: Recoveries
    topic: Alerts
    index: DueIndex
    clock: Callable[[], datetime]

    def see(self, channel: Channel, watched: Watched) -> tuple[Exception, ...]:
        """Look at each cause, and return what went wrong: none of them keeps another from being told."""
        errors = []
        for cause in Cause:
            try:
                self._see(channel, cause, watched.alerts.get(cause), watched.troubles.get(cause))
            except Exception as error:
                errors.append(error)
        return tuple(errors)

    def _see(self, channel: Channel, cause: Cause, seen: Alert | None, trouble: Trouble | None) -> None:
        alert = step(cause, seen, trouble, self.clock(), self.rules)
        if alert == seen:
            return
        if alert is not None and alert.untold and cause is Cause.OUTAGE:
            alert = replace(alert, total=self.index.unsent(channel, self.clock()))
        if not self.store.move(channel, cause, seen, alert):
            return  # another sweeper was quicker, and tells
        if alert is not None and alert.untold:
            self.topic.tell(notice(self.environment, channel, cause, alert, self.rules))
            self.store.move(channel, cause, alert, replace(alert, untold=False))
