"""Reading the file of an audience: one recipient a line, each line by itself, so that a bad one stops nothing.

A file is read in pieces, each from the byte at which the last one ended: what is held does not grow with the file.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from handlers.domain.broadcasts.requests import Format
from handlers.domain.model import Model
from handlers.domain.notifications.requests import Recipient
from handlers.domain.problems import refusal_in_words

COLUMNS: Final = tuple(Recipient.model_fields)
LONGEST_LINE: Final = 64 * 1024
"""Bytes of one piece, and so of a line: a recipient takes some 400 at most."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Rejection(Model):
    """A line that is no recipient: its number, from 1, and why. It never repeats what the line says."""

    line: int
    message: str


class NoHeaderError(ValueError):
    """The first line of a CSV file does not name its columns. The message says what was expected."""


class AudienceGoneError(Exception):
    """The file that a broadcast was started with is erased."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file the next page begins: at this byte, after so many lines; `columns` are those of a CSV file.

    `skipping` is in the middle of a line that is too long.
    """

    offset: int = 0
    line: int = 0
    columns: tuple[str, ...] = ()
    skipping: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some of an audience, and where the next page begins; the last one is done."""

    recipients: Sequence[Recipient]
    rejections: Sequence[Rejection]
    place: Place
    done: bool


def read_page(piece: bytes, place: Place, written: Format, *, is_last: bool, most: int) -> Page:
    """Return the page that a piece of a file begins with: its whole lines, at most so many recipients and rejections.

    `is_last` says that the file ends with it. Raises `NoHeaderError`.
    """
    reader = _Reader(place, written)
    start = 0
    while start < len(piece) and len(reader.recipients) + len(reader.rejections) < most:
        end = piece.find(b"\n", start)
        if end < 0 and not is_last:
            if start == 0:  # a line as long as this has no end in this piece
                reader.skip_on()
                start = len(piece)
            break
        stop = len(piece) if end < 0 else end
        reader.take(piece[start:stop])
        start = len(piece) if end < 0 else end + 1
    offset = place.offset + start
    end_place = Place(offset, reader.line, reader.columns, reader.skipping)
    return Page(reader.recipients, reader.rejections, end_place, is_last and start >= len(piece))


class _Reader:
    def __init__(self, place: Place, written: Format) -> None:
        self.line, self.columns, self.skipping = place.line, place.columns, place.skipping
        self.recipients: list[Recipient] = []
        self.rejections: list[Rejection] = []
        self._written = written

    def skip_on(self) -> None:
        """Leave out a line that goes on after this piece; it is rejected once."""
        if not self.skipping:
            self.line += 1
            self._reject(f"is over {LONGEST_LINE // 1024} KB")
        self.skipping = True

    def take(self, raw: bytes) -> None:
        """Read a line, or the end of one that is left out."""
        if self.skipping:
            self.skipping = False
            return
        self.line += 1
        if self.line == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            text = raw.decode().strip()
        except UnicodeDecodeError:
            self._refuse_text()
            return
        if self._written is Format.CSV and self.line == 1:
            self.columns = _columns(text)
        elif text:
            self._read(text)

    def _refuse_text(self) -> None:
        if self._written is Format.CSV and self.line == 1:
            raise _no_header()
        self._reject("must be UTF-8")

    def _read(self, text: str) -> None:
        try:
            fields = self._of_csv(text) if self._written is Format.CSV else _of_json(text)
            self.recipients.append(Recipient.model_validate(fields))
        except ValidationError as error:
            self._reject(_in_words(error))
        except ValueError as error:
            self._reject(str(error))

    def _of_csv(self, text: str) -> Mapping[str, Any]:
        values = _cells(text)
        if len(values) != len(self.columns):
            raise ValueError(f"must have {len(self.columns)} columns")
        return {name: value for name, value in zip(self.columns, values, strict=True) if value}

    def _reject(self, message: str) -> None:
        self.rejections.append(Rejection(line=self.line, message=message))


def _cells(text: str) -> list[str]:
    try:
        [row] = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise ValueError("must be one line of CSV") from None
    return [cell.strip() for cell in row]


def _columns(text: str) -> tuple[str, ...]:
    try:
        names = tuple(_cells(text))
    except ValueError:
        raise _no_header() from None
    if not names or len(set(names)) < len(names) or not set(names) <= set(COLUMNS):
        raise _no_header()
    return names


def _no_header() -> NoHeaderError:
    return NoHeaderError(f"The first line of a CSV file must name its columns, of {', '.join(COLUMNS)}.")


def _of_json(text: str) -> Mapping[str, Any]:
    try:
        fields = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise ValueError("must be JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("must be a JSON object")
    return fields


def _in_words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    words = refusal_in_words(first)
    return f"{where}: {words}" if where in COLUMNS else words
