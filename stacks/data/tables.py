"""The DynamoDB tables: contacts, owners of devices, settings, the notification log, and short-lived limits."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming

DUE_INDEX = "due"
"""Index of the log: deliveries that are not final, by when they are due. Sparse, so it stays small."""


@dataclass(frozen=True)
class TableSpec:
    """What tells one table from another. All keys are strings."""

    name: str
    hash_key: str
    range_key: str | None = None
    ttl_attribute: str | None = None
    due_index: bool = False


SPECS = (
    TableSpec("contacts", hash_key="user_id"),
    TableSpec("devices", hash_key="token"),
    TableSpec("settings", hash_key="user_id"),
    TableSpec("notifications", hash_key="notification_id", range_key="item", due_index=True),
    TableSpec("limits", hash_key="id", ttl_attribute="expiration"),
)


@dataclass(frozen=True)
class TablesArgs:
    """`replica_key_arns`: the KMS key of each region that holds a replica, by region."""

    naming: Naming
    key_arn: pulumi.Output[str]
    replica_key_arns: Mapping[str, pulumi.Output[str]]
    protect: bool


class Tables(pulumi.ComponentResource):
    """Tables that are billed by use, encrypted with one's own key and restorable to any second of the last 35 days."""

    names: dict[str, pulumi.Output[str]]
    """Physical names by short name."""

    def __init__(self, name: str, args: TablesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Tables", name, {}, opts)
        self.names = {spec.name: self._table(spec, args).name for spec in SPECS}
        self.register_outputs({"names": self.names})

    def _table(self, spec: TableSpec, args: TablesArgs) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            spec.name,
            name=args.naming.named(spec.name),
            billing_mode="PAY_PER_REQUEST",
            hash_key=spec.hash_key,
            range_key=spec.range_key,
            attributes=_attributes(spec),
            global_secondary_indexes=[_due_index()] if spec.due_index else None,
            ttl={"attribute_name": spec.ttl_attribute, "enabled": True} if spec.ttl_attribute else None,
            server_side_encryption={"enabled": True, "kms_key_arn": args.key_arn},
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=args.protect,
            **_replication(args),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )


def _attributes(spec: TableSpec) -> list[aws.dynamodb.TableAttributeArgs]:
    keys = [spec.hash_key, *([spec.range_key] if spec.range_key else [])]
    indexed = ["due_shard", "due_at"] if spec.due_index else []
    return [aws.dynamodb.TableAttributeArgs(name=key, type="S") for key in (*keys, *indexed)]


def _due_index() -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=DUE_INDEX,
        key_schemas=[
            {"attribute_name": "due_shard", "key_type": "HASH"},
            {"attribute_name": "due_at", "key_type": "RANGE"},
        ],
        projection_type="INCLUDE",
        # All that the sweeper needs to publish an event again without reading the delivery.
        non_key_attributes=[
            "event_id",
            "channel",
            "category",
            "app_key",
            "user_id",
            "address_key",
            "republished",
            "acceptance",
        ],
    )


def _replication(args: TablesArgs) -> dict[str, object]:
    """Return the properties that make a table global; none when there are no replicas."""
    if not args.replica_key_arns:
        return {}
    replicas = [
        aws.dynamodb.TableReplicaArgs(
            region_name=region,
            kms_key_arn=key_arn,
            point_in_time_recovery=True,
            deletion_protection_enabled=args.protect,
            propagate_tags=True,
        )
        for region, key_arn in args.replica_key_arns.items()
    ]
    # Replication reads the stream: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
    return {"replicas": replicas, "stream_enabled": True, "stream_view_type": "NEW_AND_OLD_IMAGES"}
