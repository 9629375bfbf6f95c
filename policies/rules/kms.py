"""How keys are kept, and who may do what with them."""

from collections.abc import Iterator

from policies.documents import statements
from policies.rule import Resource, ResourceRule, Severity, aws, security_hub
from policies.values import UNKNOWN, at, is_on, is_within

_KEY = "aws:kms/key:Key"
_REPLICA = "aws:kms/replicaKey:ReplicaKey"
_LEAST_WINDOW_DAYS = 7
# Whoever may do these decides about the key; whoever may do those reads what it protects.
_ADMINISTERS = frozenset({"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CreateGrant"})
_USES = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateMac", "kms:ReEncrypt", "kms:Sign", "kms:*")


def not_rotated(resource: Resource) -> Iterator[str]:
    """Find a symmetric key for encryption, the only kind that KMS rotates, that is not rotated."""
    if resource.type != _KEY or at(resource.properties, "keyUsage") not in (None, "ENCRYPT_DECRYPT"):
        return
    if at(resource.properties, "customerMasterKeySpec") in (None, "SYMMETRIC_DEFAULT") and not is_on(
        at(resource.properties, "enableKeyRotation")
    ):
        yield "enableKeyRotation: the key is not rotated"


def administrators_who_read(resource: Resource) -> Iterator[str]:
    """Find a statement whose owner may both administer the key and use it."""
    if resource.type not in (_KEY, _REPLICA):
        return
    for statement in statements(resource):
        uses = [action for action in statement.actions if action.startswith(_USES)]
        if statement.allows and uses and _ADMINISTERS.intersection(statement.actions):
            yield f"{statement.where}: administers the key and may use it ({', '.join(uses)})"


def no_policy(resource: Resource) -> Iterator[str]:
    """Find a key with the policy that KMS gives it, which lets the whole account do everything."""
    if resource.type in (_KEY, _REPLICA) and at(resource.properties, "policy") in (None, ""):
        yield "policy: the key has KMS's default policy"


def gone_too_soon(resource: Resource) -> Iterator[str]:
    """Find a key that is deleted before anybody can have missed it. KMS takes 30 days where nothing is said."""
    days = at(resource.properties, "deletionWindowInDays")
    if resource.type in (_KEY, _REPLICA) and days is not None and not is_within(days, _LEAST_WINDOW_DAYS):
        yield f"deletionWindowInDays: under {_LEAST_WINDOW_DAYS} days"


def without_its_check(resource: Resource) -> Iterator[str]:
    """Find a key whose policy may lock out everybody: KMS is told not to look."""
    if resource.type in (_KEY, _REPLICA) and at(resource.properties, "bypassPolicyLockoutSafetyCheck") not in (
        None,
        False,
        UNKNOWN,
    ):
        yield "bypassPolicyLockoutSafetyCheck: the key's policy may lock out everybody"


ROTATED = ResourceRule(
    name="kms-rotation",
    summary="Every symmetric encryption key is rotated each year.",
    severity=Severity.MEDIUM,
    why="What one key protects grows for ever, and so does the harm when it is found out.",
    fix="Set enableKeyRotation. Other kinds of key, an HMAC key for one, KMS does not rotate.",
    reference=security_hub("KMS.4"),
    check=not_rotated,
)
ADMINISTRATORS_CANNOT_READ = ResourceRule(
    name="kms-administrators-cannot-decrypt",
    summary="Who administers a key cannot use it.",
    severity=Severity.HIGH,
    why="An administrator's stolen session would read every address and message.",
    fix="Name the administrative actions in one statement, and who uses the key in another.",
    reference=aws(
        "Key administrators",
        "kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators",
    ),
    check=administrators_who_read,
)
OWN_POLICY = ResourceRule(
    name="kms-own-policy",
    summary="Every key has a policy of its own.",
    severity=Severity.HIGH,
    why="KMS's default policy lets any role of the account use the key if its own policy says so.",
    fix="Set policy: administration to the account, use to those who need it, by name.",
    reference=aws("Key policies", "kms/latest/developerguide/key-policies.html"),
    check=no_policy,
)
DELETION_WINDOW = ResourceRule(
    name="kms-deletion-window",
    summary=f"A key can be had back for at least {_LEAST_WINDOW_DAYS} days after it is deleted.",
    severity=Severity.HIGH,
    why="With its key gone, everything that it encrypted is gone, backups included.",
    fix=f"Set deletionWindowInDays to {_LEAST_WINDOW_DAYS} or more, or leave it out for 30.",
    reference=security_hub("KMS.3"),
    check=gone_too_soon,
)
LOCKOUT_CHECK = ResourceRule(
    name="kms-lockout-check",
    summary="KMS checks that a key's policy locks nobody out for good.",
    severity=Severity.MEDIUM,
    why="A key that nobody may administer can only be mended by AWS's support, and what it encrypts cannot be read.",
    fix="Leave bypassPolicyLockoutSafetyCheck out.",
    reference=aws("PutKeyPolicy", "kms/latest/APIReference/API_PutKeyPolicy.html"),
    check=without_its_check,
)
