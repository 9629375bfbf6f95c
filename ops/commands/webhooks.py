"""`carillon webhooks …`: where apps are told of status changes, and what could not be told."""

from typing import Annotated, Any

import typer

from handlers.adapters.aws.webhooks import DynamoWebhooks
from handlers.domain.people.masking import masked
from handlers.domain.times import rfc3339
from handlers.domain.webhooks import Webhook, WebhookShown
from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.parking import Parked, one_of
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
from ops.webhooks import Untold, Verdict, status_change

app = group("Where apps are told what becomes of their deliveries, and what could not be told.")

OneApp = Annotated[str | None, typer.Argument(metavar="[APP]", help="An app's key; without, all that have a webhook.")]
Whole = Annotated[bool, typer.Option("--whole", help="Show urls whole; without, their hosts alone.")]
OfApp = Annotated[str | None, typer.Option("--app", help="What is for this app alone.")]
Message = Annotated[str, typer.Argument(metavar="ID", help="Of the message, as `replay --dry-run` shows it.")]


@app.command("show")
def show_webhooks(
    app_key: OneApp = None, whole: Whole = False, environment: InEnvironment = LOCAL, as_json: AsJson = False
) -> None:
    """Show where apps are told, of what, and since when an endpoint fails or is suspended."""
    with one_clear_error():
        where = Environment(environment)
        store = _store(where)
        keys = where.apps().all() if app_key is None else [app_key]
        found = [each for each in map(store.find, keys) if each is not None]
        if app_key is not None and not found:
            raise OperatorError(f"{app_key} has no webhook in {environment}")
        shown = [_shown(each, whole=whole) for each in found]
        rows = [[", ".join(cell) if isinstance(cell, list) else cell for cell in each.values()] for each in shown]
        headings = ("app", "url", "statuses", "failing since", "suspended since")
        show(as_json, shown, table(*headings, rows=rows))


@app.command()
def replay(
    app_key: OfApp = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Tell again what no try could tell. Each has the id that it had: a receiver drops those it has seen."""
    with one_clear_error():
        untold = _untold(environment)
        found = _judged(untold, app_key)
        if not dry_run:
            if going := sum(said in (Verdict.TOLD, Verdict.UNWANTED) for _, said in found):
                confirm(f"Tell again, or remove, {going} of {len(found)} messages?", yes=yes, as_json=as_json)
            found = _replayed(untold, {message.message_id for message, _ in found})
        show(as_json, [_document(*each) for each in found], _table(found), "a dry run" if dry_run else "done")


@app.command()
def drop(
    message_id: Message,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Remove one for ever that is never to be told."""
    with one_clear_error():
        untold = _untold(environment)
        with untold.messages() as found:
            [said] = untold.judged([one_of(found, message_id)])
        if not dry_run:
            confirm(f"Remove {message_id} for ever?", yes=yes, as_json=as_json)
            with untold.messages() as found:
                untold.drop(one_of(found, message_id))
        show(as_json, _document(*said), _table([said]), "a dry run" if dry_run else "removed")


def _store(where: Environment) -> DynamoWebhooks:
    return DynamoWebhooks(where.named("limits"), where.client("dynamodb"))


def _untold(environment: str) -> Untold:
    where = Environment(environment)
    return Untold(where.client("sqs"), _store(where), where.prefix)


def _judged(untold: Untold, app_key: str | None) -> list[tuple[Parked, Verdict]]:
    """Return what is parked for this app, or all, and what would come of each."""
    with progress() as shown:
        task = shown.add_task("receiving", total=untold.expected())
        with untold.messages(lambda: shown.advance(task)) as found:
            return untold.judged(each for each in found if app_key in (None, _app_of(each)))


def _replayed(untold: Untold, ids: set[str]) -> list[tuple[Parked, Verdict]]:
    """Replay these messages, received anew: while somebody was asked, they could be seen again."""
    with progress() as shown, untold.messages() as found:
        judged = untold.judged(each for each in found if each.message_id in ids)
        for each in shown.track(judged, description="replaying"):
            untold.replay(*each)
        return judged


def _app_of(message: Parked) -> str | None:
    change = status_change(message)
    return None if change is None else change.app_key


def _shown(webhook: Webhook, *, whole: bool) -> dict[str, Any]:
    document = WebhookShown.of(webhook).model_dump(mode="json")
    url = webhook.url if whole else masked(webhook.url, "webhook")
    marks = {name: document.get(name) for name in ("failing_since", "suspended_since")}
    return {"app_key": webhook.app_key, "url": url, "statuses": document["statuses"], **marks}


def _table(found: list[tuple[Parked, Verdict]]) -> object:
    rows = [list(_document(*each).values()) for each in found]
    return table("message", "since", "app", "delivery", "status", "if replayed", rows=rows)


def _document(message: Parked, said: Verdict) -> dict[str, Any]:
    change = status_change(message)
    told = {name: getattr(change, name, None) for name in ("app_key", "delivery_id", "status")}
    return {"message_id": message.message_id, "since": rfc3339(message.at), **told, "if_replayed": said.value}
