import pytest

from policies.rules.dynamodb import not_encrypted_with_own_key, not_recoverable
from policies.values import UNKNOWN, Value
from tests.policy.resources import resource

TABLE = "aws:dynamodb/table:Table"
REPLICA = "aws:dynamodb/tableReplica:TableReplica"
KEY = "arn:aws:kms:eu-central-1:000000000000:key/6a4f1c1e-52f0-4a0e-8f0c-2c6a2f7a6a01"
KEY_OF_AWS = "arn:aws:kms:eu-central-1:000000000000:alias/aws/dynamodb"


def badly_encrypted(properties: dict[str, Value], type_: str = TABLE) -> list[str]:
    return list(not_encrypted_with_own_key(resource(type_, properties)))


def not_backed_up(properties: dict[str, Value], type_: str = TABLE) -> list[str]:
    return list(not_recoverable(resource(type_, properties)))


def test_a_table_with_a_key_of_the_customer_passes() -> None:
    assert badly_encrypted({"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}}) == []


@pytest.mark.parametrize(
    ("encryption", "where"),
    [
        (None, "serverSideEncryption.enabled"),
        ({"enabled": False}, "serverSideEncryption.enabled"),
        ({"enabled": False, "kmsKeyArn": KEY}, "serverSideEncryption.enabled"),
        ({"enabled": True}, "serverSideEncryption.kmsKeyArn"),
        ({"enabled": True, "kmsKeyArn": ""}, "serverSideEncryption.kmsKeyArn"),
        ({"enabled": True, "kmsKeyArn": KEY_OF_AWS}, "serverSideEncryption.kmsKeyArn"),
    ],
)
def test_a_table_with_a_key_of_aws_is_found(encryption: Value, where: str) -> None:
    (message,) = badly_encrypted({"serverSideEncryption": encryption})
    assert message.startswith(f"{where}: ")


@pytest.mark.parametrize(
    "encryption", [UNKNOWN, {"enabled": UNKNOWN, "kmsKeyArn": KEY}, {"enabled": True, "kmsKeyArn": UNKNOWN}]
)
def test_a_key_that_is_not_known_yet_is_no_violation(encryption: Value) -> None:
    assert badly_encrypted({"serverSideEncryption": encryption}) == []


def test_encryption_that_is_off_is_found_although_the_key_is_not_known_yet() -> None:
    assert len(badly_encrypted({"serverSideEncryption": {"enabled": False, "kmsKeyArn": UNKNOWN}})) == 1


def test_each_replica_needs_a_key_of_the_customer_and_recovery_of_its_own() -> None:
    replicas: list[Value] = [
        {"regionName": "eu-west-1", "kmsKeyArn": KEY, "pointInTimeRecovery": True},
        {"regionName": "eu-west-3", "pointInTimeRecovery": False},
        {"regionName": "eu-north-1", "kmsKeyArn": UNKNOWN, "pointInTimeRecovery": UNKNOWN},
    ]
    table: dict[str, Value] = {
        "serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY},
        "pointInTimeRecovery": {"enabled": True},
        "replicas": replicas,
    }
    assert [message.split(":")[0] for message in badly_encrypted(table)] == ["replicas.1.kmsKeyArn"]
    assert [message.split(":")[0] for message in not_backed_up(table)] == ["replicas.1.pointInTimeRecovery"]


def test_a_replica_that_is_a_resource_of_its_own_is_checked_too() -> None:
    assert badly_encrypted({"kmsKeyArn": KEY}, REPLICA) == []
    assert not_backed_up({"pointInTimeRecovery": True}, REPLICA) == []
    assert [message.split(":")[0] for message in badly_encrypted({}, REPLICA)] == ["kmsKeyArn"]
    assert [message.split(":")[0] for message in not_backed_up({}, REPLICA)] == ["pointInTimeRecovery"]


@pytest.mark.parametrize("recovery", [{"enabled": True}, {"enabled": UNKNOWN}, UNKNOWN])
def test_a_table_with_recovery_or_where_it_is_not_known_yet_passes(recovery: Value) -> None:
    assert not_backed_up({"pointInTimeRecovery": recovery}) == []


@pytest.mark.parametrize("recovery", [None, {}, {"enabled": False}])
def test_a_table_without_recovery_is_found(recovery: Value) -> None:
    (message,) = not_backed_up({"pointInTimeRecovery": recovery})
    assert message.startswith("pointInTimeRecovery.enabled: ")


def test_other_resources_are_left_alone() -> None:
    assert badly_encrypted({}, "aws:sqs/queue:Queue") == []
    assert not_backed_up({}, "aws:sqs/queue:Queue") == []
