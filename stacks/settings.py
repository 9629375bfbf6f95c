"""What an environment is configured with: read once, checked once, immutable afterwards.

The keys are those of `Pulumi.<environment>.yaml`, described in `Pulumi.yaml`. Every bound is AWS's, or a rule between
two values that would only show itself in production; every refusal says what to change.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from email.utils import parseaddr
from typing import Annotated, Any, Literal, Self

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from handlers.domain.channels import CHANNELS
from handlers.domain.problems import refusal_in_words
from handlers.domain.providers.registry import of_channel
from stacks.compute.packaging import Target
from stacks.naming import PROJECT, Naming

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
# A message must stay hidden while Lambda may still be working on it, retries of a throttled batch included:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
VISIBILITY_PER_TIMEOUT = 6
# A message that fails is tried again after 10, 20, 40 … seconds: with this many attempts, for a quarter of an hour.
LEAST_ATTEMPTS = 10
# How many invocations at once one event poller of SQS's provisioned mode feeds:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
PER_POLLER = 10
_NOBODYS_DOMAIN = r"(^|[.@])(example\.(com|net|org)|example|test|invalid|localhost)$"  # RFC 2606, RFC 6761
_REGIONS = frozenset(each.value for each in aws.Region)
# What a worker leaves for a call to a provider (handlers.services.delivering); for the rest of its time it may wait.
FOR_ONE_CALL_SECONDS = 17
LANES = 2
"""Ways from the bus to a channel's worker, each with as many invocations (stacks/messaging/channel.py)."""
# Of an account's concurrency Lambda leaves 100 unreserved, whatever is asked for:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_MOST_RESERVED = 900
# For how long a delivery that could not be sent has all that it needs (handlers.domain.notifications.due).
TRIED_FOR = timedelta(days=30)
# Of an app, after its secret was withdrawn: what API Gateway and the authorizer remember, one after the other.
REVOKED_WITHIN_SECONDS = 60
_MOST_TOLD_OF_A_BUDGET = 10
_NO_ACCOUNT = "0" * 12  # account ids all have twelve digits, so the length of a name is known before the account is


class SettingsError(pulumi.RunError):
    """The configuration cannot be deployed. The message lists every problem: its key, and what to change."""


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{message}", {"message": message})


def _within(low: int, high: int, why: str) -> AfterValidator:
    def check(value: int | None) -> int | None:
        if value is not None and not low <= value <= high:
            raise _refusal(f"must be from {low} to {high}: {why}")
        return value

    return AfterValidator(check)


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise _refusal(f"must be {what}")
        return value

    return AfterValidator(check)


def _distinct(what: str) -> AfterValidator:
    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(values)) < len(values):
            raise _refusal(f"names {what} twice: remove the repetition")
        return values

    return AfterValidator(check)


def _every_channel(given: object) -> object:
    """Return the channels of a stack's file, those that it does not name with the usual pace."""
    return {**given, **{name: {} for name in CHANNELS if name not in given}} if isinstance(given, Mapping) else given


def _enabled(channels: "dict[str, ChannelSettings]") -> "dict[str, ChannelSettings]":
    enabled = {name: each for name, each in channels.items() if each.enabled}
    if not enabled:
        raise _refusal("must have at least one channel that is enabled")
    return enabled


def _retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise _refusal(f"must be one of CloudWatch's retention periods: {', '.join(map(str, LOG_RETENTION_DAYS))}")
    return days


def _region(name: str) -> str:
    if name not in _REGIONS:
        raise _refusal(f"must be an AWS region{_near(name, _REGIONS)}")
    return name


def _near(name: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name, known, 1)
    return f": did you mean {nearest[0]}?" if nearest else ""


def _whole_days(low: int, high: int) -> AfterValidator:
    def check(kept: timedelta) -> timedelta:
        if kept % timedelta(days=1) or not timedelta(days=low) <= kept <= timedelta(days=high):
            raise _refusal(f"must be {low} to {high} whole days, as an ISO 8601 duration such as P400D")
        return kept

    return AfterValidator(check)


