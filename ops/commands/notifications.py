"""`carillon token` and `send`, as a producer would call the API; and `status`, which reads the log itself."""

import json
from typing import Annotated, Any

import typer

from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.terminal import AsJson, DryRun, InEnvironment, one_clear_error, show, table

AsApp = Annotated[
    str | None, typer.Option("--app", help="The app to act as, whose secret is read; locally the demo's, if not said.")
]
ApiUrl = Annotated[
    str | None, typer.Option(envvar="CARILLON_API_URL", help="Without, the stack's output apiUrl, by the Pulumi CLI.")
]
Body = Annotated[typer.FileText, typer.Argument(help="A JSON file with the body of the request; - for stdin.")]
Key = Annotated[str | None, typer.Option("--idempotency-key", help="With the same key, nothing is sent twice.")]


def token(environment: InEnvironment = LOCAL, app_key: AsApp = None) -> None:
    """Print a bearer token, good for two minutes."""
    with one_clear_error():
        typer.echo(Environment(environment).credentials(app_key).token())


def send(
    notification: Body,
    dry_run: DryRun = False,
    key: Key = None,
    environment: InEnvironment = LOCAL,
    app_key: AsApp = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Have a notification accepted and show its deliveries."""
    with one_clear_error():
        body = read_body(notification)
        with Environment(environment).producer(app_key, api_url) as client:
            answer = client.dry_run(body) if dry_run else client.send(body, key)
        said = "Nothing is sent: a dry run" if dry_run else f"notification {answer['notification_id']}"
        show(as_json, answer, said, _deliveries(answer["deliveries"]))


def status(
    some_id: Annotated[
        str, typer.Argument(metavar="ID", help="Of a notification; or of a delivery that is under way or has failed.")
    ],
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show a notification, or one delivery of it, with attempts, timelines and rounds of its way back."""
    with one_clear_error():
        state = Environment(environment).deliveries().state(some_id)
        found = state.model_dump(mode="json")
        said = f"{state.category}, {state.priority}, accepted {found['created_at']}"
        head = f"notification {state.notification_id}: {said}"
        parts = [_deliveries(found["deliveries"]), _timeline(found), _attempts(found)]
        if any("redrives" in each for each in found["deliveries"]):
            parts.append(_redrives(found))
        show(as_json, found, head, *parts)


def read_body(file: typer.FileText) -> dict[str, Any]:
    """Return the JSON object in a file. Raises `OperatorError`."""
    try:
        body = json.load(file)
    except ValueError as error:
        raise OperatorError(f"{file.name} is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise OperatorError(f"{file.name} is not a JSON object")
    return body


def _deliveries(deliveries: list[dict[str, Any]]) -> object:
    fields = (
        "delivery_id",
        "to",
        "user_id",
        "recipient",
        "channel",
        "platform",
        "provider",
        "status",
        "reason",
        "send_at",
    )
    shown = [field for field in fields if any(field in each for each in deliveries)]
    headings = [field.replace("_", " ").replace(" id", "") for field in shown]
    return table(*headings, rows=[[each.get(field) for field in shown] for each in deliveries])


def _timeline(found: dict[str, Any]) -> object:
    rows = [
        (each["delivery_id"], step["at"], step.get("status"), step.get("event"), step.get("reason"))
        for each in found["deliveries"]
        for step in each["timeline"]
    ]
    return table("delivery", "at", "status", "event", "reason", rows=rows, title="\nTimelines")


def _attempts(found: dict[str, Any]) -> object:
    rows = [
        (each["delivery_id"], tried["attempt"], tried["at"], tried["provider"], tried["outcome"], tried.get("error"))
        for each in found["deliveries"]
        for tried in each["attempts"]
    ]
    return table("delivery", "attempt", "at", "provider", "outcome", "error", rows=rows, title="\nAttempts")


def _redrives(found: dict[str, Any]) -> object:
    rows = [
        (each["delivery_id"], redrive["round"] or "operator", redrive["at"], redrive["due_at"], redrive["reason"])
        for each in found["deliveries"]
        for redrive in each.get("redrives", ())
    ]
    return table("delivery", "round", "at", "due", "reason", rows=rows, title="\nRounds of its way back")
