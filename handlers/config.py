"""What each function is configured with: its environment variables, read once, checked, and immutable.

`CARILLON_EVENT_BUS` is the field `event_bus`. Nothing here is secret: secrets are read where they are used.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from handlers.domain.channels import Channel


class _Settings(BaseSettings):
    """`environment` is the name of the stack: `dev`, `prod`, `local`."""

    # `ignore`: the prefix is shared, and an operator may set a variable that only another version knows.
    model_config = SettingsConfigDict(env_prefix="CARILLON_", frozen=True, extra="ignore")

    environment: str


class Category(BaseModel):
    """The channels on which a category is sent when the producer names none, and whether it is sent regardless of what
    its readers chose: in their quiet hours, and whatever they opted out of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[Channel, ...]
    critical: bool = False


def critical(categories: Mapping[str, Category]) -> frozenset[str]:
    """Return the names of those that are critical."""
    return frozenset(name for name, category in categories.items() if category.critical)


class AuthorizerSettings(_Settings):
    """Of `authorizer`. The prefix ends with a slash; an app's secret is named by the prefix and its key."""

    app_secret_prefix: str


class SizeSettings(_Settings):
    """Of everybody who says whether a message is too long. `sms_max_segments` is in how many parts a text may go."""

    sms_max_segments: Annotated[int, Field(gt=0)]


class TrialSettings(SizeSettings):
    """Of who tries a message before it is accepted. `sample_url` is as long as the `public_url` of workers.

    That one is not known yet when a function is made that the API is to stand before.
    """

    sample_url: str


class NotificationsSettings(TrialSettings):
    """Of `notifications`. `schedule_target` and `scheduler_role` are ARNs: of what schedules invoke, and as whom."""

    contacts_table: str
    settings_table: str
    notifications_table: str
    event_bus: str
    schedule_group: str
    schedule_target: str
    scheduler_role: str
    template_bucket: str
    categories: Mapping[str, Category]
    channels: tuple[Channel, ...]


class ContactsSettings(_Settings):
    """Of `contacts`."""

    contacts_table: str
    devices_table: str
    settings_table: str
    categories: Mapping[str, Category]
    channels: tuple[Channel, ...]


class TemplatesSettings(TrialSettings):
    """Of `templates`."""

    template_bucket: str


class WorkerSettings(SizeSettings):
    """Of every channel's worker."""

    channel: Channel
    contacts_table: str
    critical_categories: frozenset[str]
    notifications_table: str
    settings_table: str
    limits_table: str
    queue_url: str
    template_bucket: str


class LinkSettings(_Settings):
    """Of everybody who makes or meets links in messages. `link_key` is the KMS key they are signed with."""

    link_key: str


class LinkMakerSettings(LinkSettings):
    """Of every channel's worker. `public_url` is where recipients reach the API, without a slash at its end."""

    public_url: str


class TrackingSettings(LinkSettings):
    """Of `tracking`."""

    contacts_table: str
    notifications_table: str
    settings_table: str
    categories: Mapping[str, Category]
    channels: tuple[Channel, ...]


class DevicesSettings(_Settings):
    """Of the worker that forgets dead devices."""

    contacts_table: str
    devices_table: str


class EmailSettings(_Settings):
    """Of every provider of e-mail. `email_from` is as in a message's From: `Carillon <no-reply@example.com>`."""

    email_from: str


class SesSettings(EmailSettings):
    """Of the provider SES."""

    ses_configuration_set: str


class SnsSettings(_Settings):
    """Of the provider SNS, for SMS. Without a sender id, which not all countries have, SNS chooses the number.

    The maximal price is in US dollars, of one message; it is rounded by nobody, so it is a decimal.
    """

    sms_sender_id: str | None = None
    sms_max_price_usd: Annotated[Decimal, Field(gt=0)]


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
