"""The topic that alarms and the sweeper's alerts go to, and who gets them."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming
from stacks.security.iam import Principal, Statement, arn_like, document, equals, service, tls_only

# What CloudWatch sends with an alarm.
_OF_ALARMS = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html#US_SetupSNS"
)


@dataclass(frozen=True)
class AlertsArgs:
    """Where the topic is, the key that encrypts it, and the e-mail addresses to send alarms to."""

    naming: Naming
    key_arn: pulumi.Output[str]
    emails: tuple[str, ...]


class Alerts(pulumi.ComponentResource):
    """An encrypted topic that this environment's alarms and its sweeper, and nobody else, may publish to."""

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Alerts", name, {}, opts)
        topic = aws.sns.Topic(
            "topic",
            name=args.naming.alert_topic,
            kms_master_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.sns.TopicPolicy(
            "policy",
            arn=topic.arn,
            policy=_policy(args.naming),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for email in args.emails:
            aws.sns.TopicSubscription(
                email,
                topic=topic.arn,
                protocol="email",
                endpoint=email,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.topic_arn = topic.arn
        self.register_outputs({"topic_arn": self.topic_arn})


def _policy(naming: Naming) -> pulumi.Output[str]:
    topic = naming.arn("sns", naming.alert_topic)
    publish = Statement(
        "LetAlarmsPublish",
        ("sns:Publish",),
        (topic,),
        (
            equals("aws:SourceAccount", naming.account_id, page=_OF_ALARMS),
            arn_like("aws:SourceArn", naming.arn("cloudwatch", f"alarm:{naming.named('*')}"), page=_OF_ALARMS),
        ),
        service("cloudwatch.amazonaws.com"),
    )
    # The role is made after the topic, and a policy cannot name as principal who is not there yet.
    tell = Statement(
        "LetTheSweeperPublish",
        ("sns:Publish",),
        (topic,),
        (arn_like("aws:PrincipalArn", naming.role_arn("sweeper")),),
        Principal("AWS", naming.account_root),
    )
    return document(publish, tell, tls_only("sns:Publish", topic))
