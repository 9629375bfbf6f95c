"""What a rule could not decide: the values that it looked at and that a preview does not know.

A rule reads plain maps and lists. Here they are handed to it as maps and lists that remember which of their values were
read and not known, so no rule has to say so itself, and none can forget to.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policies.rule import Finding, LazyResource, Resource, ResourceRule, Rule, StackRule
from policies.values import UNKNOWN, Value


@dataclass(frozen=True)
class Undecided:
    """A value of a resource that a rule needed and that is not known yet; the rule runs again when it is."""

    urn: str
    path: str


@dataclass(frozen=True)
class Judgement:
    """What a rule said: what is wrong, and what it could not decide."""

    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]

    @property
    def reason(self) -> str:
        """What could not be decided, in words for whoever reads a preview; empty if everything was."""
        if not self.undecided:
            return ""
        places = ", ".join(dict.fromkeys(f"{each.path} of {each.urn.rpartition('::')[2]}" for each in self.undecided))
        return f"not decided yet, for want of {places}; the update checks it"


def judge(rule: ResourceRule | StackRule | Rule, resources: Sequence[Resource]) -> Judgement:
    """Run a rule. What it holds against a resource is decided, whatever else it did not know of it."""
    met: dict[Undecided, None] = {}
    watched = [_watched(each, met) for each in resources]
    findings = tuple(_findings(rule, watched))
    decided = {finding.urn for finding in findings}
    return Judgement(findings, tuple(each for each in met if each.urn not in decided))


def _findings(rule: Rule, resources: Sequence[Resource]) -> Iterator[Finding]:
    if isinstance(rule, ResourceRule):
        for resource in resources:
            yield from (Finding(resource.urn, message) for message in rule.check(resource))
    elif isinstance(rule, StackRule):
        yield from rule.check(resources)


def _watched(resource: Resource, met: dict[Undecided, None]) -> Resource:
    def read() -> dict[str, Value]:
        return _Map(resource.properties, _Reader(resource.urn, met)) if resource.has_unknowns else resource.properties

    return LazyResource(resource.type, resource.urn, read, resource.depends)


@dataclass(frozen=True, slots=True)
class _Reader:
    urn: str
    met: dict[Undecided, None]
    path: str = ""

    def inside(self, key: object) -> "_Reader":
        return _Reader(self.urn, self.met, f"{self.path}.{key}" if self.path else str(key))

    def read(self, key: object, value: Value) -> Value:
        if value is UNKNOWN:
            self.met[Undecided(self.urn, self.inside(key).path)] = None
        return value


def _watch(value: Any, reader: _Reader) -> Any:
    if isinstance(value, dict):
        return _Map(value, reader)
    return _List(value, reader) if isinstance(value, list) else value


class _Map(dict[str, Value]):
    """A map that remembers which of its values were read and not known."""

    def __init__(self, value: dict[str, Value], reader: _Reader) -> None:
        super().__init__({key: _watch(inside, reader.inside(key)) for key, inside in value.items()})
        self._reader = reader

    def __getitem__(self, key: str) -> Value:
        return self._reader.read(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return self._reader.read(key, super().get(key, default))

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def values(self) -> Any:
        return [self[key] for key in self]


class _List(list[Value]):
    """A list that remembers which of its items were read and not known."""

    def __init__(self, value: Iterable[Value], reader: _Reader) -> None:
        super().__init__(_watch(inside, reader.inside(number)) for number, inside in enumerate(value))
        self._reader = reader

    def __iter__(self) -> Iterator[Value]:
        for number, value in enumerate(super().__iter__()):
            yield self._reader.read(number, value)

    def __contains__(self, wanted: object) -> bool:
        return any(value == wanted for value in self)

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        return self._reader.read(index, super().__getitem__(index))
