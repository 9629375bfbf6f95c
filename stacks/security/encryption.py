"""The four customer-managed keys, and who may use each of them.

Nobody uses a key of encryption directly. A function, or a deployer, uses it through the service that keeps the data
(kms:ViaService) and only if its own IAM policy says so as well: the key policies below name the account, which
delegates to IAM. The key of links encrypts nothing: those functions that make or meet links ask it for a code.
A service that acts for itself is held to this environment's resources by the encryption context that it must pass, or
by the source of the call. The account administers the keys without being able to read what they protect.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming
from stacks.security.iam import Condition, Principal, Statement, arn_like, document, equals, service

# In a key's policy "*" is the key itself: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
_THIS_KEY = ("*",)
_THIS_KEY_REASON = "in a key policy it means the key that the policy is attached to"

ADMINISTER = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_ENVELOPE = ("kms:Decrypt", "kms:GenerateDataKey")
_EVERY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_DELETION_DAYS_PROTECTED = 30
_DELETION_DAYS = 7


@dataclass(frozen=True)
class EncryptionArgs:
    """What the keys are for. `replica_regions` each get a data key of their own, as DynamoDB replicas need."""

    naming: Naming
    replica_regions: tuple[str, ...]
    protect: bool


class Encryption(pulumi.ComponentResource):
    """Keys, each with an alias: data, messaging and secrets, which are rotated yearly; and the key of links."""

    data_key_arn: pulumi.Output[str]
    """Tables and templates."""
    messaging_key_arn: pulumi.Output[str]
    """The bus and its archive, queues, the alert topic, logs."""
    secrets_key_arn: pulumi.Output[str]
    """The secrets of apps and of providers."""
    links_key_arn: pulumi.Output[str]
    """What links in messages are signed with. KMS rotates no keys of this kind."""
    replica_data_key_arns: dict[str, pulumi.Output[str]]
    """By region."""

    def __init__(self, name: str, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Encryption", name, {}, opts)
        self._args = args
        data = (*_through_dynamodb(args), *_through_s3(args.naming))
        self.data_key_arn = self._key("data", "Tables and templates", data)
        self.messaging_key_arn = self._key(
            "messaging", "Event bus, queues, alert topic and logs", _messaging(args.naming)
        )
        self.secrets_key_arn = self._key(
            "secrets", "Secrets of apps and providers", _through_secrets_manager(args.naming)
        )
        self.links_key_arn = self._key("links", "Signatures of links in messages", _codes(args.naming), hmac=True)
        self.replica_data_key_arns = {
            region: self._key(f"data-{region}", "Table replicas", _through_dynamodb(args), region)
            for region in args.replica_regions
        }
        self.register_outputs(
            {
                "data_key_arn": self.data_key_arn,
                "messaging_key_arn": self.messaging_key_arn,
                "secrets_key_arn": self.secrets_key_arn,
                "links_key_arn": self.links_key_arn,
                "replica_data_key_arns": self.replica_data_key_arns,
            }
        )

    def _key(
        self,
        purpose: str,
        description: str,
        uses: tuple[Statement, ...],
        region: str | None = None,
        *,
        hmac: bool = False,
    ) -> pulumi.Output[str]:
        naming = self._args.naming
        of_codes = {"key_usage": "GENERATE_VERIFY_MAC", "customer_master_key_spec": "HMAC_256"} if hmac else {}
        key = aws.kms.Key(
            f"{purpose}-key",
            description=f"{naming.prefix}: {description}",
            # https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html: none of HMAC keys.
            enable_key_rotation=not hmac,
            **of_codes,
            deletion_window_in_days=_DELETION_DAYS_PROTECTED if self._args.protect else _DELETION_DAYS,
            policy=document(_administration(naming), *uses),
            region=region,
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect),
        )
        aws.kms.Alias(
            f"{purpose}-alias",
            name=f"alias/{naming.named(purpose)}",
            target_key_id=key.key_id,
            region=region,
            opts=pulumi.ResourceOptions(parent=self),
        )
        arn: pulumi.Output[str] = key.arn
        return arn


def _account(naming: Naming) -> Principal:
    return Principal("AWS", naming.account_root)


def _use(sid: str, actions: tuple[str, ...], principal: Principal, *conditions: Condition) -> Statement:
    return Statement(sid, actions, _THIS_KEY, conditions, principal, reason=_THIS_KEY_REASON)


def _administration(naming: Naming) -> Statement:
    return _use("AdministerWithoutUse", ADMINISTER, _account(naming))


def _through(naming: Naming, sid: str, actions: tuple[str, ...], *services: str) -> Statement:
    return _use(
        sid,
        actions,
        _account(naming),
        equals("kms:ViaService", *services),
        equals("kms:CallerAccount", naming.account_id),
    )


def _through_dynamodb(args: EncryptionArgs) -> tuple[Statement, ...]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms-authz."""
    naming = args.naming
    # A global table is looked after from each of its regions.
    services = (naming.via("dynamodb"), *(f"dynamodb.{region}.amazonaws.com" for region in args.replica_regions))
    grants = _use(
        "LetDynamoDBGrantItself",
        ("kms:CreateGrant",),
        _account(naming),
        equals("kms:ViaService", *services),
        equals("kms:CallerAccount", naming.account_id),
        Condition("Bool", "kms:GrantIsForAWSResource", ("true",)),
    )
    return _through(naming, "ThroughDynamoDB", _EVERY_USE, *services), grants


