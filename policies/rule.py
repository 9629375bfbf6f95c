"""What a rule is: one function, and the facts that a reviewer asks for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from policies.values import Value, is_unknown_inside


class Level(StrEnum):
    """What a violation does: `mandatory` stops the deployment, `advisory` is shown and lets it go on."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"


class Severity(StrEnum):
    """How bad a violation is, in the words of Security Hub."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


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

    @property
    def stack(self) -> str:
        """The environment: `urn:pulumi:<stack>::<project>::…`."""
        return self.urn.split("::")[0].rpartition(":")[2]

    @cached_property
    def has_unknowns(self) -> bool:
        """Whether a preview does not know all of its properties."""
        return is_unknown_inside(self.properties)


class LazyResource(Resource):
    """A resource whose properties are read when a rule asks for them: most rules look at its type and no further."""

    def __init__(
        self,
        type_: str,
        urn: str,
        read: Callable[[], dict[str, Value]],
        depends: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """`read` returns the properties, and is called once at most."""
        vars(self).update(type=type_, urn=urn, depends=depends, _read=read)

    @cached_property
    def properties(self) -> dict[str, Value]:
        """What was read."""
        made: dict[str, Value] = vars(self)["_read"]()
        return made


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


def aws(title: str, page: str) -> Reference:
    """Return a page of AWS's documentation."""
    return Reference(title, f"https://docs.aws.amazon.com/{page}")


def security_hub(control: str) -> Reference:
    """Return a control of AWS Foundational Security Best Practices, by its id: `SQS.1`."""
    service, number = control.lower().split(".")
    page = f"https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{service}-{number}"
    return Reference(f"Security Hub {control}", page)


UNKNOWN_UNTIL_THE_UPDATE = (
    "What a preview does not know is checked during the update, before AWS is asked for the resource."
)
UNKNOWN_WITHIN_THE_STACK = (
    "What a preview does not know gets the benefit of the doubt; the update checks again, by the values themselves."
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The facts of a rule, all of which the catalogue shows."""

    name: str
    summary: str
    """What must hold, in one sentence."""
    severity: Severity
    why: str
    fix: str
    reference: Reference
    level: Level = Level.MANDATORY
    unknowns: str = UNKNOWN_UNTIL_THE_UPDATE
    """What the rule does about values that a preview cannot know, in one sentence."""

    @property
    def description(self) -> str:
        """What Pulumi shows with each violation."""
        return f"{self.summary} {self.unknowns}"


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """A rule about one resource at a time; `check` yields a message for each thing that is wrong."""

    check: ResourceCheck


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """A rule that needs all the resources of a stack."""

    check: StackCheck
    unknowns: str = UNKNOWN_WITHIN_THE_STACK
