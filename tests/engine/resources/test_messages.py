import json

from local.engine.aws import Aws
from tests.engine.resources.creation import DEFAULT_TAGS, create


def test_a_secret_is_an_empty_container_under_its_own_key(aws: Aws) -> None:
    key = create(aws, "aws:kms/key:Key").outputs["arn"]
    made = create(
        aws,
        "aws:secretsmanager/secret:Secret",
        name="tests/apps/demo",
        description="described",
        kmsKeyId=key,
        recoveryWindowInDays=0,
    )
    secret = aws.secretsmanager.describe_secret(SecretId="tests/apps/demo")
    assert (secret["ARN"], secret["Description"], secret["KmsKeyId"]) == (made.id, "described", key)
    assert made.outputs["arn"] == made.id
    assert "SecretString" not in aws.secretsmanager.get_secret_value(SecretId="tests/apps/demo")
    assert {tag["Key"]: tag["Value"] for tag in secret["Tags"]} == DEFAULT_TAGS


def test_a_topic_is_encrypted_has_its_policy_and_its_subscriber(aws: Aws) -> None:
    topic = create(aws, "aws:sns/topic:Topic", name="alerts", kmsMasterKeyId="alias/aws/sns").id
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": topic}]}
    create(aws, "aws:sns/topicPolicy:TopicPolicy", arn=topic, policy=json.dumps(policy))
    create(aws, "aws:sns/topicSubscription:TopicSubscription", topic=topic, protocol="email", endpoint="a@example.com")
    attributes = aws.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert attributes["KmsMasterKeyId"] == "alias/aws/sns"
    assert json.loads(attributes["Policy"]) == policy
    [subscription] = aws.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "a@example.com")


def test_mail_goes_by_the_configuration_set_asked_for(aws: Aws) -> None:
    made = create(
        aws,
        "aws:sesv2/configurationSet:ConfigurationSet",
        configurationSetName="tests",
        deliveryOptions={"tlsPolicy": "REQUIRE"},
        reputationOptions={"reputationMetricsEnabled": True},
        sendingOptions={"sendingEnabled": True},
        suppressionOptions={"suppressedReasons": ["BOUNCE", "COMPLAINT"]},
    )
    found = aws.sesv2.get_configuration_set(ConfigurationSetName="tests")
    assert made.outputs["arn"] == "arn:aws:ses:eu-central-1:123456789012:configuration-set/tests"
    assert found["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
    assert found["ReputationOptions"]["ReputationMetricsEnabled"]
    assert found["SendingOptions"]["SendingEnabled"]
    assert found["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]


def test_an_identity_says_which_dns_records_prove_it(aws: Aws) -> None:
    made = create(
        aws, "aws:sesv2/emailIdentity:EmailIdentity", emailIdentity="tests.example", configurationSetName="tests"
    )
    found = aws.sesv2.get_email_identity(EmailIdentity="tests.example")
    assert (made.outputs["identityType"], found["IdentityType"]) == ("DOMAIN", "DOMAIN")
    assert made.outputs["dkimSigningAttributes"]["tokens"] == found["DkimAttributes"]["Tokens"]
    assert len(made.outputs["dkimSigningAttributes"]["tokens"]) == 3
