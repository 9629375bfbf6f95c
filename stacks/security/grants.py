"""What each function's role may do: one page for the reviewer, exactly the calls that the function's code makes.

To read or write what a customer-managed key encrypts, the caller needs the key as well, through the service:
DynamoDB decrypts the table key for whoever reads or writes
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms);
S3 generates a data key to put an object and decrypts it to get one
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms);
SQS decrypts for whoever receives
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html);
Secrets Manager decrypts for whoever gets a value
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html#security-encryption-authz).
Publishing on an encrypted bus asks nothing of the publisher: EventBridge uses the key in its own name
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from stacks.data.tables import DUE_INDEX
from stacks.data.templates import TEMPLATES
from stacks.naming import Naming
from stacks.security.iam import Condition, Statement, equals


@dataclass(frozen=True)
class Keys:
    """The ARNs of the keys under which functions find what they use."""

    data: pulumi.Output[str]
    messaging: pulumi.Output[str]
    secrets: pulumi.Output[str]
    links: pulumi.Output[str]


def own_log(naming: Naming, function: str) -> Statement:
    """Write to the function's own log group, which exists already."""
    return Statement(
        "WriteOwnLog",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        (naming.arn("logs", f"log-group:{naming.function_log_group(function)}:*"),),
        reason="Lambda names the streams of the log group",
    )


