"""The DynamoDB tables: contacts, owners of devices, settings, suppressions, the log, templates' languages, short-lived
limits, broadcasts, contacts by tag, and what is counted and listed of the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming

DUE_INDEX = "due"
"""Index of the log: deliveries that are not final, by when they are due. Sparse, so it stays small."""
DIGEST_INDEX = "digests"
"""Index of the log: deliveries that are sent in digests, by these. Sparse: what is in none costs nothing more."""
USER_INDEX = "user"
"""Index of `stats`: the deliveries to each user, newest last. Keys alone, which never change: it is written once."""

ERASURES = "erasure"
"""The partition of the log in which users wait to be erased: that of `handlers.adapters.aws.erasures`."""


@dataclass(frozen=True)
class TableSpec:
    """What tells one table from another. All keys are strings."""

    name: str
    hash_key: str
    range_key: str | None = None
    ttl_attribute: str | None = None
    is_log: bool = False
    """Whether it has the log's indexes."""
    user_index: bool = False
    stream: bool = False
    """Whether a function reads what becomes of its items. What it sees of each is all of it, before and after."""

    @property
    def indexes(self) -> tuple[str, ...]:
        """The names of its indexes."""
        return (*((DUE_INDEX, DIGEST_INDEX) if self.is_log else ()), *((USER_INDEX,) if self.user_index else ()))


SPECS = (
    TableSpec("contacts", hash_key="user_id"),
    TableSpec("devices", hash_key="token"),
    TableSpec("settings", hash_key="user_id"),
    TableSpec("suppressions", hash_key="shard", range_key="address_key"),
    TableSpec(
        "notifications", hash_key="notification_id", range_key="item", ttl_attribute="expires", is_log=True, stream=True
    ),
    TableSpec("templates", hash_key="folder"),
    TableSpec("limits", hash_key="id", ttl_attribute="expiration"),
    TableSpec("broadcasts", hash_key="broadcast_id", range_key="item", ttl_attribute="expiration"),
    TableSpec("tags", hash_key="tag", range_key="user_id"),
    TableSpec("stats", hash_key="id", range_key="item", ttl_attribute="expiration", user_index=True),
)


# Both images, as replication asks for: the observer needs the one before to know what an item has moved from.
_STREAM: dict[str, object] = {"stream_enabled": True, "stream_view_type": "NEW_AND_OLD_IMAGES"}


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
    log_stream_arn: pulumi.Output[str]
    """What becomes of the log's items, in the order in which each of them was written."""

    def __init__(self, name: str, args: TablesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Tables", name, {}, opts)
        tables = {spec.name: self._table(spec, args) for spec in SPECS}
        self.names = {name: table.name for name, table in tables.items()}
        self.log_stream_arn = tables["notifications"].stream_arn
        self.register_outputs({"names": self.names, "log_stream_arn": self.log_stream_arn})

    def _table(self, spec: TableSpec, args: TablesArgs) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            spec.name,
            name=args.naming.named(spec.name),
            billing_mode="PAY_PER_REQUEST",
            hash_key=spec.hash_key,
            range_key=spec.range_key,
            attributes=_attributes(spec),
            global_secondary_indexes=_indexes(spec),
            ttl={"attribute_name": spec.ttl_attribute, "enabled": True} if spec.ttl_attribute else None,
            server_side_encryption={"enabled": True, "kms_key_arn": args.key_arn},
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=args.protect,
            **_streaming(spec, args),
            **_replication(args),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )


def _attributes(spec: TableSpec) -> list[aws.dynamodb.TableAttributeArgs]:
    keys = [spec.hash_key, *([spec.range_key] if spec.range_key else [])]
    indexed = [*(["due_shard", "due_at", "digest_id"] if spec.is_log else []), *(["user"] if spec.user_index else [])]
    return [aws.dynamodb.TableAttributeArgs(name=key, type="S") for key in (*keys, *indexed)]


def _indexes(spec: TableSpec) -> list[aws.dynamodb.TableGlobalSecondaryIndexArgs] | None:
    of_log = [_due_index(), _digest_index()] if spec.is_log else []
    return [*of_log, *([_user_index()] if spec.user_index else [])] or None


def _user_index() -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=USER_INDEX,
        key_schemas=[{"attribute_name": "user", "key_type": "HASH"}, {"attribute_name": "item", "key_type": "RANGE"}],
        projection_type="KEYS_ONLY",
    )


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
            "slot",
            "digest_id",
            "republished",
            "acceptance",
        ],
    )


def _digest_index() -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=DIGEST_INDEX,
        key_schemas=[{"attribute_name": "digest_id", "key_type": "HASH"}],
        projection_type="INCLUDE",
        # What a worker needs to claim each entry, and to see by its shard that it is still to be sent.
        non_key_attributes=[
            "event_id",
            "channel",
            "category",
            "app_key",
            "user_id",
            "address_key",
            "slot",
            "due_shard",
            "acceptance",
        ],
    )


def _streaming(spec: TableSpec, args: TablesArgs) -> dict[str, object]:
    """Return the properties that switch the stream on. Replication reads it as well:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html.
    """
    return _STREAM if spec.stream or args.replica_key_arns else {}


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
    return {"replicas": replicas}
