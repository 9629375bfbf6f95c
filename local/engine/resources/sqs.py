"""Amazon SQS: queues and their policies."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner


def queue(inputs: Inputs, aws: Aws) -> Created:
    """A standard queue; SQS takes every attribute as text."""
    name = inputs.name()
    attributes: Any = inputs.pick(
        delaySeconds="DelaySeconds",
        kmsMasterKeyId="KmsMasterKeyId",
        kmsDataKeyReusePeriodSeconds="KmsDataKeyReusePeriodSeconds",
        maxMessageSize="MaximumMessageSize",
        messageRetentionSeconds="MessageRetentionPeriod",
        receiveWaitTimeSeconds="ReceiveMessageWaitTimeSeconds",
        redriveAllowPolicy="RedriveAllowPolicy",
        redrivePolicy="RedrivePolicy",
        visibilityTimeoutSeconds="VisibilityTimeout",
    )
    texts: Any = {attribute: str(value) for attribute, value in attributes.items()}
    url = aws.sqs.create_queue(QueueName=name, Attributes=texts, tags=inputs.tags())["QueueUrl"]
    return Created(url, {"name": name, "url": url, "arn": aws.arn("sqs", name)})


def queue_policy(inputs: Inputs, aws: Aws) -> Created:
    """Who may use a queue."""
    url = inputs.required("queueUrl")
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": inputs.required("policy")})
    return Created(url)


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:sqs/queue:Queue": queue,
    "aws:sqs/queuePolicy:QueuePolicy": queue_policy,
}
