"""How secrets are kept."""

from collections.abc import Iterator

from policies.rule import Resource, ResourceRule, Severity, aws
from policies.values import UNKNOWN, at, is_own_key, is_within

_SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - the name of a type
_LEAST_WINDOW_DAYS = 7


def not_encrypted(resource: Resource) -> Iterator[str]:
    """Find a secret under a key of AWS's own."""
    if resource.type == _SECRET and not is_own_key(at(resource.properties, "kmsKeyId")):
        yield "kmsKeyId: the secret is not encrypted with a key of ours"


def written_by_the_program(resource: Resource) -> Iterator[str]:
    """Find a secret whose value is in the program, and so in Pulumi's state."""
    if resource.type == "aws:secretsmanager/secretVersion:SecretVersion":
        yield "secretString: the value passes through the program and Pulumi's state"
    if resource.type == "aws:ssm/parameter:Parameter" and at(resource.properties, "type") == "SecureString":
        yield "value: the value passes through the program and Pulumi's state"


def gone_at_once(resource: Resource) -> Iterator[str]:
    """Find a secret that cannot be had back in production."""
    days = at(resource.properties, "recoveryWindowInDays")
    if (
        resource.type == _SECRET
        and resource.stack == "prod"
        and days not in (None, UNKNOWN)
        and not is_within(days, _LEAST_WINDOW_DAYS)
    ):
        yield f"recoveryWindowInDays: under {_LEAST_WINDOW_DAYS} days"


ENCRYPTED = ResourceRule(
    name="secrets-encrypted",
    summary="Secrets are encrypted with a customer-managed KMS key.",
    severity=Severity.HIGH,
    why="Who may read a secret then needs two rights, and each reading is in CloudTrail.",
    fix="Set kmsKeyId to the ARN of a key of this stack.",
    reference=aws("Secret encryption", "secretsmanager/latest/userguide/security-encryption.html"),
    check=not_encrypted,
)
NOT_IN_THE_PROGRAM = ResourceRule(
    name="secrets-not-in-the-program",
    summary="The program makes empty secrets: no value passes through it.",
    severity=Severity.CRITICAL,
    why="What passes through the program is in its state, and in whoever's hands that is.",
    fix="Make the secret alone; an operator's command puts the value into it.",
    reference=aws("Best practices", "secretsmanager/latest/userguide/best-practices.html"),
    check=written_by_the_program,
)
RECOVERABLE = ResourceRule(
    name="secrets-recoverable",
    summary=f"In production a deleted secret can be had back for at least {_LEAST_WINDOW_DAYS} days.",
    severity=Severity.MEDIUM,
    why="With an app's secret gone, its producers are out until each has a new one.",
    fix=f"Set recoveryWindowInDays to {_LEAST_WINDOW_DAYS} or more, or leave it out for 30.",
    reference=aws("Delete a secret", "secretsmanager/latest/userguide/manage_delete-secret.html"),
    check=gone_at_once,
)
