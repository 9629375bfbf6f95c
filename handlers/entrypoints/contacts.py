"""`/v1/contacts/{user_id}`: how users can be reached; below it, their `/devices`, and what they want in `/settings`.

And `/v1/suppressions`: the addresses and urls that must not be tried, whoever has them.
"""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from handlers.adapters.aws import clients
from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.adapters.aws.contacts import ContactsTable
from handlers.adapters.aws.devices import DynamoDevices
from handlers.adapters.aws.erasures import DynamoErasureRequests
from handlers.adapters.aws.settings import SettingsTable
from handlers.adapters.aws.suppressions import MOST_AT_ONCE, SuppressionsTable
from handlers.adapters.aws.tags import DynamoTagWriter
from handlers.config import ContactsSettings, critical
from handlers.domain.model import Model
from handlers.domain.people.addresses import Suppressible
from handlers.domain.people.choices import Speaker
from handlers.domain.people.contacts import Contact, StoredContact, UserId, changes
from handlers.domain.people.devices import Device, DeviceToken
from handlers.domain.people.erasure import Erasure
from handlers.domain.people.settings import Offer, UserSettings
from handlers.domain.people.suppressions import Cause, Suppression, Suppressions
from handlers.domain.problems import InvalidRequest, NotFound, ScopeNotGranted
from handlers.entrypoints.http import Decoded, caller, create_app, lambda_handler

configured = ContactsSettings.read()
dynamodb = clients.dynamodb()
app = create_app(rates=DynamoAppRates(configured.limits_table, lambda: dynamodb))
devices = DynamoDevices(configured.contacts_table, configured.devices_table, dynamodb)
table = ContactsTable(configured.contacts_table, devices, dynamodb)
suppressed = SuppressionsTable(configured.suppressions_table, dynamodb)
settings_table = SettingsTable(configured.settings_table, configured.contacts_table, dynamodb)
erasures = DynamoErasureRequests(configured.notifications_table, dynamodb)
clock = partial(datetime.now, UTC)
tags = DynamoTagWriter(configured.tags_table, dynamodb, clock)
offer = Offer(frozenset(configured.categories), critical(configured.categories), configured.channels)

User = Annotated[UserId, Decoded, Path(description="The producers' own id of the user, percent-encoded")]
Token = Annotated[DeviceToken, Decoded, Path(description="The device's token, percent-encoded")]
QueriedToken = Annotated[DeviceToken, Query(description="The device's token, percent-encoded: a + as %2B")]


class GivenContact(Contact):
    """A contact as it is sent, which may be just as it was answered."""

    user_id: UserId = Field(default="", exclude=True, description="Read-only: the same as in the path, if it is there")


class UserContact(StoredContact):
    """A user's contact as it is answered."""

    user_id: UserId


@app.get("/v1/contacts/<user_id>", operation_id="getContact", summary="Get a contact")
def read(user_id: User) -> UserContact:
    """Return the contact; 404 when there is none."""
    return _found(user_id, table.get(user_id))


@app.put("/v1/contacts/<user_id>", operation_id="putContact", summary="Store a contact")
def replace(user_id: User, contact: GivenContact) -> Response[UserContact]:
    """Store the contact in place of any other: 201 when the user had none, else 200.

    What the user has opted out of holds at their addresses from then on.
    """
    _refuse_another(user_id, contact)
    tags.tag(user_id, contact.tags or ())
    created = table.put(user_id, contact)
    settings_table.carry(user_id, contact.document())
    return Response(
        status_code=HTTPStatus.CREATED if created else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=_found(user_id, contact),
    )


@app.patch("/v1/contacts/<user_id>", operation_id="patchContact", summary="Change a contact")
def change(user_id: User, patch: GivenContact) -> UserContact:
    """Change the fields in the body, remove those that are null (RFC 7396); 404 when there is no contact to change."""
    _refuse_another(user_id, patch)
    tags.tag(user_id, patch.tags or ())
    changed = _found(user_id, table.change(user_id, changes(patch)))
    settings_table.carry(user_id, patch.document())
    return changed


@app.delete("/v1/contacts/<user_id>", operation_id="deleteContact", summary="Erase a user")
def delete(user_id: User) -> Response[str]:
    """Erase the user: 204, also when there is nothing any more, so that who got no answer can ask again.

    The contact, its devices and the user's settings are gone with the answer. What was sent to them up to now loses
    their addresses and what it said; it keeps its ids, status and times, so that counts stay right. What an opt-out
    says of a mailbox or number stays, under a digest of it. What was still to be sent ends in `error`.
    """
    # First, as it names the addresses: who dies after this is asked again, or has the log erased all the same.
    erasures.ask(Erasure(user_id, clock(), table.address_keys(user_id)))
    # Before the contact, which alone says what they are.
    contact = table.get(user_id)
    tags.untag(user_id, (contact and contact.tags) or ())
    table.delete(user_id)
    settings_table.delete(user_id)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


