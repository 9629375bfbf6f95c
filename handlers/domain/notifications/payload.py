"""What a notification says, written once, however many deliveries it has: each status written later costs no more.

Packed it is JSON, compressed by raw DEFLATE (RFC 1951): DynamoDB bills each write of an item by its size, by the KB.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from handlers.domain.content.rendering import Content
from handlers.domain.content.values import read_json, write_json

SMALL: Final = 158
SMALL_WITH_CONTENT: Final = 240
"""Bytes, packed: of data for a template, which the delivery has to name, and of content and data. With no more, a
delivery stays within 1 KB until it is sent, when its ids and address are of ordinary length
(tests/emulator/adapters/test_what_a_delivery_costs.py): each write of it is one write unit.
"""

_RAW: Final = -zlib.MAX_WBITS


@dataclass(frozen=True)
class Payload:
    """The request's own content, None when a template is sent, and the data that either is rendered with."""

    content: Content | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def packed(self) -> bytes:
        """Return it as it is stored; every number as its producer wrote it."""
        parts: dict[str, Any] = {"data": self.data} if self.data else {}
        if self.content is not None:
            parts["content"] = self.content.model_dump(mode="json")
        return zlib.compress(write_json(parts).encode(), wbits=_RAW)

    @property
    def is_small(self) -> bool:
        """Say whether a delivery may carry it along through all its writes."""
        return len(self.packed) <= (SMALL if self.content is None else SMALL_WITH_CONTENT)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Payload":
        """Return what is stored so; raise a ValueError or `zlib.error` for anything else."""
        parts = read_json(zlib.decompress(packed, wbits=_RAW).decode())
        content = parts.get("content")
        return cls(None if content is None else Content.model_validate(content), parts.get("data", {}))
