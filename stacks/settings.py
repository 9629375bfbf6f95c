"""What an environment is configured with: read once, checked once, immutable afterwards.

The keys are those of `Pulumi.<environment>.yaml`, described in `Pulumi.yaml`. Every bound is AWS's, or a rule between
two values that would only show itself in production; every refusal says what to change.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from email.utils import parseaddr
from typing import Annotated, Any, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from stacks.compute.packaging import Target
from stacks.naming import PROJECT, Naming

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
# Those that can have a worker. Another needs an entrypoint, its dependency group, its grants and its variables.
CHANNELS = ("email", "sms", "push", "chat")
# A message must stay hidden while Lambda may still be working on it, retries of a throttled batch included:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
VISIBILITY_PER_TIMEOUT = 6
# A message that fails is tried again after 10, 20, 40 … seconds: with this many attempts, for a quarter of an hour.
LEAST_ATTEMPTS = 10
_NO_ACCOUNT = "0" * 12  # account ids all have twelve digits, so the length of a name is known before the account is


class SettingsError(pulumi.RunError):
    """The configuration cannot be deployed. The message lists every problem: its key, and what to change."""


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{message}", {"message": message})


def _within(low: int, high: int, why: str) -> AfterValidator:
    def check(value: int) -> int:
        if not low <= value <= high:
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


def _retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise _refusal(f"must be one of CloudWatch's retention periods: {', '.join(map(str, LOG_RETENTION_DAYS))}")
    return days


Region = Annotated[str, _matching(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-central-1")]
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
HostName = Annotated[
    str, _matching(r"\*|([a-z0-9-]+\.)+[a-z]{2,}", "a host such as api.twilio.com, or * for every other one")
]
HttpUrl = Annotated[str, _matching(r"https?://\S+", "an http or https URL")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class ChannelSettings(_Model):
    """How fast and how stubbornly one channel's worker goes through its queue. Durations are in seconds."""

    batch_size: Annotated[
        int,
        _within(
            1, 10, "a larger batch needs a batching window, which would hold messages back; raise maximumConcurrency"
        ),
    ]
    maximum_concurrency: Annotated[int, _within(2, 1000, "Lambda's bounds for an SQS event source")]
    timeout_seconds: Annotated[int, _within(1, 900, "Lambda's bounds")]
    memory_mb: Annotated[int, _within(128, 10240, "Lambda's bounds")]
    visibility_timeout_seconds: Annotated[int, _within(1, 43200, "SQS's bounds")]
    max_receive_count: Annotated[
        int,
        _within(LEAST_ATTEMPTS, 1000, "with fewer attempts, an outage of minutes fills the dead-letter queue"),
    ]

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


class CategorySettings(_Model):
    """The channels a category's notifications take when the producer names none."""

    channels: Annotated[tuple[str, ...], Field(min_length=1), _distinct("a channel")]
    critical: bool = False
    """Whether they are always sent: in the user's quiet hours too, and whatever was opted out of."""


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
    authorizer_cache_seconds: Annotated[int, _within(0, 3600, "API Gateway's bounds")]
    manage_account_logging: bool
    """Whether this stack sets the one role through which all of API Gateway logs in this account and region."""
    custom_domain: DomainSettings | None = None


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
    channels: Annotated[dict[Channel, ChannelSettings], Field(min_length=1)]
    email: EmailSettings
    sms: SmsSettings
    api: ApiSettings
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
                    f"categories.{name} uses {', '.join(sorted(missing))}, which is not in channels: "
                    "add it there or remove it here"
                )
        return self

    @model_validator(mode="after")
    def _replicas_are_elsewhere(self) -> Self:
        if self.region in self.replica_regions:
            raise _refusal(f"replicaRegions names {self.region}, where the tables already are: remove it")
        return self

    @model_validator(mode="after")
    def _certificate_is_in_the_region(self) -> Self:
        domain = self.api.custom_domain
        if domain and domain.certificate_arn.split(":")[3] != self.region:
            raise _refusal(
                f"api.customDomain.certificateArn must be of {self.region}, where the API is: issue one there"
            )
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
            ("Lambda function and IAM role", naming.worker(longest), 64),
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
        problems = (f"  {_key(detail['loc'])}: {detail['msg']}" for detail in error.errors(include_url=False))
        raise SettingsError(f"Pulumi.{environment}.yaml cannot be deployed:\n" + "\n".join(problems)) from None


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
