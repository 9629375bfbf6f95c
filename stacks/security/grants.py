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

from handlers.domain.channels import is_told_dead, may_be_suppressed, sends_to_devices
from handlers.domain.providers.registry import of_channel
from stacks.data.audiences import AUDIENCES
from stacks.data.tables import DIGEST_INDEX, DUE_INDEX, ERASURES, USER_INDEX
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


def own_traces() -> Statement:
    """Write traces, which Lambda does as the function.

    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    """
    return Statement(
        "WriteTraces",
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        ("*",),
        reason="a trace has no ARN",
    )


def authorizer(naming: Naming, keys: Keys, *, refuses_replays: bool) -> tuple[Statement, ...]:
    """Read the secret of the app that signed the token; where a token is good for one request, use it up."""
    using_up = (
        Statement("UseTokensUp", ("dynamodb:PutItem",), (naming.table_arn("limits"),)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )
    return (
        *(using_up if refuses_replays else ()),
        Statement(
            "ReadAppSecrets",
            ("secretsmanager:GetSecretValue",),
            (naming.arn("secretsmanager", f"secret:{naming.app_secret_prefix}*"),),
            reason="Secrets Manager adds six random characters to a secret's ARN, and a producer names its app",
        ),
        _use_key(naming, "Secrets", keys.secrets, ("kms:Decrypt",), "secretsmanager"),
    )


def notifications(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Plan a notification, write it to the log, announce or schedule its deliveries; answer what became of one, and in
    a dry run whom limits would put off.
    """
    return (
        Statement(
            "ReadRecipients",
            ("dynamodb:BatchGetItem",),
            tuple(naming.table_arn(table) for table in ("contacts", "settings", "suppressions")),
        ),
        _know_languages(naming, "dynamodb:BatchGetItem"),
        Statement("ForeseeLimits", ("dynamodb:BatchGetItem",), (naming.table_arn("limits"),)),
        _hold_apps_to_rates(naming),
        Statement(
            "WriteAndReadLog",
            ("dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
            (naming.table_arn("notifications"),),
        ),
        _list_templates(naming),
        _on_templates(naming, "ReadTemplates", "s3:GetObject"),
        _publish(naming),
        *_schedule(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb", "s3"),
    )


def broadcasts(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Keep broadcasts, check what they say, count what became of them, and wake the fan-out; sign urls to which a file
    of an audience may be put, and know whether one is there, without the right to read it.
    """
    return (
        Statement("KeepBroadcasts", ("dynamodb:GetItem", "dynamodb:PutItem"), (naming.table_arn("broadcasts"),)),
        Statement("CountDeliveries", ("dynamodb:Query",), (naming.table_arn("notifications"),)),
        _know_languages(naming),
        _hold_apps_to_rates(naming),
        _list_templates(naming),
        _on_templates(naming, "ReadTemplates", "s3:GetObject"),
        _on_audiences(naming, "TakeAudiences", "s3:PutObject"),
        Statement(
            "FindAudiences",
            ("s3:ListBucketVersions",),
            (naming.audience_bucket_arn,),
            (Condition("StringLike", "s3:prefix", (AUDIENCES,)),),
        ),
        _lead_broadcasts(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt", "kms:GenerateDataKey"), "dynamodb", "s3"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt", "kms:GenerateDataKey"), "sqs"),
    )


def fanout(naming: Naming, keys: Keys, channels: Iterable[str]) -> tuple[Statement, ...]:
    """Lead broadcasts from step to step, and take those that failed; read their audiences, a file or who has a tag, and
    know who had one already; accept each page as a notification is, while the channels' queues are short; cancel.
    """
    return (
        Statement(
            "ConsumeQueue",
            ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            (naming.queue_arn("broadcasts"), naming.queue_arn("broadcasts-dlq")),
        ),
        _lead_broadcasts(naming),
        Statement(
            "SeeHowMuchWaits", ("sqs:GetQueueAttributes",), tuple(naming.queue_arn(channel) for channel in channels)
        ),
        Statement("KeepBroadcasts", ("dynamodb:GetItem", "dynamodb:PutItem"), (naming.table_arn("broadcasts"),)),
        Statement(
            "KnowWhoHadIt", ("dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"), (naming.table_arn("broadcasts"),)
        ),
        Statement("FindTagged", ("dynamodb:Query",), (naming.table_arn("tags"),)),
        Statement("ForgetUntagged", ("dynamodb:DeleteItem",), (naming.table_arn("tags"),)),
        Statement(
            "ReadRecipients",
            ("dynamodb:BatchGetItem",),
            (naming.table_arn("contacts"), naming.table_arn("settings"), naming.table_arn("suppressions")),
        ),
        _know_languages(naming, "dynamodb:BatchGetItem"),
        Statement("WriteLog", ("dynamodb:BatchWriteItem", "dynamodb:PutItem"), (naming.table_arn("notifications"),)),
        Statement("CancelDeliveries", ("dynamodb:Query", "dynamodb:UpdateItem"), (naming.table_arn("notifications"),)),
        _list_templates(naming),
        _on_templates(naming, "ReadTemplates", "s3:GetObject"),
        _on_audiences(naming, "ReadAudiences", "s3:GetObjectVersion"),
        _publish(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb", "s3"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt", "kms:GenerateDataKey"), "sqs"),
    )


