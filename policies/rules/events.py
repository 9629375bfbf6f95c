"""How events are kept and handed on."""

from collections.abc import Iterator

from policies.rule import Resource, ResourceRule, Severity, aws
from policies.values import UNKNOWN, at, is_own_key

_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
_BUS = "aws:cloudwatch/eventBus:EventBus"
_ARCHIVE = "aws:cloudwatch/eventArchive:EventArchive"


def bus_not_encrypted(resource: Resource) -> Iterator[str]:
    """Find a bus under a key of AWS's own."""
    if resource.type == _BUS and not is_own_key(at(resource.properties, "kmsKeyIdentifier")):
        yield "kmsKeyIdentifier: the bus is not encrypted with a key of ours"


def archive_not_encrypted(resource: Resource) -> Iterator[str]:
    """Find an archive under a key of AWS's own."""
    if resource.type == _ARCHIVE and not is_own_key(at(resource.properties, "kmsKeyIdentifier")):
        yield "kmsKeyIdentifier: the archive is not encrypted with a key of ours"


def archive_kept_for_ever(resource: Resource) -> Iterator[str]:
    """Find an archive that nothing is ever deleted from: 0 days, or none said, is for ever."""
    if resource.type == _ARCHIVE and at(resource.properties, "retentionDays") in (None, 0):
        yield "retentionDays: the archive is kept for ever"


def _is_of_our_bus(resource: Resource) -> bool:
    """Tell whether a target is fed from a bus of ours: what a schedule sends comes again in a minute."""
    return resource.type == _TARGET and at(resource.properties, "eventBusName") not in (None, "default", UNKNOWN)


def nowhere_to_fail(resource: Resource) -> Iterator[str]:
    """Find a target of our bus that drops what it cannot deliver."""
    if _is_of_our_bus(resource) and at(resource.properties, "deadLetterConfig", "arn") in (None, ""):
        yield "deadLetterConfig: what cannot be delivered is dropped"


def not_tried_again(resource: Resource) -> Iterator[str]:
    """Find a target of our bus that does not say how long it is tried."""
    if not _is_of_our_bus(resource):
        return
    policy = at(resource.properties, "retryPolicy")
    if policy is not UNKNOWN and at(policy, "maximumRetryAttempts") in (None, 0):
        yield "retryPolicy.maximumRetryAttempts: nothing is tried again"


_ENCRYPTION = aws("EventBridge encryption", "eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html")
BUS_ENCRYPTED = ResourceRule(
    name="events-bus-encrypted",
    summary="The bus is encrypted with a customer-managed KMS key.",
    severity=Severity.MEDIUM,
    why="Events say who gets which kind of message. Who may read them is ours to decide.",
    fix="Set kmsKeyIdentifier to the ARN of a key of this stack.",
    reference=_ENCRYPTION,
    check=bus_not_encrypted,
)
ARCHIVE_ENCRYPTED = ResourceRule(
    name="events-archive-encrypted",
    summary="Archives are encrypted with a customer-managed KMS key.",
    severity=Severity.MEDIUM,
    why="An archive holds every event of a month.",
    fix="Set kmsKeyIdentifier to the ARN of a key of this stack.",
    reference=aws("Archive encryption", "eventbridge/latest/userguide/encryption-archives.html"),
    check=archive_not_encrypted,
)
ARCHIVE_BOUNDED = ResourceRule(
    name="events-archive-bounded",
    summary="An archive keeps events for a time, not for ever.",
    severity=Severity.LOW,
    why="What is kept for ever costs for ever, and has to be erased when a user asks.",
    fix="Set retentionDays.",
    reference=aws("Archives", "eventbridge/latest/userguide/eb-archive.html"),
    check=archive_kept_for_ever,
)
TARGET_DEAD_LETTERS = ResourceRule(
    name="events-target-dead-letter-queue",
    summary="Every target of our bus has a dead-letter queue.",
    severity=Severity.HIGH,
    why="Without one EventBridge drops an event that it cannot deliver, and says so to nobody.",
    fix="Set deadLetterConfig.arn to the ARN of a queue whose policy lets the rule send.",
    reference=aws("Dead-letter queues", "eventbridge/latest/userguide/eb-rule-dlq.html"),
    check=nowhere_to_fail,
)
TARGET_RETRIES = ResourceRule(
    name="events-target-retries",
    summary="Every target of our bus is tried again.",
    severity=Severity.MEDIUM,
    why="One throttled call would otherwise be a dead letter.",
    fix="Set retryPolicy with maximumRetryAttempts and maximumEventAgeInSeconds.",
    reference=aws("Retry policies", "eventbridge/latest/userguide/eb-rule-retry-policy.html"),
    check=not_tried_again,
)
