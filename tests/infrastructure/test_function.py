"""stacks.compute.function and stacks.compute.functions: how each function runs, and what it is told."""

import json
from typing import Any

import pytest

from local import recording as program
from local.recording import ACCOUNT, CHANNELS, REGION, Program
from stacks.compute.functions import FunctionSpec, specs
from stacks.naming import Naming
from stacks.settings import SettingsError, load
from tests import programs
from tests.infrastructure.otherwise import PROVIDER_HOSTS, otherwise
from tests.infrastructure.test_settings import configured

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"

COMMON = {
    "CARILLON_ENVIRONMENT": "local",
    "POWERTOOLS_METRICS_NAMESPACE": "Carillon/local",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
TABLES = {
    f"CARILLON_{name.upper()}_TABLE": f"carillon-local-{name}" for name in ("contacts", "settings", "suppressions")
}
LOG_TABLE = {"CARILLON_NOTIFICATIONS_TABLE": "carillon-local-notifications"}
BUS = {"CARILLON_EVENT_BUS": "carillon-local"}
TEMPLATES = {"CARILLON_TEMPLATE_BUCKET": f"carillon-local-templates-{ACCOUNT}"}
LANGUAGES = {"CARILLON_TEMPLATES_TABLE": "carillon-local-templates"}

TRIAL = {
    "CARILLON_SAMPLE_URL": f"https://xxxxxxxxxx.execute-api.{REGION}.amazonaws.com/live",
    "CARILLON_SMS_MAX_SEGMENTS": "10",
}
LINK_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:links-key"

OF_BROADCASTS = {
    **TABLES,
    **LOG_TABLE,
    **BUS,
    **TEMPLATES,
    **LANGUAGES,
    **TRIAL,
    "CARILLON_AUDIENCE_BUCKET": f"carillon-local-audiences-{ACCOUNT}",
    "CARILLON_BROADCASTS_TABLE": "carillon-local-broadcasts",
    "CARILLON_BROADCAST_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-broadcasts",
    "CARILLON_CHANNELS": json.dumps(CHANNELS),
    "CARILLON_LIMITS_TABLE": "carillon-local-limits",
    "CARILLON_LOG_KEPT_DAYS": "400",
}

VARIABLES = {
    "authorizer": {"CARILLON_APP_SECRET_PREFIX": "carillon/local/apps/", "CARILLON_APP_MAX_AGE_SECONDS": "30"},
    "notifications": {
        **TABLES,
        **LOG_TABLE,
        **BUS,
        **TEMPLATES,
        **LANGUAGES,
        **TRIAL,
        "CARILLON_CHANNELS": json.dumps(CHANNELS),
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        "CARILLON_LOG_KEPT_DAYS": "400",
        "CARILLON_SCHEDULE_GROUP": "carillon-local",
        "CARILLON_SCHEDULE_TARGET": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:carillon-local-sweeper:live",
        "CARILLON_SCHEDULER_ROLE": f"arn:aws:iam::{ACCOUNT}:role/carillon-local-scheduler",
    },
    "contacts": {
        "CARILLON_CHANNELS": json.dumps(CHANNELS),
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        **{
            f"CARILLON_{name.upper()}_TABLE": f"carillon-local-{name}"
            for name in ("contacts", "devices", "settings", "suppressions", "tags")
        },
        **LOG_TABLE,
    },
    "broadcasts": OF_BROADCASTS,
    "fanout": {
        **OF_BROADCASTS,
        "CARILLON_TAGS_TABLE": "carillon-local-tags",
        "CARILLON_QUEUE_URLS": json.dumps(
            {each: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-{each}" for each in CHANNELS}
        ),
    },
    "templates": {**TEMPLATES, **LANGUAGES, **TRIAL, "CARILLON_LIMITS_TABLE": "carillon-local-limits"},
    "tracking": {
        "CARILLON_CONTACTS_TABLE": "carillon-local-contacts",
        "CARILLON_CHANNELS": json.dumps(CHANNELS),
        "CARILLON_LINK_KEY": LINK_KEY,
        "CARILLON_SETTINGS_TABLE": "carillon-local-settings",
        **LOG_TABLE,
    },
    "reports": {
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        "CARILLON_LINK_KEY": LINK_KEY,
        "CARILLON_STATS_TABLE": "carillon-local-stats",
    },
    "observer": {
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        "CARILLON_STATS_TABLE": "carillon-local-stats",
        "CARILLON_WEBHOOK_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-webhooks",
    },
    "webhooks": {
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        "CARILLON_LINK_KEY": LINK_KEY,
        "CARILLON_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-webhooks",
    },
    "hooks": {
        "CARILLON_CONTACTS_TABLE": "carillon-local-contacts",
        "CARILLON_CRITICAL_CATEGORIES": '["security"]',
        "CARILLON_PROVIDER_SECRET_PREFIX": "carillon/local/providers/",
        "CARILLON_SETTINGS_TABLE": "carillon-local-settings",
        "CARILLON_SUPPRESSIONS_TABLE": "carillon-local-suppressions",
        **LOG_TABLE,
    },
    "sweeper": {
        **LOG_TABLE,
        **BUS,
        "CARILLON_ALERT_RULES": (
            '{"outage_after_seconds":60,"over_after_seconds":300,"remind_after_seconds":[3600,14400,43200,86400]}'
        ),
        "CARILLON_ALERT_TOPIC": f"arn:aws:sns:{REGION}:{ACCOUNT}:carillon-local-alerts",
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
    },
}
OF_CHANNEL = {
    "email": {
        "CARILLON_EMAIL_FROM": "Carillon <no-reply@example.com>",
        "CARILLON_SES_CONFIGURATION_SET": "carillon-local",
        "CARILLON_TRACKED_CATEGORIES": "[]",
    },
    "sms": {"CARILLON_SMS_SENDER_ID": "Carillon", "CARILLON_SMS_MAX_PRICE_USD": "0.5"},
    "push": {"CARILLON_DEVICES_TABLE": "carillon-local-devices"},
}
for channel in CHANNELS:
    VARIABLES[f"worker-{channel}"] = {
        "CARILLON_CHANNEL": channel,
        "CARILLON_CONTACTS_TABLE": "carillon-local-contacts",
        "CARILLON_CRITICAL_CATEGORIES": '["security"]',
        "CARILLON_SETTINGS_TABLE": "carillon-local-settings",
        "CARILLON_SUPPRESSIONS_TABLE": "carillon-local-suppressions",
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        "CARILLON_LOG_KEPT_DAYS": "400",
        "CARILLON_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-{channel}",
        "CARILLON_URGENT_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-{channel}-high",
        "CARILLON_LINK_KEY": LINK_KEY,
        "CARILLON_PUBLIC_URL": f"https://links-api.execute-api.{REGION}.amazonaws.com/live",
        "CARILLON_PROVIDER_SECRET_PREFIX": "carillon/local/providers/",
        "CARILLON_SMS_MAX_SEGMENTS": "10",
        "CARILLON_UNKNOWN_DECIDED_AFTER_SECONDS": "86400",
        "CARILLON_UNKNOWN_RETRIES": "{}",
        "CARILLON_VISIBILITY_TIMEOUT_SECONDS": "180",
        **LOG_TABLE,
        **TEMPLATES,
        **OF_CHANNEL.get(channel, {}),
    }
    VARIABLES[f"redriver-{channel}"] = {
        "CARILLON_CHANNEL": channel,
        "CARILLON_LIMITS_TABLE": "carillon-local-limits",
        "CARILLON_QUARANTINE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/carillon-local-quarantine",
        "CARILLON_REDRIVE_AFTER_SECONDS": "[900, 3600, 14400, 43200]",
        **LOG_TABLE,
    }


# What follows from the categories, which are many: tests of their own say what is in it.
OF_THE_CATEGORIES = ("CARILLON_CATEGORIES", "CARILLON_LOOK", "CARILLON_RECIPIENT_LIMITS")


def variables(deployed: Program, function: str) -> dict[str, str]:
    found = deployed.named(FUNCTION, name=f"carillon-local-{function}").inputs["environment"]["variables"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("function", VARIABLES)
def test_a_function_is_told_exactly_what_it_reads(function: str, local: Program) -> None:
    told = variables(local, function)
    told = {name: value for name, value in told.items() if name not in OF_THE_CATEGORIES}
    assert told == {**COMMON, "POWERTOOLS_SERVICE_NAME": function, **VARIABLES[function]}


def test_the_service_is_told_the_channels_of_each_category(local: Program) -> None:
    categories = json.loads(variables(local, "notifications")["CARILLON_CATEGORIES"])
    assert categories["payment"] == {"channels": ["email"]}
    assert categories["security"] == {"channels": ["email"], "critical": True}
    assert set(categories) == set(load("local", configured("local")).categories)


def test_the_page_of_settings_is_told_what_recipients_read_and_nobody_else_is() -> None:
    changes: dict[str, Any] = {
        "categories": {
            "comment": {"channels": ["email"], "display": {"zh-Hans": {"name": "评论"}}},
            "test": {"channels": ["email"], "hidden": True},
        },
        "email.from": "Shop <no-reply@example.com>",
        "brand": {"colour": "#aa0000"},
    }
    every = specs(load("dev", configured(**changes)), Naming("dev", REGION, ACCOUNT))
    assert json.loads(every["tracking"].environment["CARILLON_LOOK"]) == {
        "brand": {"name": "Shop", "colour": "#aa0000"},
        "display": {"comment": {"zh-Hans": ["评论", ""]}},
        "hidden": ["test"],
    }
    assert [name for name, each in every.items() if "CARILLON_LOOK" in each.environment] == ["tracking"]
    assert json.loads(every["notifications"].environment["CARILLON_CATEGORIES"])["test"] == {"channels": ["email"]}


def test_endpoints_reach_every_function_as_botocore_reads_them() -> None:
    for function in otherwise("local").of(FUNCTION):
        told = function.inputs["environment"]["variables"]
        assert told["AWS_ENDPOINT_URL_SESV2"] == "http://localhost:1234/aws"


def test_a_country_without_sender_ids_has_none() -> None:
    settings = load("dev", configured(sms={"maxPriceUsd": 0.1}))
    told = specs(settings, Naming("dev", REGION, ACCOUNT))["worker-sms"].environment
    assert "CARILLON_SMS_SENDER_ID" not in told
    assert told["CARILLON_SMS_MAX_PRICE_USD"] == "0.1"


def test_a_message_is_tried_with_urls_as_long_as_the_links_own_domain() -> None:
    domain = {
        "name": "notify.example.com",
        "certificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    }
    changes: dict[str, Any] = {"api.linksDomain": domain, "region": "eu-central-1"}
    settings = load("dev", configured(**changes))
    told = specs(settings, Naming("dev", "eu-central-1", ACCOUNT))
    assert {told[name].environment["CARILLON_SAMPLE_URL"] for name in ("notifications", "templates")} == {
        "https://notify.example.com"
    }


def test_everybody_who_judges_a_text_message_is_told_in_how_many_parts_it_may_go() -> None:
    changes: dict[str, Any] = {"sms.maxSegments": 3}
    settings = load("dev", configured(**changes))
    told = specs(settings, Naming("dev", REGION, ACCOUNT))
    names = ("notifications", "templates", "worker-sms")
    assert {told[name].environment["CARILLON_SMS_MAX_SEGMENTS"] for name in names} == {"3"}


def test_only_who_calls_out_is_told_where_else_a_provider_is_and_only_where_config_says_so(local: Program) -> None:
    told = {
        each.inputs["name"]: each.inputs["environment"]["variables"]["CARILLON_PROVIDER_HOSTS"]
        for each in otherwise("local").of(FUNCTION)
        if "CARILLON_PROVIDER_HOSTS" in each.inputs["environment"]["variables"]
    }
    calling = ("webhooks", *(f"worker-{channel}" for channel in CHANNELS))
    assert told == {f"carillon-local-{function}": PROVIDER_HOSTS for function in calling}
    assert not [
        each for each in local.of(FUNCTION) if "CARILLON_PROVIDER_HOSTS" in each.inputs["environment"]["variables"]
    ]


def test_no_variable_looks_like_a_secret(deployed: Program) -> None:
    names = {name for each in deployed.of(FUNCTION) for name in each.inputs["environment"]["variables"]}
    suspicious = {name for name in names if any(word in name for word in ("SECRET", "PASSWORD", "TOKEN", "KEY"))}
    # The beginnings of names, and the name of a key that never leaves KMS; no values.
    assert suspicious == {"CARILLON_APP_SECRET_PREFIX", "CARILLON_PROVIDER_SECRET_PREFIX", "CARILLON_LINK_KEY"}


def test_variables_that_lambda_would_refuse_are_refused_naming_the_largest() -> None:
    many = {f"category-{number}": {"channels": ["email"]} for number in range(150)}
    settings = load("dev", configured(categories=many))
    with pytest.raises(
        SettingsError, match=r"notifications take \d+ bytes and Lambda allows 4096: shorten CARILLON_CATEGORIES"
    ):
        specs(settings, Naming("dev", REGION, ACCOUNT))


def test_variables_may_fill_what_lambda_allows() -> None:
    assert FunctionSpec("full", "", 1, 128, {"A": "x" * 4095}).environment
    with pytest.raises(SettingsError, match="take 4097 bytes"):
        FunctionSpec("full", "", 1, 128, {"A": "x" * 4096})


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_functions_on_aws_run_python_3_13_on_arm64(stack: str) -> None:
    for function in programs.of_stack(stack).of(FUNCTION):
        assert function.inputs["runtime"] == "python3.13"
        assert function.inputs["architectures"] == ["arm64"]


def test_functions_are_published_behind_one_alias(deployed: Program) -> None:
    assert {each.inputs["publish"] for each in deployed.of(FUNCTION)} == {True}
    aliases = {(each.inputs["functionName"], each.inputs["name"]) for each in deployed.of(ALIAS)}
    assert aliases == {(each.inputs["name"], "live") for each in deployed.of(FUNCTION)}


def test_functions_start_from_snapshots_where_config_says_so(prod: Program, local: Program) -> None:
    assert {each.inputs["snapStart"]["applyOn"] for each in prod.of(FUNCTION)} == {"PublishedVersions"}
    assert not [each for each in local.of(FUNCTION) if "snapStart" in each.inputs]


def test_no_function_reserves_concurrency_that_others_could_use(deployed: Program) -> None:
    reserved = {
        each.inputs["name"].split("-", 2)[2]: each.inputs["reservedConcurrentExecutions"]
        for each in deployed.of(FUNCTION)
        if "reservedConcurrentExecutions" in each.inputs
    }
    assert reserved == {"sweeper": 10}  # schedules invoke it, by the thousand at one second


def test_a_function_waits_for_its_log_group_and_its_permissions(deployed: Program) -> None:
    for function in deployed.of(FUNCTION):
        group = deployed.named(LOG_GROUP, name=f"/aws/lambda/{function.inputs['name']}")
        policy = deployed.named("aws:iam/rolePolicy:RolePolicy", role=function.inputs["name"])
        assert {group.urn, policy.urn} <= function.dependencies


@pytest.mark.parametrize("stack", program.STACKS)
def test_logs_are_kept_as_long_as_configured(stack: str) -> None:
    days = load(stack, configured(stack)).log_retention_days
    assert {each.inputs["retentionInDays"] for each in programs.of_stack(stack).of(LOG_GROUP)} == {days}


def test_a_function_is_updated_when_its_zip_is(deployed: Program) -> None:
    for function in deployed.of(FUNCTION):
        service = function.inputs["environment"]["variables"]["POWERTOOLS_SERVICE_NAME"]
        assert function.inputs["sourceCodeHash"] == f"hash of {service}"


def test_functions_behind_the_api_answer_before_api_gateway_gives_up(deployed: Program) -> None:
    behind = ("authorizer", "notifications", "broadcasts", "contacts", "templates")
    times = [
        each.inputs["timeout"]
        for each in deployed.of(FUNCTION)
        if each.inputs["environment"]["variables"]["POWERTOOLS_SERVICE_NAME"] in behind
    ]
    assert max(times) < 29


def test_a_functions_log_has_its_own_lines_and_of_lambdas_those_that_warn_alone(deployed: Program) -> None:
    for function in deployed.of(FUNCTION):
        assert function.inputs["loggingConfig"] == {
            "logFormat": "JSON",
            "applicationLogLevel": "INFO",
            "systemLogLevel": "WARN",
            "logGroup": f"/aws/lambda/{function.inputs['name']}",
        }


def test_a_worker_is_told_its_own_channels_limits_and_who_foresees_them_those_of_all() -> None:
    minute, day = {"burst": 5, "per": "PT1M"}, {"burst": 1, "per": "P1D"}
    changes: dict[str, Any] = {
        "channels.sms.limit": minute,
        "categories.marketing.limit": day,
        "categories.social": {"channels": ["email"]},
    }
    settings = load("dev", configured(**changes))
    every = specs(settings, Naming("dev", REGION, ACCOUNT))
    told = {name: json.loads(spec.environment.get("CARILLON_RECIPIENT_LIMITS", "{}")) for name, spec in every.items()}
    assert told["worker-sms"] == {"sms": {"*": minute, "marketing": day}}
    assert told["worker-email"] == {"email": {"marketing": day}}
    assert told["notifications"] == {
        "sms": {"*": minute, "marketing": day},
        **{channel: {"marketing": day} for channel in CHANNELS if channel != "sms"},
    }
    assert told["contacts"] == {}
    assert "limit" not in every["notifications"].environment["CARILLON_CATEGORIES"]
