"""What a rule is: one function, and the facts that a reviewer asks for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policies.values import Value


class Level(StrEnum):
    """What a violation does: `mandatory` stops the deployment, `advisory` is shown and lets it go on."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"


@dataclass(frozen=True)
class Resource:
    """A resource as rules see it: its inputs before it is made; its outputs in a rule about the whole stack.

    `depends` maps a property to the URNs of the resources that its value comes from, which a preview knows even where
    it does not know the value. It is empty in a rule about one resource.
    """

    type: str
    urn: str
    properties: dict[str, Value]
    depends: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Finding:
    """A violation by one resource: what is wrong, and where in it."""

    urn: str
    message: str


ResourceCheck = Callable[[Resource], Iterator[str]]
StackCheck = Callable[[Sequence[Resource]], Iterator[Finding]]


@dataclass(frozen=True)
class Reference:
    """The page of AWS, or the control of a standard, that a rule follows."""

    title: str
    url: str


@dataclass(frozen=True)
class Rule:
    """The facts of a rule, all of which the catalogue shows."""

    name: str
    summary: str
    """What must hold, in one sentence."""
    unknowns: str
    """What the rule does about values that a preview cannot know, in one sentence."""
    why: str
    fix: str
    level: Level
    reference: Reference

    @property
    def description(self) -> str:
        """What Pulumi shows with each violation."""
        return f"{self.summary} {self.unknowns}"


@dataclass(frozen=True)
class ResourceRule(Rule):
    """A rule about one resource at a time; `check` yields a message for each thing that is wrong."""

    check: ResourceCheck


@dataclass(frozen=True)
class StackRule(Rule):
    """A rule that needs all the resources of a stack."""

    check: StackCheck


UNKNOWN_UNTIL_THE_UPDATE = (
    "What a preview does not know is checked during the update, before AWS is asked for the resource."
)
