"""How queues keep messages, and where those go that cannot be processed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from policies.documents import statements
from policies.publishers import may_send, unbounded
from policies.roles import lacking, policies_of
from policies.rule import Finding, Reference, Resource, ResourceRule, Severity, StackRule, aws, security_hub
from policies.transport import refuses_cleartext
from policies.values import UNKNOWN, Value, at, is_own_key

_QUEUE = "aws:sqs/queue:Queue"
_REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"
_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
_MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
_FUNCTION = "aws:lambda/function:Function"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY_PER_TIMEOUT = 6
_GUIDE = "AWSSimpleQueueService/latest/SQSDeveloperGuide"
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
_CONSUMES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
# How the name ends of a queue that nothing consumes: only a person knows what is to become of what is parked there.
_QUARANTINE = "-quarantine"
# What SQS and Lambda take where nothing is said, in seconds.
_DEFAULT_VISIBILITY, _DEFAULT_TIMEOUT, _DEFAULT_RETENTION = 30, 3, 4 * 24 * 3600

# Everything that names a queue as its dead-letter queue: the resource type, and the way to the ARN.
_DEAD_LETTER_ARNS = {
    _QUEUE: ("redrivePolicy", "deadLetterTargetArn"),
    _REDRIVE: ("redrivePolicy", "deadLetterTargetArn"),
    "aws:sns/topicSubscription:TopicSubscription": ("redrivePolicy", "deadLetterTargetArn"),
    "aws:cloudwatch/eventTarget:EventTarget": ("deadLetterConfig", "arn"),
    "aws:lambda/function:Function": ("deadLetterConfig", "targetArn"),
}


@dataclass(frozen=True)
class _Pointer:
    """A value that identifies a queue, and the resources that it comes from."""

    value: Value
    sources: Sequence[str]

    def may_mean(self, queue: Resource, identity: Value, queues: frozenset[str]) -> bool:
        """Tell whether it is this queue, whose ARN or URL is `identity`: true as well if nothing yet says it is not."""
        if isinstance(self.value, str) and isinstance(identity, str):
            return self.value == identity
        named = queues.intersection(self.sources)
        return queue.urn in named if named else True

    def means(self, queue: Resource, identity: Value, queues: frozenset[str]) -> bool:
        """Tell whether it is known to be this queue, by its value or by where that comes from."""
        if isinstance(self.value, str) and isinstance(identity, str):
            return self.value == identity
        return queue.urn in queues.intersection(self.sources)


def without_dead_letters(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find the queues that have no dead-letter queue and are not one themselves, nor a quarantine."""
    queues = [each for each in resources if each.type == _QUEUE and not _is_quarantine(each)]
    urns = frozenset(queue.urn for queue in queues)
    targets = list(_dead_letter_targets(resources))
    attached = [_pointer(resource, "queueUrl") for resource in resources if resource.type == _REDRIVE]
    for queue in queues:
        has_one = at(queue.properties, *_DEAD_LETTER_ARNS[_QUEUE]) or any(
            pointer.may_mean(queue, _identity(queue, "url"), urns) for pointer in attached
        )
        is_one = any(pointer.may_mean(queue, _identity(queue, "arn"), urns) for pointer in targets)
        if not has_one and not is_one:
            yield Finding(queue.urn, "redrivePolicy: the queue has no dead-letter queue, and is none itself")


def _is_quarantine(queue: Resource) -> bool:
    """Say whether a queue is, or may be, one that nothing consumes, as its messages are for people to look at."""
    name = at(queue.properties, "name")
    return name is UNKNOWN or (isinstance(name, str) and name.endswith(_QUARANTINE))