def _through_s3(naming: Naming) -> tuple[Statement, ...]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms."""
    return (_through(naming, "ThroughS3", _ENVELOPE, naming.via("s3")),)


def _through_secrets_manager(naming: Naming) -> tuple[Statement, ...]:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html#security-encryption-authz."""
    return (_through(naming, "ThroughSecretsManager", (*_ENVELOPE, "kms:DescribeKey"), naming.via("secretsmanager")),)


def _codes(naming: Naming) -> tuple[Statement, ...]:
    """https://docs.aws.amazon.com/kms/latest/developerguide/hmac-authn.html."""
    return (_use("MakeCodes", ("kms:GenerateMac",), _account(naming)),)


# What each service sends when it uses a key for itself, by the page that says so.
_OF_A_BUS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html"
_OF_QUEUES = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"
_OF_TOPICS = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services"
_OF_LOGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"


def _messaging(naming: Naming) -> tuple[Statement, ...]:
    events = service("events.amazonaws.com")
    return (
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        _through(naming, "ThroughSQS", _ENVELOPE, naming.via("sqs")),
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse
        _through(naming, "ThroughSNS", _ENVELOPE, naming.via("sns")),
        # Whoever makes the bus and its rules: .../eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
        _through(naming, "ThroughEventBridge", _EVERY_USE, naming.via("events")),
        # AWS's policy for it has no condition, and no page says that EventBridge sends a key with this call. It tells
        # what kind of key this is, and nothing that the key protects.
        _use("LetEventBridgeKnowTheKey", ("kms:DescribeKey",), events),
        # The bus and its archive pass the bus in the context, and the archive no source ARN:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html
        _use(
            "LetTheBusEncrypt",
            (*_ENVELOPE, "kms:ReEncryptFrom", "kms:ReEncryptTo"),
            events,
            equals("kms:EncryptionContext:aws:events:event-bus:arn", naming.bus_arn, page=_OF_A_BUS),
        ),
        # By prefix, so that the rule of a new channel needs no change of the key. The page names EventBridge, by its
        # former name CloudWatch Events, among the services that send the ARN of their resource, and asks for the
        # account only where that is not known.
        _use(
            "LetRulesReachTheQueues",
            _ENVELOPE,
            events,
            arn_like("aws:SourceArn", naming.rule_arn("*"), page=_OF_QUEUES),
        ),
        _use(
            "LetAlarmsReachTheTopic",
            _ENVELOPE,
            service("cloudwatch.amazonaws.com"),
            equals("aws:SourceAccount", naming.account_id, page=_OF_TOPICS),
            arn_like("aws:SourceArn", naming.arn("cloudwatch", f"alarm:{naming.named('*')}"), page=_OF_TOPICS),
        ),
        _use(
            "LetLogsEncrypt",
            _EVERY_USE,
            service(naming.via("logs")),
            arn_like(
                "kms:EncryptionContext:aws:logs:arn",
                naming.arn("logs", f"log-group:{naming.function_log_group('*')}"),
                naming.arn("logs", f"log-group:{naming.api_log_group}"),
                naming.arn("logs", f"log-group:{naming.links_log_group}"),
                naming.arn("logs", f"log-group:{naming.firewall_log_group}"),
                page=_OF_LOGS,
            ),
        ),
    )
