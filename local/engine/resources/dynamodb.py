"""Amazon DynamoDB: tables."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Block, Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def table(inputs: Inputs, aws: Aws) -> Created:
    """A table that is active, with its indexes, and whose settings that need a call of their own are made."""
    name = inputs.name()
    optional = inputs.pick(billingMode="BillingMode", deletionProtectionEnabled="DeletionProtectionEnabled")
    if indexes := [_index(block) for block in inputs.blocks("globalSecondaryIndexes")]:
        optional["GlobalSecondaryIndexes"] = indexes
    if encryption := inputs.block("serverSideEncryption"):
        optional["SSESpecification"] = {
            "SSEType": "KMS",
            **encryption.pick(enabled="Enabled", kmsKeyArn="KMSMasterKeyId"),
        }
    if inputs.get("streamEnabled"):
        optional["StreamSpecification"] = {"StreamEnabled": True, **inputs.pick(streamViewType="StreamViewType")}
    created = aws.dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": block.required("name"), "AttributeType": block.required("type")}
            for block in inputs.blocks("attributes")
        ],
        KeySchema=_key_schema(inputs),
        Tags=tag_list(inputs.tags()),
        **optional,
    )["TableDescription"]
    if created.get("TableStatus") != "ACTIVE":
        aws.dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    _settings(name, inputs, aws)
    stream = {"streamArn": created["LatestStreamArn"]} if "LatestStreamArn" in created else {}
    return Created(name, {"name": name, "arn": created["TableArn"], **stream})


def _settings(name: str, inputs: Inputs, aws: Aws) -> None:
    if recovery := inputs.block("pointInTimeRecovery"):
        aws.dynamodb.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery.required("enabled")},
        )
    if ttl := inputs.block("ttl"):
        aws.dynamodb.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={
                "AttributeName": ttl.required("attributeName"),
                "Enabled": ttl.required("enabled"),
            },
        )


def _key_schema(inputs: Inputs) -> list[Any]:
    keys = inputs.pick(hashKey="HASH", rangeKey="RANGE")
    return [{"AttributeName": attribute, "KeyType": kind} for kind, attribute in keys.items()]


def _index(block: Block) -> dict[str, Any]:
    keys = block.blocks("keySchemas")
    return {
        "IndexName": block.required("name"),
        "KeySchema": [
            {"AttributeName": key.required("attributeName"), "KeyType": key.required("keyType")} for key in keys
        ],
        "Projection": block.pick(projectionType="ProjectionType", nonKeyAttributes="NonKeyAttributes"),
    }


PROVISIONERS: Final[Mapping[str, Provisioner]] = {"aws:dynamodb/table:Table": table}
