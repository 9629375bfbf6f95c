"""What each function is configured with: its environment variables, read once, checked, and immutable.

`CARILLON_EVENT_BUS` is the field `event_bus`. Nothing here is secret: secrets are read where they are used.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict
from pydantic_settings import BaseSettings, SettingsConfigDict

from handlers.domain.channels import Channel


class _Settings(BaseSettings):
    """`environment` is the name of the stack: `dev`, `prod`, `local`."""

    # `ignore`: the prefix is shared, and an operator may set a variable that only another version knows.
    model_config = SettingsConfigDict(env_prefix="CARILLON_", frozen=True, extra="ignore")

    environment: str


class Category(BaseModel):
    """The channels on which a category is sent when the producer names none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[Channel, ...]


class AuthorizerSettings(_Settings):
    """Of `authorizer`. The prefix ends with a slash; an app's secret is named by the prefix and its key."""

    app_secret_prefix: str


class NotificationsSettings(_Settings):
    """Of `notifications`."""

    contacts_table: str
    settings_table: str
    notifications_table: str
    limits_table: str
    event_bus: str
    template_bucket: str
    categories: Mapping[str, Category]
    channels: tuple[Channel, ...]


class ContactsSettings(_Settings):
    """Of `contacts`."""

    contacts_table: str


class TemplatesSettings(_Settings):
    """Of `templates`."""

    template_bucket: str


class WorkerSettings(_Settings):
    """Of every channel's worker."""

    channel: Channel
    notifications_table: str
    settings_table: str
    template_bucket: str


class SesSettings(_Settings):
    """Of the provider SES. `email_from` is as in a message's From: `Carillon <no-reply@example.com>`."""

    email_from: str
    ses_configuration_set: str


class ProviderSettings(_Settings):
    """Of every provider that is called over HTTP, or has credentials of its own.

    The prefix ends with a slash; a provider's secret is named by the prefix and its name. `provider_hosts` is empty on
    AWS: elsewhere it says where a provider's host is stood in for (`api.twilio.com` → `http://localhost:8081`; `*`
    is every other host).
    """

    provider_secret_prefix: str
    provider_hosts: Mapping[str, str] = {}


class SweeperSettings(_Settings):
    """Of `sweeper`."""

    notifications_table: str
    event_bus: str