Region = Annotated[str, AfterValidator(_region)]
Channel = Annotated[str, _matching("|".join(CHANNELS), f"a channel that has a worker: {', '.join(CHANNELS)}")]
AccountId = Annotated[str, _matching(r"\d{12}", "a quoted account id of twelve digits")]
CategoryName = Annotated[
    str, _matching(r"[a-z][a-z0-9_-]{0,62}", "lower-case letters, digits, _ and -, from a letter, 63 at most")
]
# The authorizer looks a secret up by the token's `iss` only when it has this form.
AppKey = Annotated[str, _matching(r"[a-z0-9][a-z0-9-]{1,62}", "2 to 63 lower-case letters, digits and hyphens")]
TagValue = Annotated[
    str, _matching(r"[\w.:/=+@ -]{1,256}", "a tag value: 1 to 256 letters, digits, spaces or _.:/=+-@")
]
EmailAddress = Annotated[str, _matching(r"[^@\s]+@[^@\s]+", "an e-mail address")]
# https://docs.aws.amazon.com/sns/latest/dg/channels-sms-originating-identities-sender-ids.html
SenderId = Annotated[
    str, _matching(r"(?=\d*[A-Za-z])[A-Za-z\d]{1,11}", "1 to 11 letters and digits, at least one of them a letter")
]
RedriveWait = Annotated[int, _within(1, 30 * 24 * 3600, "from a second to 30 days")]
ReminderWait = Annotated[int, _within(60, 30 * 24 * 3600, "from a minute to 30 days")]
HostName = Annotated[
    str, _matching(r"\*|([a-z0-9-]+\.)+[a-z]{2,}", "a host such as api.twilio.com, or * for every other one")
]
HttpUrl = Annotated[str, _matching(r"https?://\S+", "an http or https URL")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


def _allows_something(per: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= per <= timedelta(days=30):
        raise _refusal("must be from a second to 30 days, as an ISO 8601 duration: PT1M, PT1H, P1D")
    return per


class LimitSettings(_Model):
    """How many messages a recipient gets: `burst` at once, and as many in each time of `per` that follows."""

    burst: Annotated[int, _within(1, 10000, "messages")]
    per: Annotated[timedelta, AfterValidator(_allows_something)]


def _is_a_window(window: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= window <= timedelta(days=7):
        raise _refusal("must be from a minute to 7 days, as an ISO 8601 duration: PT15M, PT1H, P1D")
    return window


class DigestSettings(_Model):
    """For how long what a recipient gets of a category is gathered, and the template of the message that lists it."""

    window: Annotated[timedelta, AfterValidator(_is_a_window)]
    template: Annotated[
        str,
        _matching(
            r"[a-z0-9][a-z0-9_-]{0,63}", "the name of a template: lower-case letters, digits, _ and -, 64 at most"
        ),
    ]


class ChannelSettings(_Model):
    """How fast and how stubbornly one channel's worker goes through its queue. Durations are in seconds."""

    enabled: bool = True
    """Whether the environment has the channel at all."""
    batch_size: Annotated[
        int,
        _within(
            1, 10, "a larger batch needs a batching window, which would hold messages back; raise maximumConcurrency"
        ),
    ] = 10
    maximum_concurrency: Annotated[int, _within(2, 1000, "Lambda's bounds for an SQS event source")] = 10
    """Of each of the channel's lanes: what is urgent has as many invocations for itself."""
    minimum_concurrency: Annotated[int | None, _within(20, 1000, "two pollers, the fewest, feed 10 each")] = None
    """What Lambda keeps pollers ready for, which costs by the hour; None lets it scale by itself from next to none."""
    timeout_seconds: Annotated[int, _within(1, 900, "Lambda's bounds")] = 30
    memory_mb: Annotated[int, _within(128, 10240, "Lambda's bounds")] = 384
    visibility_timeout_seconds: Annotated[int, _within(1, 43200, "SQS's bounds")] = 180
    max_receive_count: Annotated[
        int,
        _within(LEAST_ATTEMPTS, 1000, "with fewer attempts, an outage of minutes fills the dead-letter queue"),
    ] = 10
    limit: LimitSettings | None = None
    """How many messages a recipient gets on the channel, of all categories that are not critical."""
    provider_rates: dict[str, Annotated[int, _within(1, 500, "messages a second")]] = {}
    """How fast each provider is asked, by all workers together; as fast as can be when it is not named."""

    @model_validator(mode="after")
    def _what_is_under_way_can_wait_for_its_provider(self) -> Self:
        under_way = LANES * self.batch_size * self.maximum_concurrency
        seconds = self.timeout_seconds - FOR_ONE_CALL_SECONDS
        for provider, rate in self.provider_rates.items():
            if rate * seconds < under_way:
                raise _refusal(
                    f"providerRates.{provider} lets {max(0, rate * seconds)} messages go within an invocation, and "
                    f"{LANES} times batchSize times maximumConcurrency is {under_way}: lower these, or raise the rate "
                    "or timeoutSeconds"
                )
        return self

    @model_validator(mode="after")
    def _the_floor_is_under_the_ceiling(self) -> Self:
        if self.minimum_concurrency is None:
            return self
        if self.minimum_concurrency > self.maximum_concurrency:
            raise _refusal(
                f"minimumConcurrency is over maximumConcurrency, {self.maximum_concurrency}: lower it, or raise that"
            )
        for name, value in (
            ("minimumConcurrency", self.minimum_concurrency),
            ("maximumConcurrency", self.maximum_concurrency),
        ):
            if value % PER_POLLER:
                raise _refusal(
                    f"{name} must be a multiple of {PER_POLLER} where there is a floor, as a poller feeds 10"
                )
        return self

    @model_validator(mode="after")
    def _visibility_outlasts_the_worker(self) -> Self:
        needed = VISIBILITY_PER_TIMEOUT * self.timeout_seconds
        if self.visibility_timeout_seconds < needed:
            raise _refusal(
                f"visibilityTimeoutSeconds must be at least {VISIBILITY_PER_TIMEOUT} times timeoutSeconds: "
                f"raise it to {needed}, or lower timeoutSeconds to "
                f"{self.visibility_timeout_seconds // VISIBILITY_PER_TIMEOUT}"
            )
        return self


def _text(low: int, high: int) -> AfterValidator:
    # Lambda takes 4 KB of variables in sum, and these are among them.
    def check(value: str) -> str:
        if not low <= len(value) <= high or not value.isprintable():
            raise _refusal(f"must be {low} to {high} characters that can be printed, on one line")
        return value

    return AfterValidator(check)


class DisplaySettings(_Model):
    """What recipients read of a category, in one language."""

    name: Annotated[str, _text(1, 40)]
    description: Annotated[str, _text(0, 100)] = ""


class BrandSettings(_Model):
    """Whose page recipients see."""

    name: Annotated[str, _text(1, 40)] | None = None
    """None for the name in `email.from`."""
    colour: Annotated[str, _matching(r"#[0-9a-f]{6}", "a colour such as #2457c5, in lower case")] = "#2457c5"


class CategorySettings(_Model):
    """The channels a category's notifications take when the producer names none."""

    channels: Annotated[tuple[str, ...], Field(min_length=1), _distinct("a channel")]
    critical: bool = False
    """Whether they are always sent: in the user's quiet hours too, and whatever was opted out of."""
    limit: LimitSettings | None = None
    """How many of them a recipient gets on each channel."""
    unknown_retries: Annotated[
        int, _within(0, 10, "each is a copy that the recipient may get; 0 lets a person or a receipt decide at once")
    ] = 1
    """How often a delivery is sent again after an attempt of which nobody knows what came."""
    digest: DigestSettings | None = None
    """How its deliveries are gathered, to one message of each recipient, if they are."""
    track: Literal["links"] | None = None
    """Whether every link of its mail leads through the click redirect, without `tracked()`."""
    display: dict[Literal["en", "zh-Hans"], DisplaySettings] = {}
    """What recipients read of it on their page of settings, by the language of the page."""
    hidden: bool = False
    """Whether that page shows it only to who came from a message of it."""

    @model_validator(mode="after")
    def _what_is_always_sent_has_no_limit(self) -> Self:
        if self.critical and self.limit:
            raise _refusal("is critical, which is under no limit: remove limit, or critical")
        return self

    @model_validator(mode="after")
    def _what_is_always_sent_waits_for_nothing(self) -> Self:
        if self.critical and self.digest:
            raise _refusal("is critical, which waits for no digest: remove digest, or critical")
        return self


class EmailSettings(_Model):
    """Who e-mail comes from."""

    identity: Annotated[
        str, _matching(r"([^@\s]+@)?[a-z0-9.-]+\.[a-z]{2,}", "a domain or an address that SES verifies")
    ]
    sender: Annotated[str, Field(alias="from")]

    @model_validator(mode="after")
    def _sender_is_of_the_identity(self) -> Self:
        _, address = parseaddr(self.sender)
        domain = address.rpartition("@")[2].lower()
        if not (address == self.identity or domain == self.identity or domain.endswith(f".{self.identity}")):
            raise _refusal(
                f"from must be an address of the identity {self.identity}, or SES refuses all mail: change one of them"
            )
        return self


class SmsSettings(_Model):
    """Who text messages come from, and what one may cost."""

    max_segments: Annotated[
        int, _within(1, 25, "a text of 1600 characters, the longest that providers take, goes in 25 parts at most")
    ] = 10
    """In how many parts a text may go, each of which is paid for."""

    sender_id: SenderId | None = None
    """None where the country has no sender ids: a number of ours is shown then."""
    max_price_usd: Annotated[Decimal, Field(gt=0, le=10)]
    """Amazon SNS does not send a message that would cost more."""


class AlertSettings(_Model):
    """When the developers responsible are told of what is wrong with a channel, and how often. In seconds."""

    outage_after_seconds: Annotated[
        int, _within(0, 180, "with the minutes that circuits and the sweeper take, a longer wait rings after over 5")
    ] = 60
    """How long nobody takes a channel's deliveries before it rings."""
    over_after_seconds: Annotated[int, _within(0, 24 * 3600, "up to a day")] = 300
    """How long it is well before an outage is over: one that comes again before that is the same, and does not ring."""
    remind_after_seconds: Annotated[tuple[ReminderWait, ...], Field(min_length=1, max_length=20)] = (
        3600,
        4 * 3600,
        12 * 3600,
        24 * 3600,
    )
    """How long after each time it is told again while it goes on; the last one is for every further time."""


class RetentionSettings(_Model):
    """How long each class of data is kept, in whole days."""

    log: Annotated[timedelta, _whole_days(1, 3653)] = timedelta(days=400)
    """Notifications and their deliveries, after their time. It is as long as a bill can be disputed, and 35 days."""
    archive: Annotated[timedelta, _whole_days(1, 3653)] = timedelta(days=30)
    """Events, in the archive of the bus, from which they can be published again."""


Count = Annotated[int, _within(0, 1_000_000, "how many are not worth waking anybody for")]
Percent = Annotated[float, Field(gt=0, le=100)]


class AlarmSettings(_Model):
    """From where on CloudWatch's alarms ring. A number is what may be: one more rings."""

    late_after_visibility_timeouts: Annotated[
        int, _within(1, 20, "a message that fails twice is as old as one or two of them")
    ] = 3
    """How old a message may be that waits for its turn, in visibility timeouts of its channel."""
    dead_letters_for_minutes: Annotated[int, _within(1, 60, "minutes: a redriver that works takes seconds")] = 5
    error_rate_percent: Percent = 5
    """Of the deliveries that a channel brings to an end within five minutes, those that end in `error`."""
    error_rate_least_deliveries: Annotated[int, _within(1, 1_000_000, "fewer than these make no rate")] = 20
    returned: Count = 100
    """Deliveries of a channel that go back to the queue within five minutes."""
    function_errors: Count = 2
    function_throttles: Count = 0
    duration_percent: Percent = 80
    """Of a function's timeout."""
    concurrency_percent: Percent = 80
    account_concurrency: Annotated[int, _within(10, 1_000_000, "the account's quota of concurrent executions")] = 1000
    api_errors_percent: Percent = 1
    api_latency_ms: Annotated[int, _within(50, 29_000, "milliseconds; API Gateway itself gives up after 29 s")] = 3000
    api_throttled: Count = 20
    table_throttles: Count = 0
    table_errors: Count = 2
    republished: Count = 0
    """Deliveries that the sweeper publishes more than once within five minutes, as they did not move."""
    bounce_rate_percent: Percent = 4
    complaint_rate_percent: Percent = 0.08
    sms_monthly_limit_usd: Annotated[float, Field(gt=0, le=1_000_000)] = 1
    """What SNS lets the account spend on text messages in a month."""
    sms_spend_percent: Percent = 80
    events_per_minute: Count = 600
    queued_notifications: Count = 1000
    falling_behind_minutes: Annotated[int, _within(1, 60, "minutes")] = 5
    """How long both of the two before must be passed."""


class DomainSettings(_Model):
    """A domain of one's own for the API."""

    name: Annotated[str, _matching(r"([a-z0-9-]+\.)+[a-z]{2,}", "a domain name such as notify.example.com")]
    certificate_arn: Annotated[
        str, _matching(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/\S+", "an ACM certificate's ARN")
    ]


class ApiSettings(_Model):
    """The API's limits, over all its callers, and how it is reached."""

    throttle_rate: Annotated[int, _within(1, 10000, "requests per second; an account and region have 10000 by default")]
    throttle_burst: Annotated[int, _within(1, 5000, "requests; an account and region have 5000 by default")]
    authorizer_cache_seconds: Annotated[
        int, _within(0, REVOKED_WITHIN_SECONDS, "who is revoked is to be out within a minute")
    ]
    """How long API Gateway remembers a token. The app's secret is remembered for the rest of the minute."""
    refuse_replays: bool = False
    """Whether a token is good for one request only. A write for each, and nothing that API Gateway could remember."""
    manage_account_logging: bool
    """Whether this stack sets the one role through which all of API Gateway logs in this account and region."""
    custom_domain: DomainSettings | None = None
    minimum_tls: Literal["1.2", "1.3"] = "1.2"
    """Of the links in messages: 1.2, with forward secrecy, so that any mail program opens them. Producers' is 1.3."""
    links_domain: DomainSettings | None = None
    """The links' own domain; without one they are at AWS's own name."""

    @property
    def secret_max_age_seconds(self) -> int:
        """How long the authorizer remembers an app's secret: with API Gateway's memory of a token it is a minute."""
        return REVOKED_WITHIN_SECONDS - self.authorizer_cache_seconds

    @model_validator(mode="after")
    def _a_remembered_token_is_not_asked_for(self) -> Self:
        if self.refuse_replays and self.authorizer_cache_seconds:
            raise _refusal(
                "refuseReplays needs the authorizer to see each request, and API Gateway remembers its answers for "
                f"{self.authorizer_cache_seconds} seconds: set authorizerCacheSeconds to 0, or refuseReplays to false"
            )
        return self


class WafSettings(_Model):
    """The firewall before the API."""

    enabled: bool = False
    mode: Literal["count", "block"] = "count"
    """Whether it blocks what it takes for an attack, or lets it through and logs it."""
    rate_per_five_minutes: Annotated[int, _within(10, 2_000_000_000, "WAF's bounds")] = 10_000
    """How often one address may open links. Mail services open many readers' from one address of theirs."""


class Settings(_Model):
    """One environment."""

    environment: Annotated[
        str, _matching(r"[a-z][a-z0-9-]*[a-z0-9]", "a stack name of lower-case letters, digits and hyphens")
    ]
    region: Region
    allowed_account_ids: Annotated[tuple[AccountId, ...], _distinct("an account")]
    owner: TagValue
    cost_centre: TagValue
    data_class: TagValue
    protect: bool
    """Whether what holds data refuses to be deleted, by AWS and by Pulumi."""
    replica_regions: Annotated[tuple[Region, ...], _distinct("a region")]
    log_retention_days: Annotated[int, AfterValidator(_retention)]
    alert_emails: Annotated[tuple[EmailAddress, ...], _distinct("an address")]
    apps: Annotated[tuple[AppKey, ...], _distinct("an app")]
    categories: Annotated[dict[CategoryName, CategorySettings], Field(min_length=1)]
    channels: Annotated[dict[Channel, ChannelSettings], BeforeValidator(_every_channel), AfterValidator(_enabled)]
    """Those that are enabled, in the order of the stack's file, and then those that it does not name."""
    redrive_after_seconds: Annotated[tuple[RedriveWait, ...], Field(min_length=1, max_length=20)] = (
        15 * 60,
        3600,
        4 * 3600,
        12 * 3600,
    )
    """The wait of each round of what has been in a dead-letter queue."""
    unknown_decided_after_seconds: Annotated[
        int, _within(60, 30 * 24 * 3600, "from a minute to 30 days, for as long as what it was accepted with is kept")
    ] = 24 * 3600
    """For how long a delivery of which nobody knows whether it was sent waits for a receipt."""
    alerts: AlertSettings = AlertSettings()
    retention: RetentionSettings = RetentionSettings()
    alarms: AlarmSettings = AlarmSettings()
    monthly_budget_usd: Annotated[Decimal, Field(ge=0, le=10_000_000)] = Decimal()
    """What the account may cost in a month before alertEmails are told; 0 makes no budget."""
    tracing: bool = False
    """Whether requests are traced by X-Ray."""
    sweeper_concurrency: Annotated[
        int | None, _within(2, _MOST_RESERVED, "one for the sweep and at least one for schedules")
    ] = 10
    """How many invocations of the sweeper there are at once; None reserves nothing."""
    brand: BrandSettings = BrandSettings()
    email: EmailSettings
    sms: SmsSettings
    api: ApiSettings
    waf: WafSettings = WafSettings()
    snap_start: bool
    lambda_target: Target
    endpoints: dict[
        Annotated[str, _matching(r"[a-z0-9_]+", "a service id as in AWS_ENDPOINT_URL_<ID>, lower-case")], HttpUrl
    ]
    """Where functions find an AWS service that is not at AWS, by service id. On a developer's machine only."""
    provider_hosts: dict[HostName, HttpUrl]
    """Where workers find a provider's host, `*` for every other one. On a developer's machine only."""

    @model_validator(mode="after")
    def _categories_use_channels_there_are(self) -> Self:
        for name, category in self.categories.items():
            if missing := set(category.channels) - set(self.channels):
                raise _refusal(
                    f"categories.{name} uses {', '.join(sorted(missing))}, which is no enabled channel: "
                    "enable it in channels or remove it here"
                )
        return self

    @model_validator(mode="after")
    def _what_is_protected_reaches_people(self) -> Self:
        if not self.protect:
            return self
        if not self.alert_emails:
            raise _refusal(
                "alertEmails names nobody, so nobody would hear of an alarm: "
                "add who is on call, or set protect to false"
            )
        if re.search(_NOBODYS_DOMAIN, self.email.identity):
            raise _refusal(
                f"email.identity is {self.email.identity}, which nobody can own and SES never verifies: "
                "name a domain of yours, or an address there, or set protect to false"
            )
        return self

    @model_validator(mode="after")
    def _the_log_outlives_what_is_not_final(self) -> Self:
        on_its_way = timedelta(seconds=sum(self.redrive_after_seconds) + self.unknown_decided_after_seconds)
        least = timedelta(days=(TRIED_FOR + on_its_way).days + 1)
        if self.retention.log < least:
            raise _refusal(
                f"retention.log erases deliveries that are not final: what is to be sent may be on its way for "
                f"{least.days} days after its time; make it P{least.days}D or more"
            )
        return self

    @model_validator(mode="after")
    def _a_budget_tells_somebody(self) -> Self:
        # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html
        if self.monthly_budget_usd and not 1 <= len(self.alert_emails) <= _MOST_TOLD_OF_A_BUDGET:
            raise _refusal(
                f"monthlyBudgetUsd tells alertEmails, which are {len(self.alert_emails)}: "
                f"name 1 to {_MOST_TOLD_OF_A_BUDGET} addresses, or remove the budget"
            )
        return self

    @model_validator(mode="after")
    def _rates_are_of_providers_there_are(self) -> Self:
        for channel, pace in self.channels.items():
            registered = [each.name for each in of_channel(channel)]
            if unknown := set(pace.provider_rates) - set(registered):
                raise _refusal(
                    f"channels.{channel}.providerRates names {', '.join(sorted(unknown))}, "
                    f"and the channel has {', '.join(registered)}: use one of these"
                )
        return self

    @model_validator(mode="after")
    def _replicas_are_elsewhere(self) -> Self:
        if self.region in self.replica_regions:
            raise _refusal(f"replicaRegions names {self.region}, where the tables already are: remove it")
        return self

    @model_validator(mode="after")
    def _certificate_is_in_the_region(self) -> Self:
        for key, domain in (("customDomain", self.api.custom_domain), ("linksDomain", self.api.links_domain)):
            if domain and domain.certificate_arn.split(":")[3] != self.region:
                raise _refusal(f"api.{key}.certificateArn must be of {self.region}, where the API is: issue one there")
        if (
            self.api.links_domain
            and self.api.custom_domain
            and self.api.links_domain.name == self.api.custom_domain.name
        ):
            raise _refusal("api.linksDomain is that of the API, which takes TLS 1.3 alone: name another")
        return self

    @model_validator(mode="after")
    def _nothing_leads_functions_on_aws_elsewhere(self) -> Self:
        if self.lambda_target is not Target.MACHINE:
            for name, led, away in (
                ("endpoints", self.endpoints, "AWS"),
                ("providerHosts", self.provider_hosts, "the providers"),
            ):
                if led:
                    raise _refusal(
                        f"{name} would lead functions on AWS away from {away}: "
                        "remove what is in it, or set lambdaTarget to machine"
                    )
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        naming = Naming(self.environment, self.region, _NO_ACCOUNT)
        longest = max(self.channels, key=len)
        for kind, name, limit in (
            ("S3 bucket", naming.template_bucket, 63),
            ("EventBridge archive", naming.prefix, 48),
            ("Lambda function and IAM role", naming.named("notifications"), 64),
            ("Lambda function and IAM role", naming.named(f"redriver-{longest}"), 64),
            ("EventBridge rule", naming.named(longest), 64),
            ("SQS queue", naming.named(f"{longest}-dlq"), 80),
        ):
            if len(name) > limit:
                raise _refusal(
                    f"the {kind} name {name} would have {len(name)} characters, and AWS takes {limit}: "
                    f"make the stack's name, or the channel's, {len(name) - limit} shorter"
                )
        return self


def read() -> Settings:
    """Return the settings of the stack being deployed. Raises SettingsError."""
    # Config.get needs each key's name; only the whole map shows a misspelt one.
    everything: Mapping[str, str] = {**get_config_env(), **CONFIG.get()}
    start = f"{PROJECT}:"
    return load(
        pulumi.get_stack(), {key.removeprefix(start): raw for key, raw in everything.items() if key.startswith(start)}
    )


def load(environment: str, configured: Mapping[str, str]) -> Settings:
    """Return the settings of an environment from its configuration, as Pulumi holds it: text, or JSON of anything else.

    Raises SettingsError.
    """
    if "environment" in configured:
        raise SettingsError(f"{PROJECT}:environment: remove it: the environment is the stack's name.")
    values = {key: _parsed(key, raw) for key, raw in configured.items()}
    try:
        return Settings.model_validate({**values, "environment": environment})
    except ValidationError as error:
        problems = (f"  {_key(each['loc'])}: {_in_words(each)}" for each in error.errors(include_url=False))
        raise SettingsError(f"Pulumi.{environment}.yaml cannot be deployed:\n" + "\n".join(problems)) from None


def _in_words(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        known = {field.alias or "" for model in _Model.__subclasses__() for field in model.model_fields.values()}
        return f"is not a setting{_near(str(error['loc'][-1]), known)}"
    return refusal_in_words(error)


def _parsed(key: str, raw: str) -> Any:
    if key in _TEXT:
        return raw
    try:
        return json.loads(raw)
    except ValueError:
        return raw  # pydantic then says what it should have been


_TEXT = {field.alias for field in Settings.model_fields.values() if field.annotation is str}


def _key(location: tuple[int | str, ...]) -> str:
    return f"{PROJECT}:{'.'.join(map(str, location))}" if location else PROJECT
