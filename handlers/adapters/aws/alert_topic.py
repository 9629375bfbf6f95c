"""The alert topic, to which the sweeper tells what the developers responsible should hear of."""

from typing import TYPE_CHECKING, Any

from handlers.domain.alerts import Notice

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsAlerts:
    """Calls `sns:Publish`, once for each notice: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""

    def __init__(self, topic: str, client: "SNSClient") -> None:
        self._topic = topic
        self._client = client

    def tell(self, notice: Notice) -> None:
        """Publish a notice; its attributes are for the filters of subscriptions. Raises botocore's errors."""
        attributes: Any = {
            name: {"DataType": "String", "StringValue": value} for name, value in notice.attributes.items()
        }
        self._client.publish(
            TopicArn=self._topic, Subject=notice.subject, Message=notice.text, MessageAttributes=attributes
        )
