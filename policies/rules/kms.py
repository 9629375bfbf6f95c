"""How keys are kept, and who may do what with them."""

from collections.abc import Iterator, Sequence

from policies.documents import Statement, statements
from policies.rule import Finding, Resource, ResourceRule, Severity, StackRule, aws, security_hub
from policies.values import UNKNOWN, Value, at, is_on, is_unknown_inside, is_within, items

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


def services_locked_out(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a key that encrypts what a service writes in its own name, and that does not let this service use it."""
    keys = {arn: each for each in resources if each.type == _KEY and isinstance(arn := at(each.properties, "arn"), str)}
    for service, what, arn in _written_by_services(resources):
        key = keys.get(arn) if isinstance(arn, str) else None
        # A key without a policy, or with one that is not known yet, is not judged by it.
        if not key or not key.properties.get("policy") or is_unknown_inside(key.properties["policy"]):
            continue
        if not any(_lets(each, service, what) for each in statements(key)):
            yield Finding(key.urn, f"policy: {service} cannot use it for {what}")


# By what is encrypted, the encryption context by which a statement may be held to it, and what its source's ARN has.
_BOUNDS = {
    "a queue": ("kms:encryptioncontext:aws:sqs:arn", ":rule/"),
    "the topic": ("kms:encryptioncontext:aws:sns:topicarn", ":alarm:"),
    "a log group": ("kms:encryptioncontext:aws:logs:arn", ":log-group:"),
    "the bus": ("kms:encryptioncontext:aws:events:event-bus:arn", ":event-bus/"),
}


def _written_by_services(resources: Sequence[Resource]) -> Iterator[tuple[str, str, Value]]:
    """Yield a service, what it writes, and the key of that: rules to queues, alarms to topics, and so on."""
    targets = [each for each in resources if each.type == "aws:cloudwatch/eventTarget:EventTarget"]
    sent = [at(each.properties, *path) for each in targets for path in (("arn",), ("deadLetterConfig", "arn"))]
    rung = [arn for each in resources for arn in items(at(each.properties, "alarmActions"))]
    for each in resources:
        arn, name = at(each.properties, "arn"), at(each.properties, "kmsMasterKeyId")
        if each.type == "aws:sqs/queue:Queue" and isinstance(arn, str) and arn in sent:
            yield "events.amazonaws.com", "a queue", name
        elif each.type == "aws:sns/topic:Topic" and isinstance(arn, str) and arn in rung:
            yield "cloudwatch.amazonaws.com", "the topic", name
        elif each.type == "aws:cloudwatch/logGroup:LogGroup":
            yield "logs.", "a log group", at(each.properties, "kmsKeyId")
        elif each.type == "aws:cloudwatch/eventBus:EventBus":
            yield "events.amazonaws.com", "the bus", at(each.properties, "kmsKeyIdentifier")


def _lets(statement: Statement, service: str, what: str) -> bool:
    """Tell whether a statement lets a service encrypt and decrypt, and is not held to what something else sends."""
    stated, (context, source) = statement.conditions(), _BOUNDS[what]
    named = any(each.startswith(service) for each in statement.services)
    contexts = {key for key in stated if key.startswith("kms:encryptioncontext")}
    sources = [each for each in items(stated.get("aws:sourcearn")) if isinstance(each, str)]
    uses = {"kms:Decrypt", "kms:GenerateDataKey"} <= set(statement.actions)
    held = contexts <= {context} and (not sources or any(source in each for each in sources))
    return statement.allows and named and uses and held


SERVICES_MAY_USE = StackRule(
    name="kms-services-may-use",
    summary="A key lets those services use it that write in their own name what it encrypts.",
    severity=Severity.HIGH,
    why="AWS drops each event, alarm or log line otherwise, and the local emulator does not.",
    fix="Allow kms:Decrypt and kms:GenerateDataKey to events, cloudwatch or logs, bound as the service's page says.",
    reference=aws("Permissions for services", "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"),
    check=services_locked_out,
)
