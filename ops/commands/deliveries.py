"""`carillon find`, `redrive` and `replay`: what has failed, and sending it after all."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.notifications.deliveries import Delivery, unknowns
from handlers.domain.notifications.failures import Refusal, since
from handlers.domain.notifications.outcomes import Reason
from handlers.domain.times import rfc3339
from ops.deliveries import FAILURES, Choice, Deliveries, Kind, Wanted
from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.replay import Archive, Period
from ops.terminal import (
    AsJson,
    DryRun,
    InEnvironment,
    Yes,
    confirm,
    console,
    moment,
    one_clear_error,
    progress,
    show,
    table,
    warn_of_unreadable,
)

OnChannel = Annotated[Channel | None, typer.Option("--channel", help="Without, all channels.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Failed, held or accepted since: PT2H, P1D, 2030-01-31T12:00:00Z.")
]
ForReason = Annotated[list[Reason] | None, typer.Option("--reason", help="May be said several times.")]
_POLL_SECONDS: Final = 2.0


def find(
    user: Annotated[str | None, typer.Option(help="The user's id.")] = None,
    address: Annotated[str | None, typer.Option(help="An e-mail address or a number.")] = None,
    status: Annotated[Kind | None, typer.Option(help="Without, `error` and `held`.")] = None,
    channel: OnChannel = None,
    reason: ForReason = None,
    since: Since = None,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Find deliveries that have failed, are held or still wait, without knowing their ids; the oldest first.

    What was sent is found by its notification's id alone (`carillon status`), and what could not be sent when it was
    accepted was told then.
    """
    with one_clear_error():
        wanted = Wanted(
            channels=CHANNELS if channel is None else (channel,),
            kinds=FAILURES if status is None else (status,),
            user_id=user,
            address=address,
            reasons=tuple(reason or ()),
            since=moment(since, "--since"),
        )
        log = Environment(environment).deliveries()
        with progress() as shown:
            task = shown.add_task("looking", total=log.steps(wanted))
            found = log.find(wanted, lambda: shown.advance(task))
        warn_of_unreadable(log.unreadable)
        show(as_json, [_document(each) for each in found], _table(found), f"{len(found)} found")