def _lead_broadcasts(naming: Naming) -> Statement:
    return Statement("LeadBroadcasts", ("sqs:SendMessage",), (naming.queue_arn("broadcasts"),))


def _on_audiences(naming: Naming, sid: str, action: str) -> Statement:
    return Statement(
        sid,
        (action,),
        (f"{naming.audience_bucket_arn}/{AUDIENCES}",),
        reason="a file is named by its broadcast",
    )


def contacts(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Keep contact information and notification settings, who owns each device, and which addresses are not tried;
    have a user erased from the log, of which nothing else may be touched.
    """
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
        Statement(
            "KeepSettings",
            ("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem"),
            (naming.table_arn("settings"),),
        ),
        Statement(
            "KeepSuppressions",
            ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"),
            (naming.table_arn("suppressions"),),
        ),
        Statement(
            "AskToErase",
            ("dynamodb:UpdateItem",),
            (naming.table_arn("notifications"),),
            (Condition("ForAllValues:StringEquals", "dynamodb:LeadingKeys", (ERASURES,)),),
        ),
        Statement("IndexTags", ("dynamodb:BatchWriteItem",), (naming.table_arn("tags"),)),
        _hold_apps_to_rates(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def templates(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Keep and preview templates."""
    return (
        _know_languages(naming),
        _list_templates(naming),
        _on_templates(naming, "KeepTemplates", "s3:GetObject", "s3:PutObject"),
        _hold_apps_to_rates(naming),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt", "kms:GenerateDataKey"), "dynamodb", "s3"),
    )


def worker(
    naming: Naming, keys: Keys, channel: str, credentials: Iterable[pulumi.Output[str]]
) -> tuple[Statement, ...]:
    """Take deliveries from the channel's queues, and say when those that failed come back; settle each in the log, read
    its template and its user's settings and time zone; know which providers are on, share how they are, hold
    recipients' limits, and read the channel's own providers' credentials; put signed links into messages; find what is
    sent in one digest.
    """
    suppressed = ("suppressions",) if may_be_suppressed(channel) else ()
    lanes = (naming.queue_arn(channel), naming.queue_arn(naming.urgent(channel)))
    return (
        Statement(
            "ConsumeQueue",
            ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            lanes,
        ),
        Statement("RetrySooner", ("sqs:ChangeMessageVisibility",), lanes),
        Statement("SettleDeliveries", ("dynamodb:UpdateItem",), (naming.table_arn("notifications"),)),
        Statement(
            "FindDigestEntries", ("dynamodb:Query",), (f"{naming.table_arn('notifications')}/index/{DIGEST_INDEX}",)
        ),
        Statement(
            "ReadBatch",
            ("dynamodb:BatchGetItem",),
            tuple(naming.table_arn(table) for table in ("contacts", "settings", *suppressed, "notifications")),
        ),
        _on_templates(naming, "ReadTemplates", "s3:GetObjectVersion"),
        _list_versions(naming),
        Statement("ShareProviderState", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("limits"),)),
        *_read_credentials(naming, keys, tuple(credentials)),
        _sign_links(keys),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb", "s3"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt",), "sqs"),
    )


