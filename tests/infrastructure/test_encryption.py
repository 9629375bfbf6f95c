"""stacks.security.encryption: who may use which key, and only for what."""

from typing import Any

import pytest

from local.recording import ACCOUNT, REGION, Program
from stacks.security.encryption import ADMINISTER

KEY = "aws:kms/key:Key"
ROOT_PRINCIPAL = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
USES = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}

# What is encrypted with which key: the resource type, the way to the key, and the key.
ENCRYPTED = {
    "aws:dynamodb/table:Table": (("serverSideEncryption", "kmsKeyArn"), "data-key"),
    "aws:cloudwatch/eventBus:EventBus": (("kmsKeyIdentifier",), "messaging-key"),
    "aws:cloudwatch/eventArchive:EventArchive": (("kmsKeyIdentifier",), "messaging-key"),
    "aws:cloudwatch/logGroup:LogGroup": (("kmsKeyId",), "messaging-key"),
    "aws:sqs/queue:Queue": (("kmsMasterKeyId",), "messaging-key"),
    "aws:sns/topic:Topic": (("kmsMasterKeyId",), "messaging-key"),
    "aws:secretsmanager/secret:Secret": (("kmsKeyId",), "secrets-key"),
}


def policy(deployed: Program, key: str) -> dict[str, dict[str, Any]]:
    (found,) = (each for each in deployed.of(KEY) if each.name == key)
    return {each["Sid"]: each for each in found.statements()}


def conditions(statement: dict[str, Any]) -> dict[str, list[str]]:
    return {key: values for block in statement.get("Condition", {}).values() for key, values in block.items()}


def test_keys_rotate_but_for_that_of_links_which_kms_rotates_none_of(deployed: Program) -> None:
    rotated = {each.name: each.inputs["enableKeyRotation"] for each in deployed.of(KEY)}
    assert {name for name, rotates in rotated.items() if not rotates} == {"links-key"}


def test_the_key_of_links_makes_codes_and_encrypts_nothing(deployed: Program) -> None:
    for key in deployed.of(KEY):
        is_of_links = key.name == "links-key"
        assert (key.inputs.get("keyUsage") == "GENERATE_VERIFY_MAC") is is_of_links
        uses = {action for each in key.statements() for action in each["Action"]} - set(ADMINISTER)
        assert (uses == {"kms:GenerateMac"}) is is_of_links


def test_a_protected_environment_keeps_a_deleted_key_for_a_month(prod: Program, local: Program) -> None:
    assert {each.inputs["deletionWindowInDays"] for each in prod.of(KEY)} == {30}
    assert {each.inputs["deletionWindowInDays"] for each in local.of(KEY)} == {7}


@pytest.mark.parametrize("type_", ENCRYPTED)
def test_everything_that_can_be_is_encrypted_with_its_key(type_: str, deployed: Program) -> None:
    path, key = ENCRYPTED[type_]
    assert deployed.of(type_)
    for resource in deployed.of(type_):
        value: Any = resource.inputs
        for step in path:
            value = value[step]
        assert value.endswith(f":{key}"), resource.urn


@pytest.mark.parametrize("key", ["data-key", "messaging-key", "secrets-key"])
def test_the_account_administers_a_key_without_being_able_to_use_it(key: str, deployed: Program) -> None:
    administration = policy(deployed, key)["AdministerWithoutUse"]
    assert administration["Principal"] == ROOT_PRINCIPAL
    assert not USES & set(administration["Action"])
    assert "kms:CreateGrant" not in administration["Action"]
    # Without this one, nobody could ever change the policy again.
    assert "kms:PutKeyPolicy" in administration["Action"]


def test_every_use_by_the_account_goes_through_a_service_of_the_region(deployed: Program) -> None:
    for key in deployed.of(KEY):
        for statement in key.statements():
            if statement["Principal"] == ROOT_PRINCIPAL and statement["Sid"] != "AdministerWithoutUse":
                if statement["Action"] == ["kms:GenerateMac"]:  # no service keeps what it makes
                    continue
                assert conditions(statement)["kms:CallerAccount"] == [ACCOUNT]
                assert all(via.endswith(".amazonaws.com") for via in conditions(statement)["kms:ViaService"])


def test_no_action_is_a_wildcard(deployed: Program) -> None:
    assert not [
        action
        for key in deployed.of(KEY)
        for statement in key.statements()
        for action in statement["Action"]
        if "*" in action
    ]


