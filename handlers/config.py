"""What each function is configured with: its environment variables, read once, checked, and immutable.

`CARILLON_EVENT_BUS` is the field `event_bus`. Nothing here is secret: secrets are read where they are used.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, Json

from handlers.domain.channels import Channel
from handlers.domain.notifications.digests import Digest
from handlers.domain.notifications.limits import Limit

_PREFIX: Final = "CARILLON_"


class FromEnvironment(BaseModel):
    """`environment` is the name of the stack: `dev`, `prod`, `local`.

    What has parts is written as JSON. Not pydantic-settings: to import it takes as long as to import pydantic itself,
    and every cold start would pay for it.
    """

    # A function has its own settings built, when it reads them, and not those of all others.
    model_config = ConfigDict(frozen=True, defer_build=True)

    environment: str

    @classmethod
    def read(cls) -> Self:
        """Return what the environment says. Raises `ValidationError` if a variable is missing or not of its type."""
        variables = {name: f"{_PREFIX}{name.upper()}" for name in cls.model_fields}
        return cls.model_validate({name: os.environ[each] for name, each in variables.items() if each in os.environ})


class DigestRule(BaseModel):
    """For how long what a recipient gets of a category is gathered, and the template of the message that lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: timedelta
    template: str


class Category(BaseModel):
    """The channels on which a category is sent when the producer names none, and whether it is sent regardless of what
    its readers chose: in their quiet hours, and whatever they opted out of; and how it is gathered, if it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[Channel, ...]
    critical: bool = False
    digest: DigestRule | None = None


class Brand(BaseModel):
    """Who writes to the reader of a page. The colour is as in CSS, `#rrggbb`; without a name none is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] = "#2457c5"


class Look(BaseModel):
    """How the page of settings looks.

    `display` has the name and the description of a category, by the category and the language; `hidden` are those that
    are shown only to who came from a message of theirs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand: Brand = Brand()
    display: Mapping[str, Mapping[str, tuple[str, str]]] = {}
    hidden: frozenset[str] = frozenset()


def critical(categories: Mapping[str, Category]) -> frozenset[str]:
    """Return the names of those that are critical."""
    return frozenset(name for name, category in categories.items() if category.critical)


def digests(categories: Mapping[str, Category]) -> Mapping[str, Digest]:
    """Return how those are gathered that are, by their names."""
    return {name: Digest(each.digest.window, each.digest.template) for name, each in categories.items() if each.digest}


class AuthorizerSettings(FromEnvironment):
    """Of `authorizer`. The prefix ends with a slash; an app's secret is named by the prefix and its key.

    `used_tokens_table` is there where each token is good for one request only.
    """

    app_secret_prefix: str
    app_max_age_seconds: Annotated[int, Field(ge=0)]
    used_tokens_table: str | None = None


class SizeSettings(FromEnvironment):
    """Of everybody who says whether a message is too long. `sms_max_segments` is in how many parts a text may go."""

    sms_max_segments: Annotated[int, Field(gt=0)]


class TrialSettings(SizeSettings):
    """Of who tries a message before it is accepted. `sample_url` is as long as the `public_url` of workers.

    That one is not known yet when a function is made that the API is to stand before.
    """

    sample_url: str


class NotificationsSettings(TrialSettings):
    """Of `notifications`. `schedule_target` and `scheduler_role` are ARNs: of what schedules invoke, and as whom.

    `recipient_limits` are those of each channel, by their names.
    """

    contacts_table: str
    settings_table: str
    suppressions_table: str
    notifications_table: str
    event_bus: str
    limits_table: str
    log_kept_days: Annotated[int, Field(gt=0)]
    recipient_limits: Json[Mapping[str, Mapping[str, Limit]]] = {}
    schedule_group: str
    schedule_target: str
    scheduler_role: str
    template_bucket: str
    templates_table: str
    categories: Json[Mapping[str, Category]]
    channels: Json[tuple[Channel, ...]]


class BroadcastsSettings(TrialSettings):
    """Of `broadcasts`."""

    audience_bucket: str
    broadcast_queue_url: str
    broadcasts_table: str
    contacts_table: str
    settings_table: str
    suppressions_table: str
    notifications_table: str
    event_bus: str
    limits_table: str
    log_kept_days: Annotated[int, Field(gt=0)]
    template_bucket: str
    templates_table: str
    categories: Json[Mapping[str, Category]]
    channels: Json[tuple[Channel, ...]]


class FanoutSettings(BroadcastsSettings):
    """Of `fanout`. `queue_urls` are those of the channels."""

    queue_urls: Json[Mapping[str, str]]
    tags_table: str


class ContactsSettings(FromEnvironment):
    """Of `contacts`."""

    contacts_table: str
    devices_table: str
    limits_table: str
    notifications_table: str
    settings_table: str
    suppressions_table: str
    tags_table: str
    categories: Json[Mapping[str, Category]]
    channels: Json[tuple[Channel, ...]]


class TemplatesSettings(TrialSettings):
    """Of `templates`."""

    limits_table: str
    template_bucket: str
    templates_table: str


class WorkerSettings(SizeSettings):
    """Of every channel's worker. `recipient_limits` are those of its channel, by the channel and their names;
    `provider_rates` are in messages a second.

    `tracked_categories` are those whose links all lead through the click redirect, on a channel of HTML;
    `unknown_retries` has the categories in which a delivery of unknown outcome is not sent again just once;
    `visibility_timeout_seconds` is the queues'; `urgent_queue_url` is that of what has priority `high`.
    """

    channel: Channel
    contacts_table: str
    critical_categories: Json[frozenset[str]]
    notifications_table: str
    settings_table: str
    suppressions_table: str
    limits_table: str
    log_kept_days: Annotated[int, Field(gt=0)]
    provider_rates: Json[Mapping[str, Annotated[int, Field(gt=0)]]] = {}
    queue_url: str
    urgent_queue_url: str
    recipient_limits: Json[Mapping[str, Mapping[str, Limit]]] = {}
    template_bucket: str
    tracked_categories: Json[frozenset[str]] = frozenset()
    unknown_retries: Json[Mapping[str, Annotated[int, Field(ge=0)]]] = {}
    unknown_decided_after_seconds: Annotated[int, Field(gt=0)]
    visibility_timeout_seconds: Annotated[int, Field(gt=0)]


class LinkSettings(FromEnvironment):
    """Of everybody who makes or meets links in messages. `link_key` is the KMS key they are signed with."""

    link_key: str


class LinkMakerSettings(LinkSettings):
    """Of every channel's worker. `public_url` is where recipients reach the API, without a slash at its end."""

    public_url: str


