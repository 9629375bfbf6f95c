"""What the commands have in common: options, tables or JSON on the terminal, and one clear error."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from handlers.domain.times import Instant
from ops.errors import OperatorError

console = Console(highlight=False, soft_wrap=True)
_PIPED_WIDTH = 1000
"""Of what no person looks at: whoever reads it by lines gets them whole."""
_errors = Console(stderr=True, highlight=False, soft_wrap=True)

InEnvironment = Annotated[
    str,
    typer.Option("--environment", "-e", help="The Pulumi stack (dev, prod), or local: the platform that is up here."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change and send nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Instant)
_DURATION = TypeAdapter(timedelta)


def group(summary: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=summary, no_args_is_help=True, pretty_exceptions_enable=False)


def show(as_json: bool, document: Any, *parts: Any) -> None:
    """Print the document as JSON, or else the parts: tables and lines for people."""
    if as_json:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    for part in parts:
        console.print(part)


def table(*headings: str, rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """A table without lines; None is an empty cell. On a narrow terminal cells fold, but for those of the first column.

    These are ids and names, to be copied whole.
    """
    made = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for number, heading in enumerate(headings):
        made.add_column(heading, overflow="fold", no_wrap=number == 0)
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    return made


def moment(text: str | None, name: str) -> datetime | None:
    """Return the time that an option says: RFC 3339, or an ISO 8601 duration, so long ago. Raises `OperatorError`."""
    if text is None:
        return None
    try:
        if text.startswith("P"):
            return datetime.now(UTC) - _DURATION.validate_python(text)
        return _MOMENT.validate_python(text)
    except ValidationError as error:
        raise OperatorError(
            f"{name} must be so long ago (PT10M, PT2H, P1D) or a time (2030-01-31T12:00:00Z)"
        ) from error


def confirm(question: str, *, yes: bool, as_json: bool) -> None:
    """Ask, unless that was answered; end the program if the answer is no. Raises `OperatorError` to a machine."""
    if yes:
        return
    if as_json:
        raise OperatorError("with --json nobody can be asked: say --yes, or --dry-run")
    typer.confirm(question, abort=True)


def warn_of_unreadable(notification_ids: Sequence[str]) -> None:
    """Say on stderr of which notifications there are deliveries that could not be read."""
    for each in notification_ids:
        _errors.print(f"a delivery of {each} cannot be read: docs/runbooks/unreadable.md")


@contextmanager
def progress() -> Iterator[Progress]:
    """Show how long work goes on, on stderr, and nothing of it when it is done."""
    with Progress(console=_errors, transient=True) as shown:
        yield shown


@contextmanager
def one_clear_error() -> Iterator[None]:
    """Print what cannot be done as one line on stderr, and exit with 1."""
    try:
        yield
    except (OperatorError, BotoCoreError, ClientError) as error:
        fail("error", str(error))


def fail(what: str, *messages: str) -> NoReturn:
    """Print each message on stderr, led by what it is, and exit with 1."""
    for message in messages:
        _errors.print(f"[bold red]{what}:[/] {escape(message)}")
    sys.exit(1)
