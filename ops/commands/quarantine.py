"""`carillon quarantine …`: messages that no redriver could read."""

from typing import Annotated, Any

import typer
from rich.text import Text

from handlers.domain.times import rfc3339
from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.parking import Parked, one_of
from ops.quarantine import Quarantine, Verdict
from ops.terminal import (
    AsJson,
    DryRun,
    InEnvironment,
    Yes,
    confirm,
    group,
    one_clear_error,
    progress,
    show,
    table,
)

app = group("Messages that no redriver could read. Looking hides them from others for as long as it takes.")

Message = Annotated[str, typer.Argument(metavar="ID", help="Of the message, as `list` shows it.")]
Messages = Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Of messages, as `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_messages(environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """List the messages, why each is here, and what would come of it if it were released now."""
    with one_clear_error():
        where = _of(environment)
        found = _judged(where, None)
        show(as_json, [_document(*each) for each in found], _table(found), f"{len(found)} in quarantine")


@app.command("show")
def show_message(message_id: Message, environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """Show a message whole, as it came: its body may hold personal data."""
    with one_clear_error():
        where = _of(environment)
        with where.messages() as found:
            message = one_of(found, message_id)
            said = where.verdict(message)
        rows = sorted(message.attributes.items())
        document = _document(message, said) | {"attributes": dict(rows), "body": message.body}
        show(
            as_json,
            document,
            _table([(message, said)]),
            table("attribute", "value", rows=rows),
            Text(message.body),
        )


@app.command()
def release(
    ids: Messages = None,
    every: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Give messages that can be read now back to their channels; what was sent before is only removed."""
    with one_clear_error():
        if every == bool(ids):
            raise OperatorError("say which: their ids, or --all")
        where = _of(environment)
        found = _judged(where, ids)
        if not dry_run:
            going = sum(said in (Verdict.SENT, Verdict.SETTLED) for _, said in found)
            if going:
                confirm(f"Release {going} of {len(found)} messages?", yes=yes, as_json=as_json)
            found = _released(where, [message.message_id for message, _ in found])
        show(as_json, [_document(*each) for each in found], _table(found), "a dry run" if dry_run else "done")


@app.command()
def drop(
    message_id: Message,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Remove a message for ever."""
    with one_clear_error():
        where = _of(environment)
        with where.messages() as found:
            message = one_of(found, message_id)
            said = (message, where.verdict(message))
        if not dry_run:
            confirm(f"Remove {message_id} for ever?", yes=yes, as_json=as_json)
            with where.messages() as found:
                where.drop(one_of(found, message_id))
        show(as_json, _document(*said), _table([said]), "a dry run" if dry_run else "removed")


def _of(environment: str) -> Quarantine:
    where = Environment(environment)
    return Quarantine(where.client("sqs"), where.client("dynamodb"), where.prefix)


def _judged(where: Quarantine, ids: list[str] | None) -> list[tuple[Parked, Verdict]]:
    """Return these messages, or all, and what would come of each."""
    with progress() as shown:
        task = shown.add_task("receiving", total=where.expected())
        with where.messages(lambda: shown.advance(task)) as found:
            some = found if ids is None else [one_of(found, each) for each in ids]
            return [(each, where.verdict(each)) for each in some]


def _released(where: Quarantine, ids: list[str]) -> list[tuple[Parked, Verdict]]:
    """Release these messages, received anew: while somebody was asked, they could be seen again."""
    with progress() as shown, where.messages() as found:
        some = [each for each in found if each.message_id in ids]
        return [(each, where.release(each)) for each in shown.track(some, description="releasing")]


def _table(found: list[tuple[Parked, Verdict]]) -> object:
    rows = [
        (
            each.message_id,
            rfc3339(each.at),
            *(_told(each)[name] for name in ("channel", "reason")),
            len(each.body),
            said,
        )
        for each, said in found
    ]
    return table("message", "since", "channel", "reason", "characters", "if released", rows=rows)


def _told(message: Parked) -> dict[str, str | None]:
    return {name: message.attributes.get(f"carillon_{name}") for name in ("channel", "reason", "message_id")}


def _document(message: Parked, said: Verdict) -> dict[str, Any]:
    told = {f"carillon_{name}": value for name, value in _told(message).items()}
    return {"message_id": message.message_id, "since": rfc3339(message.at), **told, "if_released": said.value}
