"""Resources as rules see them, for tests."""

from collections.abc import Mapping, Sequence

from policies.rule import Resource
from policies.values import Value


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::carillon::{type_}::{name}"


def resource(
    type_: str, properties: dict[str, Value], name: str = "it", depends: Mapping[str, Sequence[str]] | None = None
) -> Resource:
    return Resource(type_, urn(type_, name), properties, depends or {})