def _read_credentials(naming: Naming, keys: Keys, credentials: tuple[pulumi.Output[str], ...]) -> tuple[Statement, ...]:
    """Read the credentials of a channel's providers; nothing where none has any, as IAM takes no empty list."""
    if not credentials:
        return ()
    return (
        Statement("ReadCredentials", ("secretsmanager:GetSecretValue",), credentials),
        _use_key(naming, "Secrets", keys.secrets, ("kms:Decrypt",), "secretsmanager"),
    )


def provider(naming: Naming, channel: str, email_identity: str) -> tuple[Statement, ...]:
    """Hand deliveries to the channel's providers that are AWS, and do what their answers ask for."""
    on_aws = {
        "ses": (_send_email(naming, email_identity),),
        "sns": _text_phones(naming),
        "sns-push": _push_through_sns(naming),
    }
    sends = [statement for each in of_channel(channel) for statement in on_aws.get(each.name, ())]
    return (*sends, *_put_aside(naming, channel))


def _put_aside(naming: Naming, channel: str) -> tuple[Statement, ...]:
    """Put aside what a provider calls dead: a device is forgotten, a number or url suppressed. Mail bounces later."""
    if sends_to_devices(channel):
        return _forget_devices(naming)
    if is_told_dead(channel):
        return (Statement("SuppressDead", ("dynamodb:PutItem",), (naming.table_arn("suppressions"),)),)
    return ()


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
    """Take a dead device from its user's contact, which `ReadBatch` lets the worker read, and let it be nobody's."""
    return (
        Statement("ForgetDevices", ("dynamodb:UpdateItem",), (naming.table_arn("contacts"),)),
        Statement("LetGoOfDevices", ("dynamodb:BatchGetItem", "dynamodb:DeleteItem"), (naming.table_arn("devices"),)),
    )


