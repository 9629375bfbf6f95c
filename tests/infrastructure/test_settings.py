"""stacks.settings: what an environment may be configured with, and what each refusal tells the engineer to change."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from handlers.config import Category, digests
from handlers.domain.channels import CHANNELS
from handlers.domain.notifications.digests import Digest
from handlers.domain.notifications.due import FINDS_ALL_IT_NEEDS
from local.engine import project
from local.recording import ROOT, STACKS, Program, configuration
from stacks.settings import TRIED_FOR, ChannelSettings, Settings, SettingsError, load

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"


def configured(stack: str = "dev", **changes: Any) -> dict[str, str]:
    """The stack's configuration without its namespace, these keys changed: a dotted name reaches into an object."""
    plain = {key.removeprefix("carillon:"): _read(value) for key, value in configuration(stack).items()}
    for name, value in changes.items():
        *parents, last = name.split(".")
        holder = plain
        for parent in parents:
            holder = holder[parent]
        holder[last] = value
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in plain.items()}


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_file_is_accepted(stack: str) -> None:
    assert load(stack, configured(stack)).environment == stack


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice, as the Pulumi CLI does (https://yaml.org/spec/1.2.2/#3213-node-comparison)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(set(keys)) == len(keys), f"{node.start_mark}: twice {sorted(k for k in keys if keys.count(k) > 1)}"
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize("name", ["Pulumi.yaml", *(f"Pulumi.{stack}.yaml" for stack in STACKS)])
def test_no_key_is_in_a_file_twice_which_the_pulumi_cli_refuses(name: str) -> None:
    assert yaml.load((ROOT / name).read_text(), StrictLoader)


@pytest.mark.parametrize("stack", STACKS)
def test_stack_files_state_every_setting_so_that_environments_differ_in_values_alone(stack: str) -> None:
    described = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    fields = {field.alias for name, field in Settings.model_fields.items() if name != "environment"}

    assert set(configured(stack)) == set(described) == fields
    assert all(each["description"] for each in described.values())


def test_a_channel_that_a_stack_file_does_not_name_has_the_usual_pace() -> None:
    settings = load("dev", configured(channels={"email": {"batchSize": 5}}))
    assert list(settings.channels) == ["email", *(each for each in CHANNELS if each != "email")]
    assert settings.channels["email"].batch_size == 5
    assert settings.channels["chat"] == ChannelSettings()


def test_a_channel_that_is_not_enabled_is_not_there() -> None:
    changes: dict[str, Any] = {"channels.chat.enabled": False, "categories.demo.channels": ["push"]}
    settings = load("dev", configured(**changes))
    assert set(settings.channels) == set(CHANNELS) - {"chat"}


def _quoted(value: Any) -> Any:
    """As `pulumi stack init` writes a value again: numbers and booleans are text."""
    match value:
        case dict():
            return {key: _quoted(each) for key, each in value.items()}
        case list():
            return [_quoted(each) for each in value]
        case bool() | int() | float():
            return json.dumps(value)
    return value


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_that_pulumi_stack_init_has_rewritten_means_the_same(stack: str, tmp_path: Path) -> None:
    """It quotes numbers and booleans and drops comments."""
    for name in ("Pulumi.yaml", f"Pulumi.{stack}.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    before = project.load(tmp_path, stack, {}).config
    written = yaml.safe_load((tmp_path / f"Pulumi.{stack}.yaml").read_text())
    rewritten = yaml.safe_dump(_quoted(written))
    assert "logRetentionDays: '" in rewritten
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(rewritten)
    after = project.load(tmp_path, stack, {}).config
    assert after.keys() == before.keys()
    assert _settings(stack, after) == _settings(stack, before)


def _settings(stack: str, config: Mapping[str, str]) -> Settings:
    return load(stack, {key.removeprefix("carillon:"): value for key, value in config.items()})


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(Exception, match="frozen"):
        load("dev", configured()).protect = True  # type: ignore[misc]


def test_the_log_is_kept_for_longer_than_anything_is_tried() -> None:
    assert TRIED_FOR >= FINDS_ALL_IT_NEEDS
    least = TRIED_FOR + timedelta(days=2)  # with the rounds and the doubts of the stack's file
    assert load("dev", configured(**{"retention.log": f"P{least.days}D"})).retention.log == least


def test_a_tag_of_digits_stays_text() -> None:
    assert load("dev", configured(costCentre="4711")).cost_centre == "4711"


EMAIL = "channels.email"
_OWN = {
    "name": "notify.example.org",
    "certificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
}

REFUSALS = {
    "a key nobody knows": (
        {"regoin": "eu-central-1"},
        "carillon:regoin: is not a setting: did you mean region?",
    ),
    "a nested key nobody knows": (
        {f"{EMAIL}.batchsize": 1},
        "carillon:channels.email.batchsize: is not a setting: did you mean batchSize?",
    ),
    "an environment that is not the stack's name": (
        {"environment": "prod"},
        "carillon:environment: remove it: the environment is the stack's name.",
    ),
    "a key like no other": (
        {"zzz": "mint"},
        "carillon:zzz: is not a setting\n",
    ),
    "a log that forgets what is on its way": (
        {"retention.log": "P31D"},
        "carillon: retention.log erases deliveries that are not final",
    ),
    "a retention of hours": (
        {"retention.log": "P400DT1H"},
        "carillon:retention.log: must be 1 to 3653 whole days, as an ISO 8601 duration such as P400D",
    ),
    "a region that is none": (
        {"region": "Frankfurt"},
        "carillon:region: must be an AWS region\n",
    ),
    "a region that AWS does not have": (
        {"region": "eu-central-7"},
        "carillon:region: must be an AWS region: did you mean eu-central-",
    ),
    "a protected environment whose alarms reach nobody": (
        {"protect": True, "email.identity": "carillon.dev", "email.from": "no-reply@carillon.dev"},
        "carillon: alertEmails names nobody, so nobody would hear of an alarm: add who is on call",
    ),
    "a protected environment that would send from a domain nobody can own": (
        {"protect": True, "alertEmails": ["on-call@carillon.dev"]},
        "carillon: email.identity is example.com, which nobody can own and SES never verifies: name a domain of yours",
    ),
    "an account id that YAML made a number": (
        {"allowedAccountIds": [123456789012]},
        "carillon:allowedAccountIds.0: must be text",
    ),
    "an account id that is too short": (
        {"allowedAccountIds": ["42"]},
        "carillon:allowedAccountIds.0: must be a quoted account id of twelve digits",
    ),
    "a retention CloudWatch does not have": (
        {"logRetentionDays": 8},
        "carillon:logRetentionDays: must be one of CloudWatch's retention periods: 1, 3, 5, 7, 14,",
    ),
    "a truth that is none": (
        {"protect": "perhaps"},
        "carillon:protect: must be true or false",
    ),
    "a batch that needs a window": (
        {f"{EMAIL}.batchSize": 11},
        "carillon:channels.email.batchSize: must be from 1 to 10: a larger batch needs a batching window",
    ),
    "a concurrency below Lambda's least": (
        {f"{EMAIL}.maximumConcurrency": 1},
        "carillon:channels.email.maximumConcurrency: must be from 2 to 1000: Lambda's bounds",
    ),
    "a concurrency above Lambda's most": (
        {f"{EMAIL}.maximumConcurrency": 1001},
        "carillon:channels.email.maximumConcurrency: must be from 2 to 1000: Lambda's bounds",
    ),
    "a timeout over fifteen minutes": (
        {f"{EMAIL}.timeoutSeconds": 901, f"{EMAIL}.visibilityTimeoutSeconds": 43200},
        "carillon:channels.email.timeoutSeconds: must be from 1 to 900",
    ),
    "a memory Lambda does not sell": (
        {f"{EMAIL}.memoryMb": 64},
        "carillon:channels.email.memoryMb: must be from 128 to 10240",
    ),
    "a visibility over twelve hours": (
        {f"{EMAIL}.visibilityTimeoutSeconds": 43201},
        "carillon:channels.email.visibilityTimeoutSeconds: must be from 1 to 43200",
    ),
    "a visibility that lets a message reappear while it is worked on": (
        {f"{EMAIL}.visibilityTimeoutSeconds": 179},
        "carillon:channels.email: visibilityTimeoutSeconds must be at least 6 times timeoutSeconds: "
        "raise it to 180, or lower timeoutSeconds to 29",
    ),
    "so few attempts that an outage of minutes fills the dead-letter queue": (
        {f"{EMAIL}.maxReceiveCount": 9},
        "carillon:channels.email.maxReceiveCount: must be from 10 to 1000: with fewer attempts, an outage of minutes",
    ),
    "a channel that has no worker": (
        {"channels.fax": {}},
        "carillon:channels.fax.[key]: must be a channel that has a worker: push, sms, email, chat",
    ),
    "no channel at all": (
        {"channels": {name: {"enabled": False} for name in CHANNELS}},
        "carillon:channels: must have at least one channel that is enabled",
    ),
    "a category on a channel there is not": (
        {"categories.payment.channels": ["email", "fax"]},
        "carillon: categories.payment uses fax, which is no enabled channel: enable it in channels or remove it here",
    ),
    "a category on no channel": (
        {"categories.payment.channels": []},
        "carillon:categories.payment.channels: must have at least 1 item",
    ),
    "a channel twice in a category": (
        {"categories.payment.channels": ["email", "email"]},
        "carillon:categories.payment.channels: names a channel twice: remove the repetition",
    ),
    "a category whose name is no detail-type": (
        {"categories.Big Sale": {"channels": ["email"]}},
        "carillon:categories.Big Sale.[key]: must be lower-case letters, digits, _ and -",
    ),
    "an app key the authorizer would not look up": (
        {"apps": ["Billing"]},
        "carillon:apps.0: must be 2 to 63 lower-case letters, digits and hyphens",
    ),
    "an app twice": (
        {"apps": ["billing", "billing"]},
        "carillon:apps: names an app twice: remove the repetition",
    ),
    "an alert to nobody": (
        {"alertEmails": ["on-call"]},
        "carillon:alertEmails.0: must be an e-mail address",
    ),
    "a replica where the table is": (
        {"replicaRegions": ["eu-central-1"]},
        "carillon: replicaRegions names eu-central-1, where the tables already are: remove it",
    ),
    "a sender SES would refuse": (
        {"email.from": "Carillon <no-reply@example.org>"},
        "carillon:email: from must be an address of the identity example.com, or SES refuses all mail",
    ),
    "an identity that is neither domain nor address": (
        {"email.identity": "example"},
        "carillon:email.identity: must be a domain or an address that SES verifies",
    ),
    "an API rate above the account's": (
        {"api.throttleRate": 10001},
        "carillon:api.throttleRate: must be from 1 to 10000: requests per second",
    ),
    "an API burst above the account's": (
        {"api.throttleBurst": 5001},
        "carillon:api.throttleBurst: must be from 1 to 5000",
    ),
    "an authorization remembered for over an hour": (
        {"api.authorizerCacheSeconds": 61},
        "carillon:api.authorizerCacheSeconds: must be from 0 to 60: who is revoked is to be out within a minute",
    ),
    "links at the domain of the API": (
        {"api.customDomain": _OWN, "api.linksDomain": _OWN},
        "carillon: api.linksDomain is that of the API, which takes TLS 1.3 alone: name another",
    ),
    "an old TLS": (
        {"api.minimumTls": "1.1"},
        "carillon:api.minimumTls:",
    ),
    "a token that is remembered and good once": (
        {"api.refuseReplays": True},
        "carillon:api: refuseReplays needs the authorizer to see each request",
    ),
    "a certificate of another region": (
        {"api.customDomain": {"name": "notify.example.com", "certificateArn": CERTIFICATE}},
        "carillon: api.customDomain.certificateArn must be of eu-central-1, where the API is: issue one there",
    ),
    "a certificate that is none": (
        {"api.customDomain": {"name": "notify.example.com", "certificateArn": "mine"}},
        "carillon:api.customDomain.certificateArn: must be an ACM certificate's ARN",
    ),
    "a target nothing is packaged for": (
        {"lambdaTarget": "mainframe"},
        "carillon:lambdaTarget: must be aws or machine",
    ),
    "endpoints that would lead AWS's functions elsewhere": (
        {"endpoints": {"sesv2": "http://localhost:1"}},
        "carillon: endpoints would lead functions on AWS away from AWS: remove what is in it, or set",
    ),
    "provider hosts that would lead AWS's functions elsewhere": (
        {"providerHosts": {"api.twilio.com": "http://localhost:1"}},
        "carillon: providerHosts would lead functions on AWS away from the providers: remove what is in it, or set",
    ),
    "a provider's host that is none": (
        {"providerHosts": {"https://api.twilio.com": "http://localhost:1"}, "lambdaTarget": "machine"},
        "carillon:providerHosts.https://api.twilio.com.[key]: must be a host such as api.twilio.com, or *",
    ),
    "a sender of text messages that is too long": (
        {"sms.senderId": "Notifications"},
        "carillon:sms.senderId: must be 1 to 11 letters and digits, at least one of them a letter",
    ),
    "a sender of text messages that is a number": (
        {"sms.senderId": "12345"},
        "carillon:sms.senderId: must be 1 to 11 letters and digits, at least one of them a letter",
    ),
    "a text message that may cost nothing": (
        {"sms.maxPriceUsd": 0},
        "carillon:sms.maxPriceUsd: must be more than 0",
    ),
    "a text message in more parts than any provider takes": (
        {"sms.maxSegments": 26},
        "carillon:sms.maxSegments: must be from 1 to 25: a text of 1600 characters",
    ),
    "a text message in no part at all": (
        {"sms.maxSegments": 0},
        "carillon:sms.maxSegments: must be from 1 to 25: a text of 1600 characters",
    ),
    "an endpoint that is no URL": (
        {"endpoints": {"sesv2": "localhost"}, "lambdaTarget": "machine"},
        "carillon:endpoints.sesv2: must be an http or https URL",
    ),
    "a tag AWS would refuse": (
        {"owner": "who?"},
        "carillon:owner: must be a tag value",
    ),
}


@pytest.mark.parametrize(("changes", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_work_is_refused_saying_what_to_change(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load("dev", configured(**changes))
    assert message in f"{refused.value}\n"


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load("dev", configured(region="Frankfurt", logRetentionDays=8))
    assert "Pulumi.dev.yaml cannot be deployed" in str(refused.value)
    assert "carillon:region" in str(refused.value)
    assert "carillon:logRetentionDays" in str(refused.value)


def test_a_missing_setting_is_named() -> None:
    kept = {key: value for key, value in configured().items() if key != "protect"}
    with pytest.raises(SettingsError, match="carillon:protect: is required"):
        load("dev", kept)


def test_the_longest_stack_name_is_the_one_whose_bucket_name_still_fits() -> None:
    assert load("e" * 31, configured()).environment == "e" * 31
    with pytest.raises(SettingsError, match=r"the S3 bucket name carillon-e+-templates-0+ would have 64 characters"):
        load("e" * 32, configured())


def test_a_stack_name_that_no_bucket_can_have_is_refused() -> None:
    with pytest.raises(SettingsError, match="a stack name of lower-case letters"):
        load("Prod", configured())


def test_an_address_can_be_the_identity_and_then_only_it_may_send() -> None:
    alone = {"email.identity": "no-reply@example.com"}
    assert load("dev", configured(**alone)).email.identity == "no-reply@example.com"
    with pytest.raises(SettingsError, match="must be an address of the identity"):
        load("dev", configured(**alone, **{"email.from": "other@example.com"}))


def test_a_subdomain_of_the_identity_may_send() -> None:
    sender = "Alerts <alerts@mail.example.com>"
    assert load("dev", configured(**{"email.from": sender})).email.sender == sender


@pytest.mark.parametrize(
    ("key", "limit", "refusal"),
    [
        ("categories.security.limit", {"burst": 5, "per": "PT1M"}, "is critical, which is under no limit"),
        ("categories.payment.limit", {"burst": 0, "per": "PT1M"}, "must be from 1 to 10000"),
        ("channels.sms.limit", {"burst": 5, "per": "PT0.5S"}, "must be from a second to 30 days"),
        ("channels.sms.limit", {"burst": 5}, "is required"),
    ],
    ids=["critical", "none", "too fast", "half"],
)
def test_a_limit_that_would_hold_nothing_or_what_must_go_is_refused(
    key: str, limit: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(SettingsError, match=refusal):
        load("dev", configured("dev", **{key: limit}))


@pytest.mark.parametrize(
    ("category", "digest", "refusal"),
    [
        ("security", {"window": "PT1H", "template": "news"}, "security: is critical, which waits for no digest"),
        ("social", {"window": "PT30S", "template": "news"}, "window: must be from a minute to 7 days"),
        ("social", {"window": "P8D", "template": "news"}, "window: must be from a minute to 7 days"),
        ("social", {"window": "PT1H", "template": "My news"}, "template: must be the name of a template"),
        ("social", {"window": "PT1H"}, "digest.template: is required"),
        ("social", {"window": "PT1H", "template": "news", "every": 1}, "digest.every: is not a setting"),
    ],
    ids=["critical", "short", "long", "name", "half", "more"],
)
def test_a_digest_that_would_hold_back_what_must_go_or_list_by_nothing_is_refused(
    category: str, digest: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(SettingsError, match=refusal):
        load("dev", configured("dev", **{f"categories.{category}.digest": digest}))


def test_a_digest_is_told_to_the_service_as_it_reads_it(local: Program) -> None:
    environment = local.named("aws:lambda/function:Function", name="carillon-local-notifications").inputs["environment"]
    told = TypeAdapter(dict[str, Category]).validate_json(environment["variables"]["CARILLON_CATEGORIES"])
    assert digests(told) == {"activity": Digest(timedelta(minutes=1), "activity-digest")}


@pytest.mark.parametrize(("rate", "timeout"), [(15, 30), (100, 17)])
def test_a_provider_rate_for_which_messages_could_not_wait_in_an_invocation_is_refused(rate: int, timeout: int) -> None:
    pace: dict[str, Any] = {"providerRates": {"twilio": rate}, "timeoutSeconds": timeout}
    with pytest.raises(SettingsError, match="2 times batchSize times maximumConcurrency is 200"):
        load("dev", configured("dev", **{"channels.sms": pace}))
    kept: dict[str, Any] = {"providerRates": {"twilio": 16}}
    assert load("dev", configured("dev", **{"channels.sms": kept})).channels["sms"].provider_rates == {"twilio": 16}


def test_a_provider_rate_of_a_provider_that_there_is_not_is_refused_naming_those_that_there_are() -> None:
    pace: dict[str, Any] = {"providerRates": {"twilo": 20}}
    with pytest.raises(SettingsError, match="names twilo, and the channel has sns, twilio"):
        load("dev", configured("dev", **{"channels.sms": pace}))
