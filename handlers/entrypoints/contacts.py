"""`/v1/contacts/{user_id}`: how users can be reached; below it, their `/devices`, and what they want in `/settings`."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from handlers.adapters.aws import clients
from handlers.adapters.aws.contacts import ContactsTable
from handlers.adapters.aws.devices import DynamoDevices
from handlers.adapters.aws.settings import SettingsTable
from handlers.config import ContactsSettings, critical
from handlers.domain.people.choices import Speaker
from handlers.domain.people.contacts import Contact, StoredContact, UserId, changes
from handlers.domain.people.devices import Device, DeviceToken
from handlers.domain.people.settings import Offer, UserSettings
from handlers.domain.problems import InvalidRequest, NotFound
from handlers.entrypoints.http import Decoded, create_app, lambda_handler

app = create_app()
configured = ContactsSettings()
dynamodb = clients.dynamodb()
devices = DynamoDevices(configured.contacts_table, configured.devices_table, dynamodb)
table = ContactsTable(configured.contacts_table, devices, dynamodb)
settings_table = SettingsTable(configured.settings_table, configured.contacts_table, dynamodb)
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


@app.get("/v1/contacts/<user_id>")
def read(user_id: User) -> UserContact:
    """Return the contact; 404 when there is none."""
    return _found(user_id, table.get(user_id))


@app.put("/v1/contacts/<user_id>")
def replace(user_id: User, contact: GivenContact) -> Response[UserContact]:
    """Store the contact in place of any other: 201 when the user had none, else 200.

    What the user has opted out of holds at their addresses from then on.
    """
    _refuse_another(user_id, contact)
    created = table.put(user_id, contact)
    settings_table.carry(user_id, contact.document())
    return Response(
        status_code=HTTPStatus.CREATED if created else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=_found(user_id, contact),
    )


@app.patch("/v1/contacts/<user_id>")
def change(user_id: User, patch: GivenContact) -> UserContact:
    """Change the fields in the body, remove those that are null (RFC 7396); 404 when there is no contact to change."""
    _refuse_another(user_id, patch)
    changed = _found(user_id, table.change(user_id, changes(patch)))
    settings_table.carry(user_id, patch.document())
    return changed


@app.delete("/v1/contacts/<user_id>")
def delete(user_id: User) -> Response[str]:
    """Delete the contact: 204, also when it is gone already, so that who got no answer can ask again."""
    table.delete(user_id)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


@app.post(
    "/v1/contacts/<user_id>/devices",
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


@app.delete("/v1/contacts/<user_id>/devices/<token>")
def remove_device(user_id: User, token: Token) -> Response[str]:
    """Remove the device from the user, and from nobody else: 204, also when it is gone already.

    The token is percent-encoded in the path, as some have characters that mean something there.
    """
    table.remove_device(user_id, token)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


@app.delete("/v1/contacts/<user_id>/devices")
def remove_queried_device(user_id: User, token: QueriedToken) -> Response[str]:
    """Remove a device whose token a path cannot hold, for a client or proxy that takes `%2F` for a slash."""
    return remove_device(user_id, token)


@app.get("/v1/contacts/<user_id>/settings")
def read_settings(user_id: User) -> UserSettings:
    """Return the notification settings that hold for the user; of who never chose any, those that opt in to everything.

    What was opted out of at their mailbox or number is among them, whoever did so.
    """
    return offer.shown(settings_table.get(Speaker(user_id)).settings)


@app.put("/v1/contacts/<user_id>/settings")
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


def _refuse_another(user_id: str, contact: GivenContact) -> None:
    if contact.user_id not in ("", user_id):
        raise InvalidRequest.field("user_id", "must be the same as in the path")


def _found(user_id: str, contact: StoredContact | None) -> UserContact:
    if contact is None:
        raise NotFound("There is no contact for this user.")
    return UserContact.model_validate({"user_id": user_id, **contact.document()})


handler = lambda_handler(app)
