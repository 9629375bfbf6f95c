"""One violation for each rule, a table per area."""

from policies.values import Value
from tests.policy.good import ROOT, RULE, STAGE, STREAM, TABLE, Planted, allow, document, resource

OTHER = f"{RULE}-of-others"
ACCOUNT_ALONE: Value = {"aws:SourceAccount": "123456789012"}
_MANAGED = "alias/aws/service"

API = [
    Planted("api-modern-tls", "api", "securityPolicy", "TLS_1_0"),
    Planted("api-access-log", "stage", "accessLogSettings"),
    Planted("api-throttled", "settings", "settings.throttlingBurstLimit", -1),
    Planted("api-authorizer-cache", "authorizer", "authorizerResultTtlInSeconds", 300),
    Planted("api-request-validation", "put", "requestValidatorId"),
    Planted("api-authorizer", "put", "authorization", "NONE"),
    Planted("api-waf-in-prod", "firewall", "resourceArn", STAGE.replace("live", "other")),
    Planted("api-tracing", "stage", "xrayTracingEnabled", False),
]
ALARMS = [
    Planted("alarm-for-every-queue", "work-alarm", "dimensions.QueueName", "other"),
    Planted("alarm-for-every-function", "worker-alarm", "namespace", "Carillon"),
    Planted("alarm-for-every-table", "table-alarm", "dimensions.TableName", "other"),
    Planted("alarm-for-every-api", "api-alarm", "metricQueries.1.metric.dimensions.ApiName", "other"),
]
DYNAMODB = [
    Planted("dynamodb-customer-managed-key", "limits", "serverSideEncryption.enabled", False),
    Planted("dynamodb-point-in-time-recovery", "limits", "replicas.0.pointInTimeRecovery", False),
    Planted("dynamodb-deletion-protection", "limits", "deletionProtectionEnabled", False),
    Planted("dynamodb-on-demand", "limits", "billingMode"),
    Planted("dynamodb-limits-expire", "limits", "ttl"),
]
EVENTS = [
    Planted("events-bus-encrypted", "bus", "kmsKeyIdentifier"),
    Planted("events-archive-encrypted", "archive", "kmsKeyIdentifier"),
    Planted("events-archive-bounded", "archive", "retentionDays", 0),
    Planted("events-target-dead-letter-queue", "target", "deadLetterConfig"),
    Planted("events-target-retries", "target", "retryPolicy.maximumRetryAttempts", 0),
]
IAM = [
    Planted("iam-no-wildcard-actions", "role-policy", "policy.Statement.0.Action", "logs:Put*"),
    Planted("iam-no-wildcard-resources", "role-policy", "policy.Statement.0.Resource", "*"),
    Planted("iam-no-not-resource", "role-policy", "policy.Statement.0.NotResource", "arn:aws:logs:::other"),
    Planted("iam-pass-role-bounded", "role-policy", "policy.Statement.1.Condition"),
    Planted("iam-no-privilege-escalation", "role-policy", "policy.Statement.0.Action", "iam:PutRolePolicy"),
    Planted("iam-trust-names-one-service", "role", "assumeRolePolicy.Statement.0.Principal", ROOT),
    Planted(
        "iam-trust-bounded",
        "scheduler",
        "assumeRolePolicy.Statement.0.Condition",
        {"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}},
    ),
    Planted(
        "iam-no-managed-policies",
        added=[
            resource(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                "attached",
                role="worker",
                policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess",
            )
        ],
    ),
    Planted("iam-no-users", added=[resource("aws:iam/accessKey:AccessKey", "for-ever", user="somebody")]),
    Planted("iam-no-public-principal", "topic-policy", "policy.Statement.0.Principal", "*"),
    Planted("iam-service-principal-bounded", "key", "policy.Statement.3.Condition"),
    Planted("iam-schedules-pass-their-role", "role-policy", "policy.Statement.1.Action", "iam:GetRole"),
    Planted(
        "iam-tables-with-their-key",
        added=[
            resource(
                "aws:iam/rolePolicy:RolePolicy",
                "without-key",
                role="other",
                policy=document(allow("dynamodb:GetItem", TABLE)),
            )
        ],
    ),
    Planted("iam-data-with-their-key", "role-policy", "policy.Statement.12.Action", "kms:GenerateDataKeyPair"),
]
KMS = [
    Planted("kms-rotation", "key", "enableKeyRotation", False),
    Planted(
        "kms-administrators-cannot-decrypt", "key", "policy.Statement.0.Action", ["kms:PutKeyPolicy", "kms:Decrypt"]
    ),
    Planted("kms-own-policy", "key", "policy"),
    Planted("kms-deletion-window", "key", "deletionWindowInDays", 1),
    Planted("kms-lockout-check", "key", "bypassPolicyLockoutSafetyCheck", True),
    Planted("kms-services-may-use", "key", "policy.Statement.2.Action", ["kms:Decrypt"]),
]
LAMBDA = [
    Planted("lambda-supported-runtime", "worker", "runtime", "python3.8"),
    Planted("lambda-no-secrets-in-environment", "worker", "environment.variables.SENDGRID_API_KEY", "anything"),
    Planted("lambda-bounded-concurrency", "mapping", "scalingConfig"),
    Planted("lambda-bounded-concurrency", "mapping", "provisionedPollerConfig", {"minimumPollers": 2}),
    Planted("lambda-partial-batch-failures", "mapping", "functionResponseTypes"),
    Planted("lambda-followers-may-read", "stream", "eventSourceArn", f"{STREAM}-another"),
    Planted("lambda-streams-give-up-visibly", "stream", "destinationConfig"),
    Planted("lambda-permission-source", added=[resource("aws:lambda/permission:Permission", "any", function="worker")]),
    Planted("lambda-methods-may-call", "may-invoke"),
    Planted("lambda-tracing", "worker", "tracingConfig.mode", "PassThrough"),
    Planted("lambda-rules-may-call", "may-tick", "sourceArn", RULE),
    Planted(
        "lambda-no-public-url",
        added=[resource("aws:lambda/functionUrl:FunctionUrl", "url", functionName="worker", authorizationType="NONE")],
    ),
]
LOGS = [
    Planted("logs-encrypted", "log", "kmsKeyId"),
    Planted("logs-retention", "log", "retentionInDays", 0),
    Planted("logs-function-has-a-group", "log", "name", "/aws/lambda/other"),
    Planted("logs-no-request-bodies", "settings", "settings.dataTraceEnabled", True),
]
OPERATIONS = [
    Planted("alarms-tell-somebody", "dead-alarm", "okActions", []),
    Planted("alarms-name-their-runbook", "dead-alarm", "alarmDescription", "It rings."),
    Planted("alarms-missing-data", "dead-alarm", "treatMissingData", "missing"),
    Planted("tags-required", "aws", "defaultTags.tags.owner", ""),
    Planted("region-explicit", "aws", "region"),
    Planted("region-allowed", "limits", "replicas.0.regionName", "us-east-1"),
    Planted("ses-tls", "mail", "deliveryOptions.tlsPolicy", "OPTIONAL"),
    Planted("ses-reputation", "mail", "reputationOptions"),
]
S3 = [
    Planted("s3-not-public", "block", "ignorePublicAcls", False),
    Planted("s3-tls-only", "bucket-policy", "policy.Statement.0.Condition.Bool", {"aws:SecureTransport": "true"}),
    Planted(
        "s3-encrypted", "bucket-encryption", "rules.0.applyServerSideEncryptionByDefault", {"sseAlgorithm": "AES256"}
    ),
    Planted("s3-versioning", "versioning", "versioningConfiguration.status", "Suspended"),
    Planted("s3-bucket-complete", "versioning"),
]
SECRETS = [
    Planted("secrets-encrypted", "secret", "kmsKeyId"),
    Planted(
        "secrets-not-in-the-program",
        added=[resource("aws:secretsmanager/secretVersion:SecretVersion", "value", secretString="open")],
    ),
    Planted("secrets-recoverable", "secret", "recoveryWindowInDays", 0),
]
SNS = [
    Planted("sns-publishers-bounded", "topic-policy", "policy.Statement.0.Condition", {"StringEquals": ACCOUNT_ALONE}),
    Planted("sns-encrypted", "topic", "kmsMasterKeyId", "alias/aws/sns"),
    Planted(
        "sns-tls-only",
        "topic-policy",
        "policy.Statement.1.Condition.StringEquals",
        {"aws:PrincipalAccount": "123456789012"},
    ),
]
SQS = [
    Planted("sqs-dead-letter-queue", "work", "redrivePolicy"),
    Planted("sqs-encrypted", "work", "kmsMasterKeyId", _MANAGED),
    Planted("sqs-tls-only", "work-policy", "policy.Statement.1.Condition.Bool", {"aws:SecureTransport": "true"}),
    Planted("sqs-has-a-policy", "quarantine-policy"),
    Planted("sqs-visibility-outlasts-the-consumer", "work", "visibilityTimeoutSeconds", 179),
    Planted("sqs-dead-letters-kept-longer", "dead", "messageRetentionSeconds", 345600),
    Planted("sqs-dead-letters-have-an-alarm", "dead-alarm", "dimensions.QueueName", "work"),
    Planted("sqs-dead-letters-have-a-redriver", "redrives"),
    Planted("sqs-consumers-may-read", "role-policy", "policy.Statement.3.Action", ["sqs:ReceiveMessage"]),
    Planted("sqs-rules-may-send", "work-policy", "policy.Statement.0.Condition.ArnEquals", {"aws:SourceArn": OTHER}),
    Planted(
        "sqs-publishers-bounded", "quarantine-policy", "policy.Statement.0.Condition", {"StringEquals": ACCOUNT_ALONE}
    ),
]

PLANTED = [*API, *ALARMS, *DYNAMODB, *EVENTS, *IAM, *KMS, *LAMBDA, *LOGS, *OPERATIONS, *S3, *SECRETS, *SNS, *SQS]
