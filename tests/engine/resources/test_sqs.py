import json

from local.engine.aws import Aws
from tests.engine.resources.creation import DEFAULT_TAGS, create

ARN = "arn:aws:sqs:eu-central-1:123456789012:"


def test_a_queue_and_its_dead_letter_queue_are_as_asked(aws: Aws) -> None:
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}mail"]}
    redrive = {"deadLetterTargetArn": f"{ARN}mail-dlq", "maxReceiveCount": 5}
    dead_letters = create(
        aws,
        "aws:sqs/queue:Queue",
        name="mail-dlq",
        kmsMasterKeyId="alias/aws/sqs",
        messageRetentionSeconds=1209600,
        redriveAllowPolicy=json.dumps(allow),
    )
    queue = create(
        aws,
        "aws:sqs/queue:Queue",
        name="mail",
        kmsMasterKeyId="alias/aws/sqs",
        visibilityTimeoutSeconds=180,
        redrivePolicy=json.dumps(redrive),
    )
    of_queue = aws.sqs.get_queue_attributes(QueueUrl=queue.id, AttributeNames=["All"])["Attributes"]
    assert (queue.outputs["url"], queue.outputs["arn"]) == (queue.id, of_queue["QueueArn"])
    assert (of_queue["VisibilityTimeout"], of_queue["KmsMasterKeyId"]) == ("180", "alias/aws/sqs")
    assert json.loads(of_queue["RedrivePolicy"]) == redrive
    of_dead = aws.sqs.get_queue_attributes(QueueUrl=dead_letters.id, AttributeNames=["All"])["Attributes"]
    assert of_dead["MessageRetentionPeriod"] == "1209600"
    assert json.loads(of_dead["RedriveAllowPolicy"]) == allow
    assert aws.sqs.list_queue_tags(QueueUrl=queue.id)["Tags"] == DEFAULT_TAGS


def test_a_queue_gets_its_policy(aws: Aws) -> None:
    queue = create(aws, "aws:sqs/queue:Queue", name="policed")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.outputs["arn"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    create(aws, "aws:sqs/queuePolicy:QueuePolicy", queueUrl=queue.id, policy=policy)
    attributes = aws.sqs.get_queue_attributes(QueueUrl=queue.id, AttributeNames=["Policy"])["Attributes"]
    assert attributes["Policy"] == policy
