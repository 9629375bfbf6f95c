"""`carillon broadcast FILE`, and `carillon broadcasts show, pause, resume, cancel`: one message to many."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress, TaskID

from ops.client import Client
from ops.commands.notifications import ApiUrl, AsApp, read_body
from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.terminal import AsJson, DryRun, InEnvironment, group, one_clear_error, progress, show, table

app = group("Shows and moves broadcasts.")

BroadcastId = Annotated[str, typer.Argument(metavar="ID", help="Of a broadcast.")]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Show how far it is until its audience is read.")]

_ENDS: Final = ("finished", "failed", "canceled", "paused", "stalled", "awaiting_upload")
_POLLED_SECONDS: Final = 2
_FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl"}
_COUNTS: Final = (
    "recipients",
    "rejected",
    "duplicates",
    "planned",
    "pending",
    "sent",
    "failed",
    "unsubscribed",
    "canceled",
)


def broadcast(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A .csv or .jsonl file.")],
    message: Annotated[
        typer.FileText, typer.Option("--message", "-m", help="A JSON file: the body, but for audience.")
    ],
    dry_run: DryRun = False,
    follow: Follow = True,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="Without, it follows from both files.")] = None,
    environment: InEnvironment = LOCAL,
    app_key: AsApp = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send a message to all in a file.

    Interrupted, it goes on without this command; the same command again shows on how far it is, and sends nothing
    twice.
    """
    with one_clear_error():
        if file.suffix not in _FORMATS:
            raise OperatorError(f"{file.name} must end in .csv or .jsonl")
        body = read_body(message) | {"audience": {"upload": _FORMATS[file.suffix]}}
        with Environment(environment).producer(app_key, api_url) as client:
            state = client.broadcast(body, key or _key(body, file), dry_run=dry_run)
            if state["status"] == "awaiting_upload":
                with file.open("rb") as content:
                    client.upload(state["upload"]["url"], content)
                state = client.move_broadcast(state["broadcast_id"], "start")
            _tell(client, state, as_json, lines=_lines(file) if follow else None)


@app.command("show")
def show_one(
    broadcast_id: BroadcastId,
    follow: Annotated[bool, typer.Option("--follow", help="Until its audience is read.")] = False,
    environment: InEnvironment = LOCAL,
    app_key: AsApp = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a broadcast is, and which lines of its file are no recipients."""
    with one_clear_error(), Environment(environment).producer(app_key, api_url) as client:
        _tell(client, client.broadcast_state(broadcast_id), as_json, lines=0 if follow else None)


def _mover(move: str, summary: str) -> Callable[..., None]:
    def command(
        broadcast_id: BroadcastId,
        environment: InEnvironment = LOCAL,
        app_key: AsApp = None,
        api_url: ApiUrl = None,
        as_json: AsJson = False,
    ) -> None:
        with one_clear_error(), Environment(environment).producer(app_key, api_url) as client:
            client.move_broadcast(broadcast_id, move)
            _tell(client, client.broadcast_state(broadcast_id), as_json, lines=None)

    command.__doc__ = summary
    return command


for _move, _summary in (
    ("pause", "Release nothing more of a broadcast until it is resumed."),
    ("resume", "Go on with a broadcast that was paused or has stalled: nobody gets it twice."),
    ("cancel", "Release nothing more of a broadcast, and cancel what is not yet sent."),
):
    app.command(_move)(_mover(_move, _summary))


def _tell(client: Client, state: dict[str, Any], as_json: bool, lines: int | None) -> None:
    """Show a broadcast; before that, unless `lines` is None, how it goes on, of so many lines if that is known."""
    broadcast_id = state["broadcast_id"]
    if lines is not None:
        try:
            with progress() as shown:
                state = _followed(client, broadcast_id, shown, shown.add_task("reading", total=lines or None))
        except KeyboardInterrupt:
            typer.echo(f"It goes on by itself: carillon broadcasts show {broadcast_id}", err=True)
            raise typer.Exit(130) from None
    head = f"broadcast {broadcast_id}: {state['status']}{', a dry run' if state['dry_run'] else ''}"
    parts: list[Any] = [table(*_COUNTS, rows=[[state[each] for each in _COUNTS]])]
    if "problem" in state:
        parts.append(state["problem"])
    if state["reasons"]:
        parts.append(table("reason", "deliveries", rows=sorted(state["reasons"].items()), title="\nNot sent, or later"))
    if state["rejections"]:
        rows = [(each["line"], each["message"]) for each in state["rejections"]]
        parts.append(table("line", "why", rows=rows, title="\nLines that are no recipients"))
    show(as_json, state, head, *parts)


def _followed(client: Client, broadcast_id: str, shown: Progress, task: TaskID) -> dict[str, Any]:
    while True:
        state = client.broadcast_state(broadcast_id)
        said = f"{state['status']}, {state['sent']} sent, {state['recipients_per_second']:g}/s"
        shown.update(task, completed=state["recipients"] + state["rejected"], description=said)
        if state["status"] in _ENDS:
            return state
        time.sleep(_POLLED_SECONDS)


def _lines(file: Path) -> int:
    with file.open("rb") as content:
        return sum(1 for _ in content)


def _key(body: dict[str, Any], file: Path) -> str:
    """Return a key that is the same for the same message to the same file."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return hashlib.sha256(f"{json.dumps(body, sort_keys=True)}\n{digest}".encode()).hexdigest()
