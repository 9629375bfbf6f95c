"""What became of a page's deliveries, which is remembered for good once none of them will move any more."""

from collections import Counter

import boto3
from botocore.stub import ANY, Stubber

from handlers.adapters.aws.broadcasts import DynamoOutcomes
from handlers.domain.notifications.statuses import Status


def test_a_page_is_counted_as_last_written_as_one_that_was_just_released_might_look_empty() -> None:
    client = boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="s")
    asked = {
        "TableName": "log",
        "KeyConditionExpression": "notification_id = :id",
        "ProjectionExpression": ANY,
        "ExpressionAttributeNames": ANY,
        "ExpressionAttributeValues": {":id": {"S": "page-1"}},
        "ConsistentRead": True,
    }
    head = {"item": {"S": "notification"}}
    sent, failed = (
        {"item": {"S": f"delivery#{n}"}, "status": {"S": status}} for n, status in enumerate(["sent", "error"])
    )
    with Stubber(client) as stub:
        stub.add_response("query", {"Items": [sent, head, failed]}, asked)
        assert DynamoOutcomes("log", client).of(["page-1"]) == [Counter({Status.SENT: 1, Status.ERROR: 1})]