@app.post(
    "/v1/contacts/<user_id>/devices",
    operation_id="addDevice",
    summary="Add a device",
    responses={
        HTTPStatus.OK: {"description": "The user had the device already"},
        HTTPStatus.CREATED: {"description": "Added"},
    },
)
def add_device(user_id: User, device: Device) -> Response[UserContact]:
    """Add a device to the user's contact, and take it from whoever else has it; the answer is the contact.

    201 when the device was added, if need be to a new contact; 200 when the user had it already.
    """
    contact, added = table.add_device(user_id, device)
    return Response(
        status_code=HTTPStatus.CREATED if added else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=_found(user_id, contact),
    )


@app.delete("/v1/contacts/<user_id>/devices/<token>", operation_id="removeDevice", summary="Remove a device")
def remove_device(user_id: User, token: Token) -> Response[str]:
    """Remove the device from the user, and from nobody else: 204, also when it is gone already.

    The token is percent-encoded in the path, as some have characters that mean something there.
    """
    table.remove_device(user_id, token)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


@app.delete(
    "/v1/contacts/<user_id>/devices",
    operation_id="removeDeviceByQuery",
    summary="Remove a device whose token a path cannot hold",
)
def remove_queried_device(user_id: User, token: QueriedToken) -> Response[str]:
    """Remove a device whose token a path cannot hold, for a client or proxy that takes `%2F` for a slash."""
    return remove_device(user_id, token)


@app.get("/v1/contacts/<user_id>/settings", operation_id="getSettings", summary="Get what a user wants")
def read_settings(user_id: User) -> UserSettings:
    """Return the notification settings that hold for the user; of who never chose any, those that opt in to everything.

    What was opted out of at their mailbox or number is among them, whoever did so.
    """
    return offer.shown(settings_table.get(Speaker(user_id)).settings)


@app.put("/v1/contacts/<user_id>/settings", operation_id="putSettings", summary="Store what a user wants")
def replace_settings(user_id: User, settings: UserSettings) -> Response[UserSettings]:
    """Store the settings in place of any others: 201 when the user had none, else 200.

    They need no contact, which may come later and go earlier: what a user chose stays true without it. Refused are
    categories and channels that there are not, and to opt out of a critical category, which is always sent.
    """
    offer.check(settings)
    chosen, created = settings_table.put(user_id, settings, offer)
    return Response(
        status_code=HTTPStatus.CREATED if created else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=offer.shown(chosen.settings),
    )


class GivenSuppression(Model):
    """An address or url that must not be tried, and why."""

    address: Suppressible
    reason: Cause = Cause.MANUAL


PathAddress = Annotated[
    Suppressible, Decoded, Path(description="The address or url, percent-encoded: a + as %2B, a / as %2F")
]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="How many at most")]
Cursor = Annotated[str | None, Query(description="As the last answer had it, for those after these")]


@app.get("/v1/suppressions", operation_id="listSuppressions", summary="List suppressed addresses")
def list_suppressions(cursor: Cursor = None, limit: Limit = MOST_AT_ONCE) -> Suppressions:
    """Return what must not be tried, in no order that means anything; the next ones with the `cursor`.

    They are shown whole, to apps with the scope `suppressions` alone: who is to lift one must know which it is.
    """
    _check_scope()
    return suppressed.page(cursor, limit)


@app.post(
    "/v1/suppressions",
    operation_id="suppress",
    summary="Suppress an address",
    responses={
        HTTPStatus.OK: {"description": "It was suppressed already: as it was"},
        HTTPStatus.CREATED: {"description": "Suppressed"},
    },
)
def suppress(given: GivenSuppression) -> Response[Suppression]:
    """Let an address be tried no more, by any app: 201; 200 when it was suppressed already, which stays as it was."""
    _check_scope()
    wanted = Suppression(address=given.address, reason=given.reason, created_at=datetime.now(UTC))
    suppression, is_new = suppressed.add(wanted)
    return Response(
        status_code=HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=suppression,
    )


@app.delete("/v1/suppressions/<address>", operation_id="liftSuppression", summary="Lift a suppression")
def lift(address: PathAddress) -> Response[str]:
    """Let an address be tried again: 204, also when it was not suppressed, so that who got no answer can ask again."""
    _check_scope()
    suppressed.lift(address)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


def _check_scope() -> None:
    if not caller(app).suppressions:
        raise ScopeNotGranted("This app may not see or change suppressions.")


def _refuse_another(user_id: str, contact: GivenContact) -> None:
    if contact.user_id not in ("", user_id):
        raise InvalidRequest.field("user_id", "must be the same as in the path")


def _found(user_id: str, contact: StoredContact | None) -> UserContact:
    if contact is None:
        raise NotFound("There is no contact for this user.")
    return UserContact.model_validate({"user_id": user_id, **contact.document()})


handler = lambda_handler(app)
