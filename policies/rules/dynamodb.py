"""How tables keep their data."""

from collections.abc import Iterator

from policies.rule import Reference, Resource, ResourceRule, Severity, aws, security_hub
from policies.values import UNKNOWN, Value, at, is_on, is_own_key, items

_TABLE = "aws:dynamodb/table:Table"
_REPLICA = "aws:dynamodb/tableReplica:TableReplica"


def not_encrypted_with_own_key(resource: Resource) -> Iterator[str]:
    """Find a table, or a replica of one, whose key is not the customer's."""
    if resource.type == _TABLE:
        if at(resource.properties, "serverSideEncryption", "enabled") not in (True, UNKNOWN):
            yield "serverSideEncryption.enabled: the table is encrypted with a key that AWS owns"
        elif not is_own_key(at(resource.properties, "serverSideEncryption", "kmsKeyArn")):
            yield "serverSideEncryption.kmsKeyArn: the table is encrypted with the key that AWS manages"
    for where, replica in _replicas(resource):
        if not is_own_key(at(replica, "kmsKeyArn")):
            yield f"{where}kmsKeyArn: the replica is encrypted with a key that AWS owns or manages"


def not_recoverable(resource: Resource) -> Iterator[str]:
    """Find a table, or a replica of one, without point-in-time recovery."""
    if resource.type == _TABLE and not is_on(at(resource.properties, "pointInTimeRecovery", "enabled")):
        yield "pointInTimeRecovery.enabled: the table has no point-in-time recovery"
    for where, replica in _replicas(resource):
        if not is_on(at(replica, "pointInTimeRecovery")):
            yield f"{where}pointInTimeRecovery: the replica has no point-in-time recovery"


def _replicas(resource: Resource) -> Iterator[tuple[str, Value]]:
    """Yield each replica with the path to its properties: those of a table, and one that is a resource of its own."""
    if resource.type == _TABLE:
        for number, replica in enumerate(items(at(resource.properties, "replicas"))):
            yield f"replicas.{number}.", replica
    elif resource.type == _REPLICA:
        yield "", resource.properties


CUSTOMER_MANAGED_KEY = ResourceRule(
    name="dynamodb-customer-managed-key",
    summary="Tables and their replicas are encrypted with a customer-managed KMS key.",
    why="The tables hold addresses and messages. Only with a key of our own can we decide who may use it, see each use "
    "in CloudTrail, and withdraw it.",
    fix="Set serverSideEncryption to enabled with the kmsKeyArn of a key of this stack, and kmsKeyArn on each replica.",
    severity=Severity.HIGH,
    reference=Reference(
        "AWS Config dynamodb-table-encrypted-kms",
        "https://docs.aws.amazon.com/config/latest/developerguide/dynamodb-table-encrypted-kms.html",
    ),
    check=not_encrypted_with_own_key,
)

POINT_IN_TIME_RECOVERY = ResourceRule(
    name="dynamodb-point-in-time-recovery",
    summary="Tables and their replicas have point-in-time recovery.",
    why="Nothing that was accepted may be lost: a faulty release or operator can overwrite items, and only continuous "
    "backups can bring back the second before.",
    fix="Set pointInTimeRecovery to enabled on the table, and pointInTimeRecovery to true on each replica.",
    severity=Severity.HIGH,
    reference=Reference(
        "Security Hub DynamoDB.2",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html#dynamodb-2",
    ),
    check=not_recoverable,
)


def deletable(resource: Resource) -> Iterator[str]:
    """Find a table of production, or a replica of one, that one call deletes."""
    if resource.stack != "prod":
        return
    if resource.type == _TABLE and not is_on(at(resource.properties, "deletionProtectionEnabled")):
        yield "deletionProtectionEnabled: one call deletes the table"
    for where, replica in _replicas(resource):
        if not is_on(at(replica, "deletionProtectionEnabled")):
            yield f"{where}deletionProtectionEnabled: one call deletes the replica"


def throttled_by_its_capacity(resource: Resource) -> Iterator[str]:
    """Find a table that refuses what is over a capacity that somebody guessed; that is what AWS takes by default."""
    if resource.type == _TABLE and at(resource.properties, "billingMode") not in ("PAY_PER_REQUEST", UNKNOWN):
        yield "billingMode: the table refuses what is over its capacity"


def kept_for_ever(resource: Resource) -> Iterator[str]:
    """Find the table of limits, whose items serve for minutes, without an end to them."""
    name = at(resource.properties, "name")
    of_limits = resource.type == _TABLE and isinstance(name, str) and name.endswith("limits")
    if of_limits and not is_on(at(resource.properties, "ttl", "enabled")):
        yield "ttl.enabled: what serves for minutes is kept for ever"


DELETION_PROTECTION = ResourceRule(
    name="dynamodb-deletion-protection",
    summary="Tables of production, and their replicas, cannot be deleted by one call.",
    severity=Severity.HIGH,
    why="With the log gone, nobody knows what was accepted and what was sent.",
    fix="Set deletionProtectionEnabled on the table and on each replica.",
    reference=security_hub("DynamoDB.6"),
    check=deletable,
)
ON_DEMAND = ResourceRule(
    name="dynamodb-on-demand",
    summary="Tables take what comes, on demand.",
    severity=Severity.MEDIUM,
    why="A capacity that was guessed refuses the peak for which the platform is there.",
    fix="Set billingMode to PAY_PER_REQUEST.",
    reference=security_hub("DynamoDB.1"),
    check=throttled_by_its_capacity,
)
LIMITS_EXPIRE = ResourceRule(
    name="dynamodb-limits-expire",
    summary="Items of the table of limits expire.",
    severity=Severity.LOW,
    why="They serve for minutes; kept, they say for ever who got messages when.",
    fix="Set ttl to enabled, with the name of the attribute that says when.",
    reference=aws("Time to Live", "amazondynamodb/latest/developerguide/TTL.html"),
    check=kept_for_ever,
)