def authorizer(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Read the secret of the app that signed the token."""
    return (
        Statement(
            "ReadAppSecrets",
            ("secretsmanager:GetSecretValue",),
            (naming.arn("secretsmanager", f"secret:{naming.app_secret_prefix}*"),),
            reason="Secrets Manager adds six random characters to a secret's ARN, and a producer names its app",
        ),
        _use_key(naming, "Secrets", keys.secrets, ("kms:Decrypt",), "secretsmanager"),
    )


def notifications(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Plan a notification, write it to the log, announce or schedule its deliveries; answer what became of one."""
    return (
        Statement(
            "ReadRecipients",
            ("dynamodb:BatchGetItem",),
            (naming.table_arn("contacts"), naming.table_arn("settings")),
        ),
        Statement(
            "WriteAndReadLog",
            ("dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
            (naming.table_arn("notifications"),),
        ),
        _list_templates(naming),
        _on_templates(naming, "ReadTemplates", "s3:GetObject"),
        _publish(naming),
        *_schedule(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb", "s3"),
    )


def contacts(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Keep contact information and notification settings, and who owns each device."""
    return (
        Statement(
            "KeepContacts",
            (
                "dynamodb:BatchGetItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ),
            (naming.table_arn("contacts"),),
        ),
        Statement(
            "KeepDevices",
            ("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem"),
            (naming.table_arn("devices"),),
        ),
        Statement("KeepSettings", ("dynamodb:BatchGetItem", "dynamodb:PutItem"), (naming.table_arn("settings"),)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def templates(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Keep and preview templates."""
    return (
        _list_templates(naming),
        _on_templates(naming, "KeepTemplates", "s3:GetObject", "s3:PutObject"),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt", "kms:GenerateDataKey"), "s3"),
    )


def worker(
    naming: Naming, keys: Keys, channel: str, credentials: Iterable[pulumi.Output[str]]
) -> tuple[Statement, ...]:
    """Take deliveries from the channel's queue, and say when those that failed come back; settle each in the log, read
    its template and its user's settings and time zone; know which providers are on, share how they are, and read the
    channel's own providers' credentials; put signed links into messages.
    """
    return (
        Statement(
            "ConsumeQueue",
            ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            (naming.queue_arn(channel),),
        ),
        Statement("RetrySooner", ("sqs:ChangeMessageVisibility",), (naming.queue_arn(channel),)),
        Statement("SettleDeliveries", ("dynamodb:UpdateItem",), (naming.table_arn("notifications"),)),
        Statement(
            "ReadSettings", ("dynamodb:BatchGetItem",), (naming.table_arn("contacts"), naming.table_arn("settings"))
        ),
        _on_templates(naming, "ReadTemplates", "s3:GetObjectVersion"),
        _list_versions(naming),
        Statement("ShareProviderState", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("limits"),)),
        Statement("ReadCredentials", ("secretsmanager:GetSecretValue",), tuple(credentials)),
        _sign_links(keys),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb", "s3"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt",), "sqs"),
        _use_key(naming, "Secrets", keys.secrets, ("kms:Decrypt",), "secretsmanager"),
    )


def provider(naming: Naming, channel: str, email_identity: str) -> tuple[Statement, ...]:
    """Hand deliveries to the channel's providers that are AWS, and do what their answers ask for."""
    return {
        "email": (_send_email(naming, email_identity),),
        "sms": _text_phones(naming),
        "push": (*_push_through_sns(naming), *_forget_devices(naming)),
        "chat": (),
    }[channel]


def _send_email(naming: Naming, identity: str) -> Statement:
    """Mail from our identity, with our configuration set."""
    return Statement(
        "SendEmail",
        ("ses:SendEmail",),
        (naming.arn("ses", f"identity/{identity}"), naming.arn("ses", f"configuration-set/{naming.prefix}")),
    )


def _text_phones(naming: Naming) -> tuple[Statement, ...]:
    """Publish to phone numbers, and to nothing that has an ARN.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    """
    return (
        Statement("TextPhones", ("sns:Publish",), ("*",), reason="a phone number has no ARN"),
        Statement(
            "RefuseTopics",
            ("sns:Publish",),
            (f"arn:{naming.partition}:sns:*:*:*",),
            effect="Deny",
            reason="it refuses: every topic and every device, leaving phone numbers alone",
        ),
    )


def _push_through_sns(naming: Naming) -> tuple[Statement, ...]:
    """Make endpoints for devices, and publish to those of this environment's platform applications."""
    return (
        Statement(
            "RegisterDevices",
            ("sns:CreatePlatformEndpoint",),
            ("*",),
            reason="the service authorization reference gives this action no resource type",
        ),
        Statement(
            "PushToDevices",
            ("sns:Publish",),
            (naming.arn("sns", f"endpoint/*/{naming.named('*')}"),),
            reason="SNS names the endpoints, below a platform and an application whose name starts with ours",
        ),
    )


def _forget_devices(naming: Naming) -> tuple[Statement, ...]:
    """Take a dead device from its user's contact, which `ReadSettings` lets the worker read, and let it be nobody's."""
    return (
        Statement("ForgetDevices", ("dynamodb:UpdateItem",), (naming.table_arn("contacts"),)),
        Statement("LetGoOfDevices", ("dynamodb:BatchGetItem", "dynamodb:DeleteItem"), (naming.table_arn("devices"),)),
    )


def tracking(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Verify links, look a delivery up, note what its recipient did, and keep what they choose: for the user, if the
    address is still theirs.
    """
    return (
        Statement(
            "ObserveDeliveries", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("notifications"),)
        ),
        Statement("KeepChoices", ("dynamodb:BatchGetItem", "dynamodb:PutItem"), (naming.table_arn("settings"),)),
        Statement(
            "KnowWhoseAddress", ("dynamodb:ConditionCheckItem", "dynamodb:GetItem"), (naming.table_arn("contacts"),)
        ),
        _sign_links(keys),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def sweeper(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Find deliveries that should have moved, announce them, or those that a schedule names, and look at them later;
    set apart what cannot be read, and erase what an acceptance has left that died.
    """
    log = naming.table_arn("notifications")
    return (
        Statement("FindDueDeliveries", ("dynamodb:Query",), (f"{log}/index/{DUE_INDEX}",)),
        Statement("PostponeDueDeliveries", ("dynamodb:UpdateItem",), (log,)),
        Statement(
            "EraseWhatWasNeverAccepted", ("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:Query"), (log,)
        ),
        _publish(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def _publish(naming: Naming) -> Statement:
    return Statement("PublishEvents", ("events:PutEvents",), (naming.bus_arn,))


def _schedule(naming: Naming) -> tuple[Statement, ...]:
    """Make schedules, and hand them the one role that they may have, for the use of no other service.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policy-examples.html
    """
    return (
        Statement(
            "MakeSchedules",
            ("scheduler:CreateSchedule",),
            (naming.arn("scheduler", f"schedule/{naming.schedule_group}/*"),),
            reason="a schedule is named after its notification, and is made for it",
        ),
        Statement(
            "PassSchedulerRole",
            ("iam:PassRole",),
            (naming.scheduler_role_arn,),
            (equals("iam:PassedToService", "scheduler.amazonaws.com"),),
        ),
    )


def _sign_links(keys: Keys) -> Statement:
    return Statement("SignLinks", ("kms:GenerateMac",), (keys.links,))


def _list_templates(naming: Naming) -> Statement:
    """Find which languages a template has; to who may not list, S3 would call a missing one forbidden."""
    return Statement(
        "ListTemplates",
        ("s3:ListBucket",),
        (naming.bucket_arn,),
        (Condition("StringLike", "s3:prefix", (TEMPLATES,)),),
    )


def _list_versions(naming: Naming) -> Statement:
    """Tell a version that is gone, which would be tried for ever, from one that cannot be read."""
    return Statement(
        "FindTemplateVersions",
        ("s3:ListBucketVersions",),
        (naming.bucket_arn,),
        (Condition("StringLike", "s3:prefix", (TEMPLATES,)),),
    )


def _on_templates(naming: Naming, sid: str, *actions: str) -> Statement:
    return Statement(
        sid,
        actions,
        (f"{naming.bucket_arn}/{TEMPLATES}",),
        reason="producers name their templates",
    )


def _use_key(
    naming: Naming, what: str, key_arn: pulumi.Output[str], actions: tuple[str, ...], *services: str
) -> Statement:
    through = equals("kms:ViaService", *(naming.via(service) for service in services))
    return Statement(f"Use{what}Key", actions, (key_arn,), (through,))
