"""What there is to watch in an environment. All of it is known by name before anything is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stacks.compute.functions import FunctionSpec
from stacks.data.tables import TableSpec
from stacks.monitoring.metrics import Expression, queue, rule, total
from stacks.naming import Naming
from stacks.settings import AlarmSettings, Settings


@dataclass(frozen=True)
class Estate:
    """An environment's functions and tables, with its settings: alarms and widgets follow from these by themselves."""

    naming: Naming
    settings: Settings
    functions: Mapping[str, FunctionSpec]
    tables: Sequence[TableSpec]

    @property
    def alarms(self) -> AlarmSettings:
        """The thresholds."""
        return self.settings.alarms

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that are enabled."""
        return tuple(self.settings.channels)

    @property
    def events_on_the_bus(self) -> Expression:
        """The first of the two key metrics. By our own rules: the archive's rule matches everything a second time."""
        return total({_id(each): rule(self.naming, each, "MatchedEvents") for each in self._lanes})

    @property
    def queued_notifications(self) -> Expression:
        """The second of the two key metrics."""
        visible = "ApproximateNumberOfMessagesVisible"
        return total({_id(each): queue(self.naming, each, visible) for each in self._lanes})

    @property
    def _lanes(self) -> tuple[str, ...]:
        """The names of all channels' queues, and of the rules that lead to them."""
        return tuple(lane for each in self.channels for lane in (each, self.naming.urgent(each)))


def _id(queue: str) -> str:
    """Return it as a name that CloudWatch's arithmetic takes."""
    return queue.replace("-", "_")
