from typing import Any

from local.engine.aws import Aws
from tests.engine.resources.creation import DEFAULT_TAGS, create

TABLE = "aws:dynamodb/table:Table"


def described(aws: Aws, name: str) -> Any:
    return aws.dynamodb.describe_table(TableName=name)["Table"]


def test_a_table_has_its_keys_index_encryption_and_protection(aws: Aws) -> None:
    key = create(aws, "aws:kms/key:Key").outputs["arn"]
    created = create(
        aws,
        TABLE,
        name="indexed",
        billingMode="PAY_PER_REQUEST",
        hashKey="id",
        rangeKey="item",
        attributes=[{"name": name, "type": "S"} for name in ("id", "item", "shard", "due")],
        globalSecondaryIndexes=[
            {
                "name": "due",
                "keySchemas": [
                    {"attributeName": "shard", "keyType": "HASH"},
                    {"attributeName": "due", "keyType": "RANGE"},
                ],
                "projectionType": "INCLUDE",
                "nonKeyAttributes": ["channel"],
            }
        ],
        serverSideEncryption={"enabled": True, "kmsKeyArn": key},
        deletionProtectionEnabled=True,
    )
    table = described(aws, "indexed")
    assert (created.id, created.outputs["arn"]) == ("indexed", table["TableArn"])
    assert table["TableStatus"] == "ACTIVE"
    assert table["KeySchema"] == [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "item", "KeyType": "RANGE"},
    ]
    [index] = table["GlobalSecondaryIndexes"]
    assert [each["AttributeName"] for each in index["KeySchema"]] == ["shard", "due"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["channel"]}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSEDescription"]["KMSMasterKeyArn"] == key
    assert table["DeletionProtectionEnabled"]
    tags = aws.dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == DEFAULT_TAGS


def test_point_in_time_recovery_and_expiry_are_switched_on(aws: Aws) -> None:
    create(
        aws,
        TABLE,
        name="expiring",
        billingMode="PAY_PER_REQUEST",
        hashKey="id",
        attributes=[{"name": "id", "type": "S"}],
        pointInTimeRecovery={"enabled": True},
        ttl={"attributeName": "expiration", "enabled": True},
    )
    backups = aws.dynamodb.describe_continuous_backups(TableName="expiring")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = aws.dynamodb.describe_time_to_live(TableName="expiring")["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expiration", "ENABLED")
    assert not described(aws, "expiring")["DeletionProtectionEnabled"]


def test_a_table_has_a_stream_when_it_is_asked_for_one_and_tells_its_name(aws: Aws) -> None:
    fields: dict[str, Any] = {
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": "id",
        "attributes": [{"name": "id", "type": "S"}],
    }
    told = create(aws, TABLE, name="told", streamEnabled=True, streamViewType="NEW_AND_OLD_IMAGES", **fields)
    table = described(aws, "told")
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert told.outputs["streamArn"] == table["LatestStreamArn"]
    assert "streamArn" not in create(aws, TABLE, name="silent", **fields).outputs
