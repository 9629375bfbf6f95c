"""Where messages go that cannot be processed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.rule import Finding, Reference, Resource, Severity, StackRule
from policies.values import UNKNOWN, Value, at

_QUEUE = "aws:sqs/queue:Queue"
_REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"

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


def without_dead_letters(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find the queues that have no dead-letter queue and are not one themselves."""
    queues = [resource for resource in resources if resource.type == _QUEUE]
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
    summary="Every queue has a dead-letter queue, or is one.",
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