def redrive(
    channel: OnChannel = None,
    reason: ForReason = None,
    since: Since = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="Of a delivery, or of a notification. May be said several times.")
    ] = None,
    accept_duplicates: Annotated[
        bool,
        typer.Option(
            "--accept-duplicates", help="Also what nobody knows whether it was sent: recipients may get it twice."
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Have what has failed sent after all, within a minute: without --reason or --id what an outage has left.

    What was sent, canceled, unsubscribed or has expired is never sent again.
    """
    with one_clear_error():
        if channel is None and not ids:
            raise OperatorError("say which: --channel, or --id")
        wanted = Wanted(
            channels=CHANNELS if channel is None else (channel,),
            reasons=tuple(reason or ()),
            since=moment(since, "--since"),
            ids=tuple(ids or ()),
        )
        log = Environment(environment).deliveries()
        with progress() as shown:
            task = shown.add_task("looking", total=log.steps(wanted))
            choices = log.choices(
                wanted, datetime.now(UTC), lambda: shown.advance(task), accept_duplicates=accept_duplicates
            )
        warn_of_unreadable(log.unreadable)
        if not dry_run and any(each.refusal is None for each in choices):
            if not as_json:
                console.print(_choices(choices))
            confirm(_risk(choices), yes=yes, as_json=as_json)
            choices = _redrive(log, choices)
        show(as_json, [_document(each.delivery, each.refusal) for each in choices], _choices(choices))
        if not as_json:
            console.print(_summary(choices, dry_run=dry_run))


def replay(
    start: Annotated[str, typer.Option("--from", help="Put on the bus from: PT2H ago, or 2030-01-31T12:00:00Z.")],
    end: Annotated[str | None, typer.Option("--to", help="Until; without, now.")] = None,
    channel: OnChannel = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Announce again what was announced in a time, from the bus's archive: for events that reached no worker.

    What is still to be sent is sent; of all else the claim drops the copies. AWS takes up to ten minutes to put an
    event into the archive.
    """
    with one_clear_error():
        now = datetime.now(UTC)
        first = moment(start, "--from")
        period = Period(first or now, moment(end, "--to") or now)
        where = Environment(environment)
        archive = Archive(where.client("events"), where.prefix)
        channels = CHANNELS if channel is None else (channel,)
        # Whatever else the archive holds of that time was sent, or is final: only these have a claim to get.
        waiting = [
            each
            for each in where.deliveries().find(Wanted(channels=channels, kinds=(Kind.WAITING,)))
            if each.created_at <= period.end
        ]
        document: dict[str, Any] = {
            "waiting": [_document(each) for each in waiting],
            "archived": archive.events(),
            "replay": None,
        }
        said = [
            _table(waiting),
            f"{len(waiting)} still to be sent: of these the archive sends what was announced in that time. Copies of "
            f"all else are dropped by their claims; the archive holds {document['archived']} events of all times.",
        ]
        if dry_run:
            show(as_json, document, *said)
            return
        if not as_json:
            for part in said:
                console.print(part)
        confirm(f"Replay {rfc3339(period.start)} to {rfc3339(period.end)}?", yes=yes, as_json=as_json)
        document["replay"] = archive.start(channels, period)
        _follow(archive, document["replay"], period)
        show(as_json, document, f"replayed: {document['replay']}")


def _redrive(log: Deliveries, choices: Sequence[Choice]) -> list[Choice]:
    done = []
    with progress() as shown:
        for each in shown.track(choices, description="leading back"):
            is_written = each.refusal is not None or log.redrive(each.delivery, datetime.now(UTC))
            done.append(each if is_written else Choice(each.delivery, Refusal.CHANGED))
    return done


def _follow(archive: Archive, name: str, period: Period) -> None:
    with progress() as shown:
        task = shown.add_task("replaying", total=period.seconds)
        for reached in archive.progress(name):
            if reached is not None:
                shown.update(task, completed=(reached - period.start).total_seconds())
            time.sleep(_POLL_SECONDS)


def _risk(choices: Sequence[Choice]) -> str:
    taken = [each.delivery for each in choices if each.refusal is None]
    doubtful = sum(unknowns(each.attempts) > 0 for each in taken)
    risk = f" {doubtful} of them may have been sent: their recipients may get them twice." if doubtful else ""
    return f"Send {len(taken)} deliveries?{risk}"


def _summary(choices: Sequence[Choice], *, dry_run: bool) -> str:
    counts = Counter(each.refusal for each in choices)
    taken = counts.pop(None, 0)
    left = "".join(f", {times} {why}" for why, times in sorted(counts.items(), key=str))
    return f"{taken} {'would be sent: a dry run' if dry_run else 'are due now, and published within a minute'}{left}"


def _choices(choices: Sequence[Choice]) -> object:
    rows = [(*_row(each.delivery), each.refusal or "to be sent") for each in choices]
    return table(*_HEADINGS, "verdict", rows=rows)


_HEADINGS: Final = ("delivery", "notification", "channel", "app", "user", "status", "reason", "since", "last attempt")


def _table(found: Sequence[Delivery]) -> object:
    return table(*_HEADINGS, rows=[_row(each) for each in found])


def _row(each: Delivery) -> tuple[object, ...]:
    last = each.attempts[-1] if each.attempts else None
    told = None if last is None else f"{last.provider}: {last.error or last.outcome}"
    ids = (each.delivery_id, each.notification_id)
    return (*ids, each.channel, each.app_key, each.user_id, each.status, each.reason, rfc3339(since(each)), told)


def _document(each: Delivery, refusal: Refusal | None = None) -> dict[str, Any]:
    """Say what an operator needs of a delivery; never its address or what it says."""
    shown = {"notification_id", "delivery_id", "app_key", "user_id", "category", "channel", "status", "reason"}
    document = each.model_dump(mode="json", include=shown | {"created_at", "attempts", "redrives"})
    return document | {"since": rfc3339(since(each))} | ({} if refusal is None else {"refusal": refusal.value})
