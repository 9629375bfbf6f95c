"""How topics are kept."""

from collections.abc import Iterator

from policies.documents import statements
from policies.publishers import unbounded
from policies.rule import Resource, ResourceRule, Severity, aws, security_hub
from policies.transport import refuses_cleartext
from policies.values import at, is_own_key

_TOPIC = "aws:sns/topic:Topic"


def not_encrypted(resource: Resource) -> Iterator[str]:
    """Find a topic whose messages lie in clear, or under a key that AWS manages."""
    if resource.type == _TOPIC and not is_own_key(at(resource.properties, "kmsMasterKeyId")):
        yield "kmsMasterKeyId: the topic is not encrypted with a key of ours"


def cleartext(resource: Resource) -> Iterator[str]:
    """Find a topic's policy that takes messages without TLS."""
    if resource.type == "aws:sns/topicPolicy:TopicPolicy" and not refuses_cleartext(statements(resource), resource):
        yield "policy: messages without TLS are not refused"


ENCRYPTED = ResourceRule(
    name="sns-encrypted",
    summary="Topics are encrypted with a customer-managed KMS key.",
    severity=Severity.MEDIUM,
    why="Alerts name what fails and for whom; who may read them is ours to decide.",
    fix="Set kmsMasterKeyId to the ARN of a key of this stack, whose policy lets the publishers use it.",
    reference=security_hub("SNS.1"),
    check=not_encrypted,
)
TLS_ONLY = ResourceRule(
    name="sns-tls-only",
    summary="A topic's policy refuses what does not come by TLS.",
    severity=Severity.MEDIUM,
    why="A message in clear can be read and changed on its way.",
    fix="Add a Deny for everybody under the condition that aws:SecureTransport is false.",
    reference=security_hub("SNS.4"),
    check=cleartext,
)


def unbounded_publishers(resource: Resource) -> Iterator[str]:
    """Find a service that may publish for any of its resources."""
    if resource.type == "aws:sns/topicPolicy:TopicPolicy":
        yield from unbounded(resource, "sns:Publish")


PUBLISHERS = ResourceRule(
    name="sns-publishers-bounded",
    summary="A service may publish to a topic for named resources of ours alone.",
    severity=Severity.MEDIUM,
    why="Any alarm of the account could otherwise wake whoever is on call here.",
    fix="Add a condition on aws:SourceArn: the alarms' ARN.",
    reference=aws(
        "Allow alarms to publish", "AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html#US_SetupSNS"
    ),
    check=unbounded_publishers,
)
