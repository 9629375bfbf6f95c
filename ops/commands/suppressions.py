"""`carillon suppressions …`: which addresses must not be tried."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from handlers.adapters.aws.suppressions import MOST_AT_ONCE, SuppressionsTable
from handlers.domain.people.addresses import Suppressible
from handlers.domain.people.masking import masked
from handlers.domain.people.suppressions import Cause, Suppression
from ops.environment import LOCAL, Environment
from ops.errors import OperatorError
from ops.terminal import AsJson, InEnvironment, group, one_clear_error, show, table

app = group("Addresses and urls that must not be tried: they are dead, or somebody complained or said so.")

OfAddress = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="An e-mail address, a number as +442079460123, or an https url.")
]
Whole = Annotated[bool, typer.Option("--whole", help="Show addresses whole; without, as much as tells whose they are.")]
Cursor = Annotated[str | None, typer.Option(help="As the last page had it, for those after these.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=MOST_AT_ONCE, help="How many at most.")]
Why = Annotated[Cause, typer.Option("--reason", help="Why it must not be tried.")]


@app.command("list")
def list_suppressions(
    whole: Whole = False,
    cursor: Cursor = None,
    limit: Most = MOST_AT_ONCE,
    environment: InEnvironment = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show a page of the suppressed addresses, in no order that means anything."""
    with one_clear_error():
        page = _store(environment).page(cursor, limit)
        shown = [_shown(each, whole=whole) for each in page.suppressions]
        headings = ("address", "reason", "created_at", "provider", "delivery_id")
        rows = [[each.get(heading) for heading in headings] for each in shown]
        more = [] if page.cursor is None else [f"There are more: --cursor {page.cursor}"]
        document = {"suppressions": shown} | ({} if page.cursor is None else {"cursor": page.cursor})
        show(as_json, document, table(*(each.replace("_", " ") for each in headings), rows=rows), *more)


@app.command()
def add(
    address: OfAddress, reason: Why = Cause.MANUAL, environment: InEnvironment = LOCAL, as_json: AsJson = False
) -> None:
    """Let an address be tried no more, by any app."""
    with one_clear_error():
        wanted = Suppression(address=_checked(address), reason=reason, created_at=datetime.now(UTC))
        kept, is_new = _store(environment).add(wanted)
        said = "is suppressed" if is_new else f"was suppressed already, since {kept.created_at}: {kept.reason}"
        show(as_json, _shown(kept, whole=False) | {"is_new": is_new}, f"{masked(kept.address)} {said}")


@app.command()
def lift(address: OfAddress, environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """Let an address be tried again. What SES suppresses by itself stays so: see docs/tracking.md."""
    with one_clear_error():
        known = _checked(address)
        was = _store(environment).lift(known)
        said = "may be tried again" if was else "was not suppressed"
        show(as_json, {"address": masked(known), "was_suppressed": was}, f"{masked(known)} {said}")


def _store(environment: str) -> SuppressionsTable:
    return SuppressionsTable(f"carillon-{environment}-suppressions", Environment(environment).client("dynamodb"))


def _checked(address: str) -> str:
    try:
        return TypeAdapter[str](Suppressible).validate_python(address)
    except ValidationError as error:
        raise OperatorError(f"the address {error.errors(include_input=False)[0]['msg']}") from None


def _shown(each: Suppression, *, whole: bool) -> dict[str, object]:
    found: dict[str, object] = each.model_dump(mode="json")
    return found if whole else found | {"address": masked(each.address)}
