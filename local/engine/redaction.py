"""Keeps secrets out of everything that is shown."""

import threading
from collections.abc import Iterable

_SHORTEST = 3
"""Shorter values would blank out ordinary words; the Pulumi CLI draws a line as well."""


class Redactor:
    """Replaces each secret it knows, wherever it stands in a text."""

    def __init__(self) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def learn(self, values: Iterable[object]) -> None:
        """Never let these be shown; structures are taken apart."""
        found = {text for value in values for text in _texts(value) if len(text) >= _SHORTEST}
        with self._lock:
            self._secrets |= found

    def clean(self, text: str) -> str:
        """The text with `[secret]` in place of every secret."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from _texts(element)
    elif isinstance(value, str):
        yield value
        yield from (line for line in value.splitlines() if line != value)