class ReceiptsSettings(FromEnvironment):
    """Of a provider that is told with each message where to tell what became of it: at `public_url`, as above."""

    public_url: str


class TrackingSettings(LinkSettings):
    """Of `tracking`."""

    contacts_table: str
    notifications_table: str
    settings_table: str
    categories: Json[Mapping[str, Category]]
    channels: Json[tuple[Channel, ...]]
    look: Json[Look] = Look()


class HooksSettings(FromEnvironment):
    """Of `hooks`."""

    contacts_table: str
    critical_categories: Json[frozenset[str]]
    notifications_table: str
    settings_table: str
    suppressions_table: str


class DevicesSettings(FromEnvironment):
    """Of the worker that forgets dead devices."""

    contacts_table: str
    devices_table: str


class EmailSettings(FromEnvironment):
    """Of every provider of e-mail. `email_from` is as in a message's From: `Carillon <no-reply@example.com>`."""

    email_from: str


class SesSettings(EmailSettings):
    """Of the provider SES."""

    ses_configuration_set: str


class SnsSettings(FromEnvironment):
    """Of the provider SNS, for SMS. Without a sender id, which not all countries have, SNS chooses the number.

    The maximal price is in US dollars, of one message; it is rounded by nobody, so it is a decimal.
    """

    sms_sender_id: str | None = None
    sms_max_price_usd: Annotated[Decimal, Field(gt=0)]


class CredentialsSettings(FromEnvironment):
    """Of every provider that has credentials of its own.

    The prefix ends with a slash; a provider's secret is named by the prefix and its name.
    """

    provider_secret_prefix: str


class HostsSettings(FromEnvironment):
    """Of everybody who calls hosts that are not AWS's.

    `provider_hosts` is empty on AWS: elsewhere it says where a provider's host is stood in for (`api.twilio.com` →
    `http://localhost:8081`; `*` is every other host).
    """

    provider_hosts: Json[Mapping[str, str]] = {}


class AlertRules(BaseModel):
    """When an alert is told: after how long an outage, after how long it is over, and each time that it goes on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outage_after_seconds: Annotated[int, Field(ge=0)]
    over_after_seconds: Annotated[int, Field(ge=0)]
    remind_after_seconds: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]


class ObserverSettings(FromEnvironment):
    """Of `observer`. `webhook_queue_url` is of the queue of what apps are to be told."""

    limits_table: str
    stats_table: str
    webhook_queue_url: str


class ReportsSettings(LinkSettings):
    """Of `reports`. What links are signed with, cursors are too, as something else."""

    limits_table: str
    stats_table: str


class WebhooksSettings(LinkSettings):
    """Of `webhooks`. The key of links derives the keys of webhooks too, of another message."""

    limits_table: str
    queue_url: str


class SweeperSettings(FromEnvironment):
    """Of `sweeper`. `alert_topic` is an ARN."""

    alert_rules: Json[AlertRules]
    alert_topic: str
    notifications_table: str
    limits_table: str
    event_bus: str


class RedriverSettings(FromEnvironment):
    """Of every channel's redriver. `redrive_after_seconds` is the wait of each round."""

    channel: Channel
    limits_table: str
    notifications_table: str
    quarantine_url: str
    redrive_after_seconds: Json[tuple[Annotated[int, Field(gt=0)], ...]]
