"""Amazon SNS: topics, their policies, subscriptions."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def topic(inputs: Inputs, aws: Aws) -> Created:
    """A standard topic."""
    name = inputs.name()
    attributes: Any = inputs.pick(kmsMasterKeyId="KmsMasterKeyId", displayName="DisplayName")
    arn = aws.sns.create_topic(Name=name, Attributes=attributes, Tags=tag_list(inputs.tags()))["TopicArn"]
    return Created(arn, {"name": name, "arn": arn, "owner": aws.account_id})


def topic_policy(inputs: Inputs, aws: Aws) -> Created:
    """Who may use a topic."""
    arn = inputs.required("arn")
    aws.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=inputs.required("policy"))
    return Created(arn, {"owner": aws.account_id})


def subscription(inputs: Inputs, aws: Aws) -> Created:
    """Who gets what is published; e-mail subscriptions stay pending until their link is followed."""
    arn = aws.sns.subscribe(
        TopicArn=inputs.required("topic"),
        Protocol=inputs.required("protocol"),
        Endpoint=inputs.required("endpoint"),
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Created(arn, {"arn": arn, "ownerId": aws.account_id})


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:sns/topic:Topic": topic,
    "aws:sns/topicPolicy:TopicPolicy": topic_policy,
    "aws:sns/topicSubscription:TopicSubscription": subscription,
}