def tracking(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Verify links, look a delivery up, note what its recipient did, and keep what they choose: for the user, if the
    address is still theirs. Everybody can reach it, so it can write nothing of a contact but the time zone.
    """
    return (
        Statement(
            "ObserveDeliveries", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("notifications"),)
        ),
        Statement("KeepChoices", ("dynamodb:BatchGetItem", "dynamodb:PutItem"), (naming.table_arn("settings"),)),
        Statement(
            "KnowWhoseAddress", ("dynamodb:ConditionCheckItem", "dynamodb:GetItem"), (naming.table_arn("contacts"),)
        ),
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        Statement(
            "KeepTimeZone",
            ("dynamodb:UpdateItem",),
            (naming.table_arn("contacts"),),
            (Condition("ForAllValues:StringEquals", "dynamodb:Attributes", ("user_id", "timezone")),),
        ),
        _sign_links(keys),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def hooks(naming: Naming, keys: Keys, credentials: Iterable[pulumi.Output[str]]) -> tuple[Statement, ...]:
    """Verify what providers sign, note it on deliveries, and suppress addresses; keep what is chosen there: for the
    user, if the address is still theirs.
    """
    return (
        Statement(
            "ObserveDeliveries", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("notifications"),)
        ),
        Statement("SuppressAddresses", ("dynamodb:PutItem",), (naming.table_arn("suppressions"),)),
        Statement("KeepChoices", ("dynamodb:BatchGetItem", "dynamodb:PutItem"), (naming.table_arn("settings"),)),
        Statement(
            "KnowWhoseAddress", ("dynamodb:ConditionCheckItem", "dynamodb:GetItem"), (naming.table_arn("contacts"),)
        ),
        *_read_credentials(naming, keys, tuple(credentials)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def redriver(naming: Naming, keys: Keys, channel: str) -> tuple[Statement, ...]:
    """Take what the channel's dead-letter queue holds, note it on its delivery in the log; park what cannot be read;
    count both what ends and what is parked, for the channel's alerts.

    To send to an encrypted queue takes a data key and its decryption
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html).
    """
    return (
        Statement(
            "ConsumeDeadLetters",
            ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            (naming.queue_arn(f"{channel}-dlq"),),
        ),
        Statement(
            "RedriveDeliveries", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("notifications"),)
        ),
        Statement("ParkMessages", ("sqs:SendMessage",), (naming.arn("sqs", naming.quarantine),)),
        Statement("CountForAlerts", ("dynamodb:UpdateItem",), (naming.table_arn("limits"),)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt", "kms:GenerateDataKey"), "sqs"),
    )


def sweeper(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Find deliveries that should have moved, announce them, or those that a schedule names, and look at them later;
    set apart what cannot be read, erase what an acceptance has left that died, and what is personal of users who are
    erased; know which circuits have closed,
    keep the channels' alerts, and tell of them.

    To publish to an encrypted topic takes a data key and its decryption
    (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse).
    """
    log = naming.table_arn("notifications")
    return (
        Statement("FindDueDeliveries", ("dynamodb:Query",), (f"{log}/index/{DUE_INDEX}",)),
        Statement("PostponeDueDeliveries", ("dynamodb:UpdateItem",), (log,)),
        Statement(
            "EraseWhatWasNeverAccepted", ("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:Query"), (log,)
        ),
        Statement("EraseUsers", ("dynamodb:PutItem", "dynamodb:Scan"), (log,)),
        Statement("SeeWhoServesAgain", ("dynamodb:BatchGetItem", "dynamodb:UpdateItem"), (naming.table_arn("limits"),)),
        _publish(naming),
        Statement("TellAlerts", ("sns:Publish",), (naming.arn("sns", naming.alert_topic),)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt", "kms:GenerateDataKey"), "sns"),
    )


def reports(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Read what was counted and listed; keep apps' webhooks, and hold apps to their rates; sign cursors, and derive the
    keys of webhooks.
    """
    stats = naming.table_arn("stats")
    return (
        Statement("ReadStats", ("dynamodb:BatchGetItem", "dynamodb:Query"), (stats,)),
        Statement("FindByUser", ("dynamodb:Query",), (f"{stats}/index/{USER_INDEX}",)),
        Statement("KeepWebhooksAndRates", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("limits"),)),
        _sign_links(keys),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
    )


def webhooks(naming: Naming, keys: Keys) -> tuple[Statement, ...]:
    """Take status changes from their queue, and say when those that failed come back; read an app's webhook, derive its
    signing key, and keep how its endpoint does.
    """
    queue = (naming.queue_arn("webhooks"),)
    return (
        Statement("ConsumeQueue", ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"), queue),
        Statement("RetryLater", ("sqs:ChangeMessageVisibility",), queue),
        Statement("KeepWebhooks", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("limits"),)),
        Statement("DeriveKeys", ("kms:GenerateMac",), (keys.links,)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt",), "sqs"),
    )


def observer(naming: Naming, keys: Keys, log_stream: pulumi.Input[str]) -> tuple[Statement, ...]:
    """Read the log's stream; count and list what has become of deliveries; announce it to apps that have a webhook;
    leave in the quarantine which records were too old to try again.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-create-package.html: what Lambda, as the function's role, asks
    of a stream, and sends to a queue for what it gives up.
    """
    return (
        Statement(
            "ReadLogStream",
            (
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ),
            (log_stream,),
        ),
        Statement(
            "CountDeliveries",
            ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            (naming.table_arn("stats"),),
        ),
        Statement("FindWebhooks", ("dynamodb:GetItem",), (naming.table_arn("limits"),)),
        Statement("AnnounceMoves", ("sqs:SendMessage",), (naming.queue_arn("webhooks"),)),
        Statement("LeaveWhatIsTooOld", ("sqs:SendMessage",), (naming.quarantine_arn,)),
        _use_key(naming, "Data", keys.data, ("kms:Decrypt",), "dynamodb"),
        _use_key(naming, "Messaging", keys.messaging, ("kms:Decrypt", "kms:GenerateDataKey"), "sqs"),
    )


def _hold_apps_to_rates(naming: Naming) -> Statement:
    return Statement("HoldAppsToRates", ("dynamodb:UpdateItem",), (naming.table_arn("limits"),))


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
    """Find which languages a template has. Without it, S3 answers 403 for a missing object."""
    return Statement(
        "ListTemplates",
        ("s3:ListBucket",),
        (naming.bucket_arn,),
        (Condition("StringLike", "s3:prefix", (TEMPLATES,)),),
    )


def _know_languages(naming: Naming, *more: str) -> Statement:
    """Read which languages a template has, and keep what a listing has told."""
    return Statement(
        "KnowLanguages", (*more, "dynamodb:GetItem", "dynamodb:UpdateItem"), (naming.table_arn("templates"),)
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
