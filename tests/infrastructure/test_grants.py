"""stacks.security.grants: who may do what, statement by statement, and that each of them is needed."""

import json
import re
from dataclasses import replace
from typing import cast

import pulumi
import pytest

from handlers.domain.providers.registry import of_channel
from local.recording import CHANNELS, STACKS, Program
from stacks.naming import Naming
from stacks.security import grants
from tests import programs
from tests.infrastructure.permissions import FUNCTION, ROLE, ROLE_POLICY, functions, gaps, statements

# By function and sid: the actions, and what they are allowed on, as the ends of ARNs with the environment left out.
EXPECTED: dict[str, dict[str, tuple[set[str], set[str]]]] = {
    "authorizer": {
        "ReadAppSecrets": ({"secretsmanager:GetSecretValue"}, {"secret:carillon/<env>/apps/*"}),
        "UseSecretsKey": ({"kms:Decrypt"}, {"secrets-key"}),
    },
    "notifications": {
        "ReadRecipients": (
            {"dynamodb:BatchGetItem"},
            {f"table/carillon-<env>-{each}" for each in ("contacts", "settings", "suppressions")},
        ),
        "HoldAppsToRates": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "ForeseeLimits": ({"dynamodb:BatchGetItem"}, {"table/carillon-<env>-limits"}),
        "WriteAndReadLog": (
            {f"dynamodb:{each}" for each in ("BatchWriteItem", "PutItem", "Query", "UpdateItem")},
            {"table/carillon-<env>-notifications"},
        ),
        "KnowLanguages": (
            {f"dynamodb:{each}Item" for each in ("BatchGet", "Get", "Update")},
            {"table/carillon-<env>-templates"},
        ),
        "ListTemplates": ({"s3:ListBucket"}, {"carillon-<env>-templates-123456789012"}),
        "ReadTemplates": ({"s3:GetObject"}, {"carillon-<env>-templates-123456789012/templates/*"}),
        "PublishEvents": ({"events:PutEvents"}, {"event-bus/carillon-<env>"}),
        "MakeSchedules": ({"scheduler:CreateSchedule"}, {"schedule/carillon-<env>/*"}),
        "PassSchedulerRole": ({"iam:PassRole"}, {"role/carillon-<env>-scheduler"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
    },
    "broadcasts": {
        "KeepBroadcasts": ({"dynamodb:GetItem", "dynamodb:PutItem"}, {"table/carillon-<env>-broadcasts"}),
        "CountDeliveries": ({"dynamodb:Query"}, {"table/carillon-<env>-notifications"}),
        "KnowLanguages": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {"table/carillon-<env>-templates"}),
        "HoldAppsToRates": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "ListTemplates": ({"s3:ListBucket"}, {"carillon-<env>-templates-123456789012"}),
        "ReadTemplates": ({"s3:GetObject"}, {"carillon-<env>-templates-123456789012/templates/*"}),
        "TakeAudiences": ({"s3:PutObject"}, {"carillon-<env>-audiences-123456789012/audiences/*"}),
        "FindAudiences": ({"s3:ListBucketVersions"}, {"carillon-<env>-audiences-123456789012"}),
        "LeadBroadcasts": ({"sqs:SendMessage"}, {"carillon-<env>-broadcasts"}),
        "UseDataKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"messaging-key"}),
    },
    "fanout": {
        "ConsumeQueue": (
            {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
            {"carillon-<env>-broadcasts", "carillon-<env>-broadcasts-dlq"},
        ),
        "LeadBroadcasts": ({"sqs:SendMessage"}, {"carillon-<env>-broadcasts"}),
        "SeeHowMuchWaits": ({"sqs:GetQueueAttributes"}, {f"carillon-<env>-{each}" for each in CHANNELS}),
        "KeepBroadcasts": ({"dynamodb:GetItem", "dynamodb:PutItem"}, {"table/carillon-<env>-broadcasts"}),
        "KnowWhoHadIt": (
            {"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"},
            {"table/carillon-<env>-broadcasts"},
        ),
        "FindTagged": ({"dynamodb:Query"}, {"table/carillon-<env>-tags"}),
        "ForgetUntagged": ({"dynamodb:DeleteItem"}, {"table/carillon-<env>-tags"}),
        "ReadRecipients": (
            {"dynamodb:BatchGetItem"},
            {"table/carillon-<env>-contacts", "table/carillon-<env>-settings", "table/carillon-<env>-suppressions"},
        ),
        "KnowLanguages": (
            {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"},
            {"table/carillon-<env>-templates"},
        ),
        "WriteLog": ({"dynamodb:BatchWriteItem", "dynamodb:PutItem"}, {"table/carillon-<env>-notifications"}),
        "CancelDeliveries": ({"dynamodb:Query", "dynamodb:UpdateItem"}, {"table/carillon-<env>-notifications"}),
        "ListTemplates": ({"s3:ListBucket"}, {"carillon-<env>-templates-123456789012"}),
        "ReadTemplates": ({"s3:GetObject"}, {"carillon-<env>-templates-123456789012/templates/*"}),
        "ReadAudiences": ({"s3:GetObjectVersion"}, {"carillon-<env>-audiences-123456789012/audiences/*"}),
        "PublishEvents": ({"events:PutEvents"}, {"event-bus/carillon-<env>"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"messaging-key"}),
    },
    "contacts": {
        "HoldAppsToRates": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "KeepContacts": (
            {f"dynamodb:{each}Item" for each in ("BatchGet", "ConditionCheck", "Delete", "Get", "Put", "Update")},
            {"table/carillon-<env>-contacts"},
        ),
        "KeepDevices": (
            {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem"},
            {"table/carillon-<env>-devices"},
        ),
        "KeepSettings": (
            {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem"},
            {"table/carillon-<env>-settings"},
        ),
        "KeepSuppressions": (
            {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"},
            {"table/carillon-<env>-suppressions"},
        ),
        "AskToErase": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-notifications"}),
        "IndexTags": ({"dynamodb:BatchWriteItem"}, {"table/carillon-<env>-tags"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
    },
    "templates": {
        "KnowLanguages": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {"table/carillon-<env>-templates"}),
        "HoldAppsToRates": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "ListTemplates": ({"s3:ListBucket"}, {"carillon-<env>-templates-123456789012"}),
        "KeepTemplates": (
            {"s3:GetObject", "s3:PutObject"},
            {"carillon-<env>-templates-123456789012/templates/*"},
        ),
        "UseDataKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"data-key"}),
    },
    "tracking": {
        "ObserveDeliveries": (
            {"dynamodb:GetItem", "dynamodb:UpdateItem"},
            {"table/carillon-<env>-notifications"},
        ),
        "KeepChoices": ({"dynamodb:BatchGetItem", "dynamodb:PutItem"}, {"table/carillon-<env>-settings"}),
        "KnowWhoseAddress": (
            {"dynamodb:ConditionCheckItem", "dynamodb:GetItem"},
            {"table/carillon-<env>-contacts"},
        ),
        "KeepTimeZone": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-contacts"}),
        "SignLinks": ({"kms:GenerateMac"}, {"links-key"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
    },
    "reports": {
        "ReadStats": ({"dynamodb:BatchGetItem", "dynamodb:Query"}, {"table/carillon-<env>-stats"}),
        "FindByUser": ({"dynamodb:Query"}, {"table/carillon-<env>-stats/index/user"}),
        "KeepWebhooksAndRates": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "SignLinks": ({"kms:GenerateMac"}, {"links-key"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
    },
    "observer": {
        "ReadLogStream": (
            {f"dynamodb:{each}" for each in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")},
            {"table/carillon-<env>-notifications/stream/2030-01-31T12:00:00.000"},
        ),
        "CountDeliveries": (
            {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
            {"table/carillon-<env>-stats"},
        ),
        "FindWebhooks": ({"dynamodb:GetItem"}, {"table/carillon-<env>-limits"}),
        "AnnounceMoves": ({"sqs:SendMessage"}, {"carillon-<env>-webhooks"}),
        "LeaveWhatIsTooOld": ({"sqs:SendMessage"}, {"carillon-<env>-quarantine"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"messaging-key"}),
    },
    "webhooks": {
        "ConsumeQueue": (
            {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
            {"carillon-<env>-webhooks"},
        ),
        "RetryLater": ({"sqs:ChangeMessageVisibility"}, {"carillon-<env>-webhooks"}),
        "KeepWebhooks": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "DeriveKeys": ({"kms:GenerateMac"}, {"links-key"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt"}, {"messaging-key"}),
    },
    "hooks": {
        "ObserveDeliveries": (
            {"dynamodb:GetItem", "dynamodb:UpdateItem"},
            {"table/carillon-<env>-notifications"},
        ),
        "SuppressAddresses": ({"dynamodb:PutItem"}, {"table/carillon-<env>-suppressions"}),
        "KeepChoices": ({"dynamodb:BatchGetItem", "dynamodb:PutItem"}, {"table/carillon-<env>-settings"}),
        "KnowWhoseAddress": (
            {"dynamodb:ConditionCheckItem", "dynamodb:GetItem"},
            {"table/carillon-<env>-contacts"},
        ),
        "ReadCredentials": ({"secretsmanager:GetSecretValue"}, {"sendgrid", "twilio"}),
        "UseSecretsKey": ({"kms:Decrypt"}, {"secrets-key"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
    },
    "sweeper": {
        "FindDueDeliveries": ({"dynamodb:Query"}, {"table/carillon-<env>-notifications/index/due"}),
        "PostponeDueDeliveries": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-notifications"}),
        "EraseWhatWasNeverAccepted": (
            {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:Query"},
            {"table/carillon-<env>-notifications"},
        ),
        "EraseUsers": ({"dynamodb:PutItem", "dynamodb:Scan"}, {"table/carillon-<env>-notifications"}),
        "SeeWhoServesAgain": (
            {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
            {"table/carillon-<env>-limits"},
        ),
        "PublishEvents": ({"events:PutEvents"}, {"event-bus/carillon-<env>"}),
        "TellAlerts": ({"sns:Publish"}, {"carillon-<env>-alerts"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"messaging-key"}),
    },
}
# By channel, what a worker may do besides what all of them do, where its providers are AWS or it sends to devices.
OF_CHANNEL: dict[str, dict[str, tuple[set[str], set[str]]]] = {
    "email": {
        "SendEmail": ({"ses:SendEmail"}, {"identity/<domain>", "configuration-set/carillon-<env>"}),
    },
    "sms": {
        "TextPhones": ({"sns:Publish"}, {"*"}),
        "RefuseTopics": ({"sns:Publish"}, {"*"}),
        "SuppressDead": ({"dynamodb:PutItem"}, {"table/carillon-<env>-suppressions"}),
    },
    "chat": {
        "SuppressDead": ({"dynamodb:PutItem"}, {"table/carillon-<env>-suppressions"}),
    },
    "push": {
        "RegisterDevices": ({"sns:CreatePlatformEndpoint"}, {"*"}),
        "PushToDevices": ({"sns:Publish"}, {"endpoint/*/carillon-<env>-*"}),
        "ForgetDevices": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-contacts"}),
        "LetGoOfDevices": ({"dynamodb:BatchGetItem", "dynamodb:DeleteItem"}, {"table/carillon-<env>-devices"}),
    },
}


def _of_credentials(providers: set[str]) -> dict[str, tuple[set[str], set[str]]]:
    """What a worker may do whose channel has providers with credentials: nothing, if there are none."""
    if not providers:
        return {}
    return {
        "ReadCredentials": ({"secretsmanager:GetSecretValue"}, providers),
        "UseSecretsKey": ({"kms:Decrypt"}, {"secrets-key"}),
    }


for channel in CHANNELS:
    EXPECTED[f"redriver-{channel}"] = {
        "ConsumeDeadLetters": (
            {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
            {f"carillon-<env>-{channel}-dlq"},
        ),
        "RedriveDeliveries": (
            {"dynamodb:GetItem", "dynamodb:UpdateItem"},
            {"table/carillon-<env>-notifications"},
        ),
        "ParkMessages": ({"sqs:SendMessage"}, {"carillon-<env>-quarantine"}),
        "CountForAlerts": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"messaging-key"}),
    }
    suppressed = ("suppressions",) if channel != "push" else ()
    EXPECTED[f"worker-{channel}"] = {
        "ConsumeQueue": (
            {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
            {f"carillon-<env>-{channel}", f"carillon-<env>-{channel}-high"},
        ),
        "RetrySooner": (
            {"sqs:ChangeMessageVisibility"},
            {f"carillon-<env>-{channel}", f"carillon-<env>-{channel}-high"},
        ),
        "SettleDeliveries": ({"dynamodb:UpdateItem"}, {"table/carillon-<env>-notifications"}),
        "FindDigestEntries": ({"dynamodb:Query"}, {"table/carillon-<env>-notifications/index/digests"}),
        "ReadBatch": (
            {"dynamodb:BatchGetItem"},
            {f"table/carillon-<env>-{each}" for each in ("contacts", "settings", *suppressed, "notifications")},
        ),
        "ReadTemplates": ({"s3:GetObjectVersion"}, {"carillon-<env>-templates-123456789012/templates/*"}),
        "FindTemplateVersions": ({"s3:ListBucketVersions"}, {"carillon-<env>-templates-123456789012"}),
        "ShareProviderState": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {"table/carillon-<env>-limits"}),
        "SignLinks": ({"kms:GenerateMac"}, {"links-key"}),
        "UseDataKey": ({"kms:Decrypt"}, {"data-key"}),
        "UseMessagingKey": ({"kms:Decrypt"}, {"messaging-key"}),
        **_of_credentials({each.name for each in of_channel(channel) if each.credentials}),
        **OF_CHANNEL.get(channel, {}),
    }
for function, granted in EXPECTED.items():
    granted["WriteOwnLog"] = (
        {"logs:CreateLogStream", "logs:PutLogEvents"},
        {f"log-group:/aws/lambda/carillon-<env>-{function}:*"},
    )

# Where AWS leaves nothing narrower than a pattern: streams that Lambda names, suffixes that Secrets Manager adds, keys
# that producers choose, schedules that are made later, phone numbers, devices, and the one role through which API
# Gateway logs for a whole account.
WITH_WILDCARDS = {
    "WriteOwnLog",
    "ReadAppSecrets",
    "ReadTemplates",
    "KeepTemplates",
    "TakeAudiences",
    "ReadAudiences",
    "MakeSchedules",
    "WriteApiLogs",
} | (
    {"TextPhones", "RefuseTopics", "RegisterDevices", "PushToDevices"}
    & {sid for each in EXPECTED.values() for sid in each}
)
REFUSING = {"RefuseTopics"}

UNENFORCED = {
    "WriteOwnLog",
    "ConsumeDeadLetters",
    "ConsumeQueue",
    "LeaveWhatIsTooOld",
    "ReadLogStream",
    "UseDataKey",
    "UseMessagingKey",
    "UseSecretsKey",
    "RefuseTopics",
    "PassSchedulerRole",
}
"""What tests/emulator/test_least_privilege.py leaves to this module, as the emulator would not miss it."""


@pytest.mark.parametrize("function", EXPECTED)
@pytest.mark.parametrize("stack", STACKS)
def test_a_function_may_do_exactly_this(stack: str, function: str) -> None:
    granted = statements(programs.of_stack(stack), f"carillon-{stack}-{function}")
    assert {each["Sid"]: (set(each["Action"]), _ends(each["Resource"], stack)) for each in granted} == EXPECTED[
        function
    ]
    assert {each["Sid"] for each in granted if each["Effect"] != "Allow"} == REFUSING & set(EXPECTED[function])


def _ends(arns: list[str], stack: str) -> set[str]:
    ends = (re.sub(r"^identity/.+", "identity/<domain>", arn.split(":", 5)[-1]) for arn in arns)
    return {
        end.replace(f"carillon-{stack}", "carillon-<env>").replace(f"carillon/{stack}", "carillon/<env>")
        for end in ends
    }


@pytest.mark.usefixtures("loop")
def test_a_worker_whose_providers_have_no_credentials_reads_none() -> None:
    naming, key = Naming("dev", "eu-central-1", "123456789012"), cast("pulumi.Output[str]", "arn")
    granted = grants.worker(naming, grants.Keys(key, key, key, key), "chat", ())
    assert not {"ReadCredentials", "UseSecretsKey"} & {each.sid for each in granted}


def test_every_function_is_listed(deployed: Program) -> None:
    assert {name.split("-", 2)[2] for name in functions(deployed)} == set(EXPECTED)


def test_every_function_has_a_role_of_its_own_with_one_inline_policy(deployed: Program) -> None:
    for name, function in functions(deployed).items():
        role = deployed.named(ROLE, name=name)
        assert function.inputs["role"].endswith(f":{role.name}")
        assert len([policy for policy in deployed.of(ROLE_POLICY) if policy.inputs["role"] == name]) == 1
    assert len({function.inputs["role"] for function in deployed.of(FUNCTION)}) == len(deployed.of(FUNCTION))


def test_no_role_has_a_managed_policy(deployed: Program) -> None:
    assert not [
        each.type for each in deployed.resources if "PolicyAttachment" in each.type or each.type.endswith(":Policy")
    ]
    assert not [
        each.urn for each in deployed.of(ROLE) if "managedPolicyArns" in each.inputs or "inlinePolicies" in each.inputs
    ]


def test_only_lambda_assumes_a_functions_role(deployed: Program) -> None:
    for name in functions(deployed):
        (statement,) = deployed.named(ROLE, name=name).statements("assumeRolePolicy")
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert "Condition" not in statement, "nothing says that Lambda meets one"


def test_only_what_aws_forces_has_a_wildcard(deployed: Program) -> None:
    granted = [each for policy in deployed.of(ROLE_POLICY) for each in policy.statements()]
    assert not [each for each in granted if any("*" in action for action in each["Action"])]
    assert {each["Sid"] for each in granted if any("*" in arn for arn in each["Resource"])} == WITH_WILDCARDS


def test_listing_is_bound_to_templates(deployed: Program) -> None:
    listings = [
        each
        for policy in deployed.of(ROLE_POLICY)
        for each in policy.statements()
        if each["Sid"] in ("ListTemplates", "FindTemplateVersions")
    ]
    assert {each["Sid"] for each in listings} == {"ListTemplates", "FindTemplateVersions"}
    assert all(each["Condition"] == {"StringLike": {"s3:prefix": ["templates/*"]}} for each in listings)


def test_what_everybody_can_reach_writes_nothing_of_a_contact_but_the_time_zone(deployed: Program) -> None:
    [keeping] = [
        each for policy in deployed.of(ROLE_POLICY) for each in policy.statements() if each["Sid"] == "KeepTimeZone"
    ]
    assert keeping["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["user_id", "timezone"]}}


def test_a_role_is_passed_to_the_scheduler_alone(deployed: Program) -> None:
    passing = [
        each for policy in deployed.of(ROLE_POLICY) for each in policy.statements() if "iam:PassRole" in each["Action"]
    ]
    assert [each["Condition"] for each in passing] == [
        {"StringEquals": {"iam:PassedToService": ["scheduler.amazonaws.com"]}}
    ]


def test_every_function_has_its_log_its_queue_and_the_keys_behind_what_it_is_led_to(deployed: Program) -> None:
    assert gaps(deployed) == []


def test_a_key_is_used_only_by_functions_that_touch_what_it_encrypts(deployed: Program) -> None:
    for name in functions(deployed):
        granted = statements(deployed, name)
        touched = {action.split(":")[0] for each in granted for action in each["Action"]} - {"kms"}
        keyed = {
            via.split(".")[0]
            for each in granted
            for via in each.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", [])
        }
        topics = {"sns"} if any(arn.endswith("-alerts") for each in granted for arn in each["Resource"]) else set()
        assert keyed == touched & {"dynamodb", "s3", "sqs", "secretsmanager"} | topics, name


def test_no_key_that_encrypts_is_used_but_through_a_service(deployed: Program) -> None:
    uses = [
        each
        for policy in deployed.of(ROLE_POLICY)
        for each in policy.statements()
        if any(action.startswith("kms:") for action in each["Action"])
        and each["Sid"] not in ("SignLinks", "DeriveKeys")
    ]
    assert uses
    assert all(each["Condition"]["StringEquals"]["kms:ViaService"] for each in uses)


@pytest.mark.parametrize(
    ("function", "sid"), [(function, sid) for function, sids in EXPECTED.items() for sid in sids if sid in UNENFORCED]
)
def test_no_statement_can_be_taken_away_unseen(function: str, sid: str, local: Program) -> None:
    assert gaps(without(local, f"carillon-local-{function}", sid))


def test_what_schedules_are_made_for_cannot_be_taken_away_unseen(local: Program) -> None:
    assert gaps(without(local, "carillon-local-scheduler", "InvokeSweeper"))


def without(deployed: Program, role: str, sid: str) -> Program:
    """The same program, had this statement never been written."""
    policy = deployed.named(ROLE_POLICY, role=role)
    kept = [each for each in policy.statements() if each["Sid"] != sid]
    assert len(kept) == len(policy.statements()) - 1
    changed = replace(policy, inputs={**policy.inputs, "policy": json.dumps({"Statement": kept})})
    return Program([changed if each is policy else each for each in deployed.resources], deployed.outputs)
