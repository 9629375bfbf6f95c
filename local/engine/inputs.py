"""A resource's properties, read through an accessor that remembers what was read.

What a provisioner never read it cannot have applied: `unread` finds it, however deep, so that no property of the
program is silently ignored on this machine.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from local.engine.errors import ResourceError


class Block:
    """One block of properties, in camelCase as on the wire, with plain Python values."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._entered: list[tuple[str, Block]] = []

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        """The value, all of it counted as read; `default` when the program does not set it."""
        self._read.add(name)
        return self._values.get(name, default)

    def required(self, name: str) -> Any:
        """The value; `ResourceError` when the program does not set it."""
        if name not in self._values:
            raise ResourceError(f"{self._at(name)} is required")
        return self.get(name)

    def pick(self, **renamed: str) -> dict[str, Any]:
        """Of these properties those that are set, under the names given: `pick(kmsKeyId="KmsKeyId")`."""
        return {target: self.get(name) for name, target in renamed.items() if name in self._values}

    def block(self, name: str) -> "Block | None":
        """The nested block, whose own properties are to be read one by one; None when it is not set."""
        return self._enter(name, self._values[name]) if name in self._values else None

    def blocks(self, name: str) -> "list[Block]":
        """The nested blocks of a list, in order."""
        return [self._enter(name, element) for element in self._values.get(name, ())]

    def unread(self) -> Iterator[str]:
        """The path of each property that is set and was not read, list indexes left out: `replicas.kmsKeyArn`."""
        entered = {name for name, _ in self._entered}
        for name in self._values:
            if name not in self._read and name not in entered:
                yield self._at(name)
        for _, block in self._entered:
            yield from block.unread()

    def _enter(self, name: str, values: Mapping[str, Any]) -> "Block":
        block = Block(values, self._at(name))
        self._entered.append((name, block))
        return block

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


class Inputs(Block):
    """All the properties of one resource, with what its URN and its provider add to them."""

    def __init__(self, values: Mapping[str, Any], urn: str = "", default_tags: Mapping[str, str] | None = None) -> None:
        super().__init__(values)
        self._urn = urn
        self._default_tags = default_tags or {}
        self.all_tags: dict[str, str] | None = None
        """The resource's tags with the provider's; None for a type whose provisioner does not ask for tags."""

    def tags(self) -> dict[str, str]:
        """The provider's default tags, the resource's own winning over them."""
        self.all_tags = {**self._default_tags, **self.get("tags", {})}
        return self.all_tags

    def name(self) -> str:
        """`name`, or the generated one."""
        return str(self.get("name", self.generated_name()))

    def generated_name(self) -> str:
        """As the real provider makes one up: the resource's name in the program and 7 hex digits.

        The digits are not random here, so that two checkouts of one program can be compared.
        """
        logical = self._urn.rpartition("::")[2]
        return f"{logical}-{hashlib.sha256(self._urn.encode()).hexdigest()[:7]}"