def nobody_redrives(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a dead-letter queue that nothing empties, and that is no quarantine."""
    queues, urns = _queues(resources)
    targets = list(_dead_letter_targets(resources))
    consumed = [_pointer(each, "eventSourceArn") for each in resources if each.type == _MAPPING]
    for queue in (each for each in queues if not _is_quarantine(each)):
        identity = _identity(queue, "arn")
        is_one = any(each.means(queue, identity, urns) for each in targets)
        if is_one and not any(each.may_mean(queue, identity, urns) for each in consumed):
            yield Finding(queue.urn, "no function empties this dead-letter queue")


def _dead_letter_targets(resources: Sequence[Resource]) -> Iterator[_Pointer]:
    for resource in resources:
        if path := _DEAD_LETTER_ARNS.get(resource.type):
            pointer = _pointer(resource, *path)
            if pointer.value:
                yield pointer


def _pointer(resource: Resource, *path: str) -> _Pointer:
    return _Pointer(at(resource.properties, *path), resource.depends.get(path[0], ()))


def _identity(queue: Resource, output: str) -> Value:
    """Return an output of a queue, which a preview of a new queue may have left out altogether."""
    return queue.properties.get(output) or UNKNOWN


DEAD_LETTER_QUEUE = StackRule(
    name="sqs-dead-letter-queue",
    summary="Every queue has a dead-letter queue, or is one; but for a quarantine, which nothing consumes.",
    unknowns="A preview, which does not know ARNs yet, goes by the resource that each comes from, and gives the "
    "benefit of the doubt where it cannot tell; the update checks again, by the ARNs themselves.",
    why="A message that no attempt can process is tried over and over, in the way of the others, and deleted when its "
    "retention ends: an accepted notification would be lost with no trace.",
    fix="Set redrivePolicy with the deadLetterTargetArn of another queue and a maxReceiveCount.",
    severity=Severity.HIGH,
    reference=Reference(
        "Amazon SQS, dead-letter queues",
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    ),
    check=without_dead_letters,
)


def not_encrypted(resource: Resource) -> Iterator[str]:
    """Find a queue whose messages lie in clear, or under a key of AWS's own."""
    if resource.type == _QUEUE and not is_own_key(at(resource.properties, "kmsMasterKeyId")):
        yield "kmsMasterKeyId: the queue is not encrypted with a key of ours"


def cleartext(resource: Resource) -> Iterator[str]:
    """Find a queue's policy that answers without TLS."""
    if resource.type == _POLICY and not refuses_cleartext(statements(resource), resource):
        yield "policy: requests without TLS are not refused"


def without_a_policy(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a queue without a policy, which AWS lets the whole account and everybody without TLS use."""
    queues, urns = _queues(resources)
    policies = [_pointer(resource, "queueUrl") for resource in resources if resource.type == _POLICY]
    for queue in queues:
        if not any(each.may_mean(queue, _identity(queue, "url"), urns) for each in policies):
            yield Finding(queue.urn, "the queue has no policy")


def seen_again_too_soon(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a queue that shows a message again while Lambda may still be working on it."""
    queues, urns = _queues(resources)
    for mapping in (each for each in resources if each.type == _MAPPING):
        source = _pointer(mapping, "eventSourceArn")
        timeouts = [_number(each, "timeout", _DEFAULT_TIMEOUT) for each in called(mapping, resources)]
        for queue in (each for each in queues if source.means(each, _identity(each, "arn"), urns)):
            needed = _VISIBILITY_PER_TIMEOUT * max(timeouts, default=0)
            if 0 <= _number(queue, "visibilityTimeoutSeconds", _DEFAULT_VISIBILITY) < needed:
                yield Finding(
                    queue.urn, f"visibilityTimeoutSeconds: under {needed:g}, six times the consumer's timeout"
                )


def called(mapping: Resource, resources: Sequence[Resource]) -> Iterator[Resource]:
    """Yield the function that a mapping feeds, named by its ARN or an alias of it, as far as that is known."""
    name = at(mapping.properties, "functionName")
    for function in (each for each in resources if each.type == _FUNCTION):
        named = at(function.properties, "name")
        if function.urn in mapping.depends.get("functionName", ()) or (
            isinstance(name, str) and isinstance(named, str) and f":{named}:" in f":{name}:"
        ):
            yield function


def forgotten_too_soon(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a dead-letter queue that keeps messages no longer than the queue that they come from."""
    queues, urns = _queues(resources)
    for source in queues:
        target = _pointer(source, *_DEAD_LETTER_ARNS[_QUEUE])
        for dead in (each for each in queues if target.means(each, _identity(each, "arn"), urns)):
            kept = _number(dead, "messageRetentionSeconds", _DEFAULT_RETENTION)
            if 0 <= kept <= _number(source, "messageRetentionSeconds", _DEFAULT_RETENTION):
                yield Finding(dead.urn, "messageRetentionSeconds: no longer than that of the queue it serves")


def dead_letters_ring_nobody(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a dead-letter queue, or a quarantine, that fills without an alarm."""
    queues, urns = _queues(resources)
    targets = list(_dead_letter_targets(resources))
    watched = [at(each.properties, "dimensions", "QueueName") for each in resources if each.type == _ALARM]
    for queue in queues:
        is_one = _is_quarantine(queue) or any(each.means(queue, _identity(queue, "arn"), urns) for each in targets)
        name = at(queue.properties, "name")
        if is_one and not (name in watched or UNKNOWN in (name, *watched)):
            yield Finding(queue.urn, "no alarm watches this dead-letter queue")


def rules_cannot_send(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a queue that a rule sends to, events or dead letters, and that does not let this rule in."""
    queues, urns = _queues(resources)
    for target in (each for each in resources if each.type == _TARGET):
        let_in = [_pointer(each, "queueUrl") for each in resources if each.type == _POLICY and _lets_in(each, target)]
        for arn in (_pointer(target, "arn"), _pointer(target, "deadLetterConfig", "arn")):
            for queue in (each for each in queues if arn.means(each, _identity(each, "arn"), urns)):
                if not any(each.may_mean(queue, _identity(queue, "url"), urns) for each in let_in):
                    rule = at(target.properties, "rule")
                    yield Finding(queue.urn, f"its policy does not let events.amazonaws.com send for the rule {rule}")


def _lets_in(policy: Resource, target: Resource) -> bool:
    """Tell whether a queue's policy lets the rule of a target send: `…:rule/<bus>/<rule>`, a default bus left out."""
    rule, bus = at(target.properties, "rule"), at(target.properties, "eventBusName")
    if UNKNOWN in (rule, bus):
        return True
    ending = f":rule/{rule}" if bus in (None, "default") else f":rule/{bus}/{rule}"
    sources = may_send(policy, "events.amazonaws.com", "sqs:SendMessage")
    return any(each is None or fnmatchcase(ending, f":{each.rpartition(':')[2]}") for each in sources)


def unbounded_senders(resource: Resource) -> Iterator[str]:
    """Find a service that may send to a queue for any of its resources."""
    if resource.type == _POLICY:
        yield from unbounded(resource, "sqs:SendMessage")


def consumers_may_not_read(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a consumer whose role may not take messages from its queue: AWS would refuse to make the mapping."""
    for mapping in (each for each in resources if each.type == _MAPPING):
        arn = _arn_by_name(_pointer(mapping, "eventSourceArn"), resources)
        for function in called(mapping, resources):
            holders = policies_of(function, resources)
            if holders is not None and arn and (missing := lacking(holders, _CONSUMES, arn)):
                yield Finding(mapping.urn, f"the function's role lacks {', '.join(missing)}")


def _arn_by_name(source: _Pointer, resources: Sequence[Resource]) -> str | None:
    """Return the ARN of a queue of this stack as policies write it, by the queue's name; None if it is not known."""
    queues, urns = _queues(resources)
    for queue in (each for each in queues if source.means(each, _identity(each, "arn"), urns)):
        name = at(queue.properties, "name")
        if isinstance(source.value, str) and isinstance(name, str):
            return f"{source.value.rpartition(':')[0]}:{name}"
    return None


def _queues(resources: Sequence[Resource]) -> tuple[list[Resource], frozenset[str]]:
    queues = [resource for resource in resources if resource.type == _QUEUE]
    return queues, frozenset(queue.urn for queue in queues)


def _number(resource: Resource, name: str, default: float) -> float:
    """Return a number, AWS's own where there is none, and -1 where it is not known yet."""
    value = resource.properties.get(name)
    if value is UNKNOWN:
        return -1
    return value if isinstance(value, int | float) else default


ENCRYPTED = ResourceRule(
    name="sqs-encrypted",
    summary="Queues are encrypted with a customer-managed KMS key.",
    severity=Severity.MEDIUM,
    why="What waits in a queue says who gets which message. Who may read it is ours to decide.",
    fix="Set kmsMasterKeyId to the ARN of a key of this stack, whose policy lets the senders use it.",
    reference=security_hub("SQS.1"),
    check=not_encrypted,
)
TLS_ONLY = ResourceRule(
    name="sqs-tls-only",
    summary="A queue's policy refuses what does not come by TLS.",
    severity=Severity.MEDIUM,
    why="What travels in clear can be read and changed on its way.",
    fix="Add a Deny for everybody under the condition that aws:SecureTransport is false.",
    reference=aws(
        "SQS best practices", "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"
    ),
    check=cleartext,
)
HAS_A_POLICY = StackRule(
    name="sqs-has-a-policy",
    summary="Every queue has a policy of its own.",
    severity=Severity.MEDIUM,
    why="A queue without one takes requests without TLS, and no rule about policies sees it.",
    fix="Make a QueuePolicy for it that refuses cleartext.",
    reference=aws(
        "SQS best practices", "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"
    ),
    check=without_a_policy,
)
VISIBILITY = StackRule(
    name="sqs-visibility-outlasts-the-consumer",
    summary="A message stays hidden for six times the timeout of the function that works on it.",
    severity=Severity.MEDIUM,
    why="Otherwise it is given to a second invocation while the first still has it.",
    fix="Raise visibilityTimeoutSeconds, or lower the function's timeout.",
    reference=aws("Configuring a queue for Lambda", "lambda/latest/dg/services-sqs-configure.html"),
    check=seen_again_too_soon,
)
DEAD_LETTERS_KEPT = StackRule(
    name="sqs-dead-letters-kept-longer",
    summary="A dead-letter queue keeps messages longer than the queue they come from.",
    severity=Severity.HIGH,
    why="A message's age counts from when it was first sent: it would be deleted before anybody looks.",
    fix="Set messageRetentionSeconds of the dead-letter queue to 1209600, fourteen days.",
    reference=aws("Dead-letter queues", f"{_GUIDE}/sqs-dead-letter-queues.html"),
    check=forgotten_too_soon,
)
DEAD_LETTERS_RING = StackRule(
    name="sqs-dead-letters-have-an-alarm",
    summary="Every dead-letter queue, and every quarantine, has an alarm.",
    severity=Severity.HIGH,
    why="What lies there was given up, and nobody looks for it by chance.",
    fix="Make a MetricAlarm on AWS/SQS with the queue's name as QueueName.",
    reference=aws(
        "Alarms for dead-letter queues",
        "AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
    ),
    check=dead_letters_ring_nobody,
)
DEAD_LETTERS_REDRIVEN = StackRule(
    name="sqs-dead-letters-have-a-redriver",
    summary="Every dead-letter queue is emptied by a function; but for a quarantine, whose messages wait for a person.",
    unknowns="A preview, which does not know ARNs yet, goes by the resource that each comes from.",
    severity=Severity.HIGH,
    why="What nobody takes out of it waits there until SQS deletes it after fourteen days, and its alarm never ends.",
    fix="Make an EventSourceMapping from the queue to a function that leads its messages back into the log; or end its "
    "name in -quarantine, when only a person can say what is to become of them.",
    reference=aws("Lambda with SQS", "lambda/latest/dg/with-sqs.html"),
    check=nobody_redrives,
)
RULES_MAY_SEND = StackRule(
    name="sqs-rules-may-send",
    summary="The policy of each queue that a rule sends to, events or dead letters, lets this rule send.",
    severity=Severity.HIGH,
    why="AWS refuses every event otherwise, and the local emulator does not: it would show in production alone.",
    fix="Allow sqs:SendMessage to events.amazonaws.com, under aws:SourceArn of the rule.",
    reference=aws("SQS targets", "eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"),
    check=rules_cannot_send,
)
SENDERS = ResourceRule(
    name="sqs-publishers-bounded",
    summary="A service may send to a queue for named resources of ours alone.",
    severity=Severity.MEDIUM,
    why="Any rule of the account could otherwise put events among our deliveries.",
    fix="Add a condition on aws:SourceArn: the rule's ARN.",
    reference=aws("SQS targets", "eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"),
    check=unbounded_senders,
)
CONSUMERS_MAY_READ = StackRule(
    name="sqs-consumers-may-read",
    summary="The role of each queue's consumer may take messages from it.",
    severity=Severity.HIGH,
    why="AWS refuses the event source mapping otherwise, and the local emulator does not.",
    fix=f"Allow {', '.join(_CONSUMES)} on the queue's ARN in the policy of the function's role.",
    reference=aws("Execution role permissions", "lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions"),
    check=consumers_may_not_read,
)
