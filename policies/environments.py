"""Where an environment keeps to a rule more or less strictly than the rule itself says, and why."""

from dataclasses import dataclass

from policies.rule import Level, Rule


@dataclass(frozen=True)
class Change:
    """The level of a rule in one environment. The reason stands in every report."""

    environment: str
    rule: str
    level: Level
    reason: str

    @property
    def loosens(self) -> bool:
        """Whether a violation stops nothing here."""
        return self.level is Level.ADVISORY


_EVERYWHERE = ("local", "dev", "prod")
_NO_TRACES = (
    "X-Ray is paid for by the trace and off by default (`tracing`): logs and metrics of each delivery have its ids."
)


def _loosened(rule: str, reason: str, *environments: str) -> tuple[Change, ...]:
    return tuple(Change(environment, rule, Level.ADVISORY, reason) for environment in environments)


CHANGES: tuple[Change, ...] = (
    *_loosened("api-tracing", _NO_TRACES, *_EVERYWHERE),
    *_loosened("lambda-tracing", _NO_TRACES, *_EVERYWHERE),
)
"""One for each environment and rule. A loosened rule that nothing violates any more has to leave this list."""


def change_of(rule: Rule, environment: str) -> Change | None:
    """Return what an environment changes about a rule."""
    return next((each for each in CHANGES if (each.environment, each.rule) == (environment, rule.name)), None)


def level_of(rule: Rule, environment: str) -> Level:
    """Return how strictly an environment keeps to a rule."""
    change = change_of(rule, environment)
    return change.level if change else rule.level