SERVICES = {
    "data-key": {"ThroughDynamoDB": {f"dynamodb.{REGION}.amazonaws.com"}, "ThroughS3": {f"s3.{REGION}.amazonaws.com"}},
    "messaging-key": {
        "ThroughSQS": {f"sqs.{REGION}.amazonaws.com"},
        "ThroughSNS": {f"sns.{REGION}.amazonaws.com"},
        "ThroughEventBridge": {f"events.{REGION}.amazonaws.com"},
    },
    "secrets-key": {"ThroughSecretsManager": {f"secretsmanager.{REGION}.amazonaws.com"}},
}


@pytest.mark.parametrize("key", SERVICES)
def test_a_key_is_used_through_exactly_the_services_that_keep_what_it_encrypts(key: str, local: Program) -> None:
    through = {
        sid: set(conditions(statement)["kms:ViaService"])
        for sid, statement in policy(local, key).items()
        if sid.startswith("Through")
    }
    assert through == SERVICES[key]


# By sid: the service, and the conditions that hold it to this environment's resources.
OWN_NAME: dict[str, tuple[str, dict[str, list[str]]]] = {
    # AWS's own policy for it has no condition, and no page says that one would be met.
    "LetEventBridgeKnowTheKey": ("events.amazonaws.com", {}),
    "LetTheBusEncrypt": (
        "events.amazonaws.com",
        {
            "kms:EncryptionContext:aws:events:event-bus:arn": [
                f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/carillon-local"
            ]
        },
    ),
    "LetRulesReachTheQueues": (
        "events.amazonaws.com",
        {"aws:SourceArn": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/carillon-local/carillon-local-*"]},
    ),
    "LetAlarmsReachTheTopic": (
        "cloudwatch.amazonaws.com",
        {
            "aws:SourceAccount": [ACCOUNT],
            "aws:SourceArn": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:carillon-local-*"],
        },
    ),
    "LetLogsEncrypt": (
        f"logs.{REGION}.amazonaws.com",
        {
            "kms:EncryptionContext:aws:logs:arn": [
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/carillon-local-*",
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/apigateway/carillon-local",
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/apigateway/carillon-local-links",
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:aws-waf-logs-carillon-local",
            ]
        },
    ),
}


def test_exactly_these_services_use_the_messaging_key_in_their_own_name(local: Program) -> None:
    services = {
        sid: (statement["Principal"]["Service"], conditions(statement))
        for sid, statement in policy(local, "messaging-key").items()
        if "Service" in statement["Principal"]
    }
    assert services == OWN_NAME


@pytest.mark.parametrize("key", ["data-key", "secrets-key"])
def test_no_service_uses_the_other_keys_in_its_own_name(key: str, deployed: Program) -> None:
    assert {str(each["Principal"]) for each in policy(deployed, key).values()} == {str(ROOT_PRINCIPAL)}


def test_every_log_group_is_one_that_logs_may_encrypt(deployed: Program) -> None:
    allowed = conditions(policy(deployed, "messaging-key")["LetLogsEncrypt"])["kms:EncryptionContext:aws:logs:arn"]
    prefixes = tuple(pattern.removesuffix("*") for pattern in allowed)
    for group in deployed.of("aws:cloudwatch/logGroup:LogGroup"):
        assert f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group.inputs['name']}".startswith(prefixes)


def test_dynamodb_may_grant_a_key_only_to_itself(deployed: Program) -> None:
    grants = [each for key in deployed.of(KEY) for each in key.statements() if "kms:CreateGrant" in each["Action"]]
    assert grants
    assert all(conditions(each)["kms:GrantIsForAWSResource"] == ["true"] for each in grants)


def test_each_replica_region_has_a_key_of_its_own_that_dynamodb_uses_from_both_sides(prod: Program) -> None:
    (key,) = (each for each in prod.of(KEY) if each.inputs.get("region") == "eu-west-1")
    through = {each["Sid"]: each for each in key.statements()}["ThroughDynamoDB"]
    assert conditions(through)["kms:ViaService"] == [
        f"dynamodb.{REGION}.amazonaws.com",
        "dynamodb.eu-west-1.amazonaws.com",
    ]
    assert "ThroughS3" not in {each["Sid"] for each in key.statements()}


def test_every_key_has_an_alias_in_its_region(deployed: Program) -> None:
    aliases = {(each.inputs["name"], each.inputs.get("region")) for each in deployed.of("aws:kms/alias:Alias")}
    assert len(aliases) == len(deployed.of(KEY))
