"""A small stack that keeps to every rule, as rules see it, and ways to spoil one thing in it."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from policies.pack import ALL_RULES
from policies.rule import Resource, ResourceRule
from policies.values import Value

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/data"
QUEUE = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:work"
QUARANTINE = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:carillon-dev-quarantine"
STREAM = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/log/stream/2030-01-31T12:00:00.000"
_FOLLOWS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
DEAD = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:dead"
TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:alerts"
TABLE = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/limits"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:app-AbCdEf"
FUNCTION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:worker"
INVOKED = f"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{FUNCTION}:live/invocations"
STAGE = "arn:aws:apigateway:eu-central-1::/restapis/api/stages/live"
RULE = f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/bus/rule"
ROOT: Value = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def resource(type_: str, name: str, /, **properties: Value) -> Resource:
    """A resource of production."""
    return Resource(type_, f"urn:pulumi:prod::carillon::{type_}::{name}", properties, {})


def document(*statements: Value) -> dict[str, Value]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Value, resource_: Value, principal: Value = None, condition: Value = None) -> Value:
    said: dict[str, Value] = {"Principal": principal, "Condition": condition}
    stated: dict[str, Value] = {"Effect": "Allow", "Action": action, "Resource": resource_}
    return stated | {key: value for key, value in said.items() if value is not None}


def deny_cleartext(action: Value, arn: Value) -> Value:
    return {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": action,
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def trust(service: str, condition: Value = None) -> Value:
    statement: dict[str, Value] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return document(statement | ({"Condition": condition} if condition else {}))


def queue_policy(name: str, arn: str) -> Resource:
    sends = allow("sqs:SendMessage", arn, {"Service": "events.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": RULE}})
    return resource(
        "aws:sqs/queuePolicy:QueuePolicy",
        f"{name}-policy",
        queueUrl=f"https://sqs/{name}",
        policy=document(sends, deny_cleartext("sqs:*", arn)),
    )


def alarm(name: str, namespace: str, dimension: str, value: str) -> Resource:
    return resource(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        name,
        namespace=namespace,
        dimensions={dimension: value},
        alarmActions=[TOPIC],
        okActions=[TOPIC],
        alarmDescription="It rings. What to do: docs/runbooks/it.md",
        treatMissingData="notBreaching",
    )


_SOURCE: Value = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
_ENVELOPE: Value = ["kms:Decrypt", "kms:GenerateDataKey"]
_ADMINISTERS: Value = ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"]
_VIA: Value = [
    f"{service}.eu-central-1.amazonaws.com" for service in ("dynamodb", "sqs", "sns", "secretsmanager", "s3")
]
_SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/scheduler"

GOOD: tuple[Resource, ...] = (
    resource(
        "pulumi:providers:aws",
        "aws",
        region="eu-central-1",
        defaultTags={
            "tags": {
                "project": "carillon",
                "environment": "prod",
                "owner": "us",
                "cost-centre": "us",
                "data-class": "personal",
            }
        },
    ),
    resource(
        "aws:kms/key:Key",
        "key",
        arn=KEY,
        enableKeyRotation=True,
        deletionWindowInDays=30,
        policy=document(
            allow(_ADMINISTERS, "*", ROOT),
            allow("kms:Decrypt", "*", ROOT),
            allow(_ENVELOPE, "*", {"Service": "events.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": RULE}}),
            allow(_ENVELOPE, "*", {"Service": "cloudwatch.amazonaws.com"}, _SOURCE),
            allow(
                _ENVELOPE,
                "*",
                {"Service": "logs.eu-central-1.amazonaws.com"},
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:123456789012:*"}},
            ),
            allow("kms:DescribeKey", "*", {"Service": "events.amazonaws.com"}),
            allow(
                _ENVELOPE,
                "*",
                {"Service": "events.amazonaws.com"},
                {"StringEquals": {"kms:EncryptionContext:aws:events:event-bus:arn": f"{RULE}-bus"}},
            ),
        ),
    ),
    resource(
        "aws:dynamodb/table:Table",
        "limits",
        arn=TABLE,
        name="limits",
        serverSideEncryption={"enabled": True, "kmsKeyArn": KEY},
        pointInTimeRecovery={"enabled": True},
        deletionProtectionEnabled=True,
        billingMode="PAY_PER_REQUEST",
        ttl={"enabled": True, "attributeName": "expiration"},
        replicas=[
            {
                "regionName": "eu-west-1",
                "kmsKeyArn": KEY,
                "pointInTimeRecovery": True,
                "deletionProtectionEnabled": True,
            }
        ],
    ),
    resource(
        "aws:sqs/queue:Queue",
        "work",
        arn=QUEUE,
        url="https://sqs/work",
        name="work",
        kmsMasterKeyId=KEY,
        visibilityTimeoutSeconds=180,
        redrivePolicy={"deadLetterTargetArn": DEAD, "maxReceiveCount": 5},
    ),
    resource(
        "aws:sqs/queue:Queue",
        "dead",
        arn=DEAD,
        url="https://sqs/dead",
        name="dead",
        kmsMasterKeyId=KEY,
        visibilityTimeoutSeconds=180,
        messageRetentionSeconds=1209600,
    ),
    resource(
        "aws:sqs/queue:Queue",
        "quarantine",
        arn=QUARANTINE,
        url="https://sqs/quarantine",
        name="carillon-dev-quarantine",
        kmsMasterKeyId=KEY,
        messageRetentionSeconds=1209600,
    ),
    queue_policy("quarantine", QUARANTINE),
    alarm("quarantine-alarm", "AWS/SQS", "QueueName", "carillon-dev-quarantine"),
    queue_policy("work", QUEUE),
    alarm("work-alarm", "AWS/SQS", "QueueName", "work"),
    alarm("worker-alarm", "AWS/Lambda", "FunctionName", "worker"),
    alarm("table-alarm", "AWS/DynamoDB", "TableName", "limits"),
    resource(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "api-alarm",
        metricQueries=[
            {"id": "share", "expression": "errors / calls"},
            {"id": "errors", "metric": {"namespace": "AWS/ApiGateway", "dimensions": {"ApiName": "carillon"}}},
        ],
        alarmActions=[TOPIC],
        okActions=[TOPIC],
        alarmDescription="It rings. What to do: docs/runbooks/it.md",
        treatMissingData="notBreaching",
    ),
    queue_policy("dead", DEAD),
    alarm("dead-alarm", "AWS/SQS", "QueueName", "dead"),
    resource("aws:sns/topic:Topic", "topic", arn=TOPIC, name="alerts", kmsMasterKeyId=KEY),
    resource(
        "aws:sns/topicPolicy:TopicPolicy",
        "topic-policy",
        policy=document(
            allow(
                "sns:Publish",
                TOPIC,
                {"Service": "cloudwatch.amazonaws.com"},
                {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:*"}},
            ),
            deny_cleartext("sns:Publish", TOPIC),
        ),
    ),
    resource("aws:cloudwatch/eventBus:EventBus", "bus", name="bus", kmsKeyIdentifier=KEY),
    resource("aws:cloudwatch/eventArchive:EventArchive", "archive", kmsKeyIdentifier=KEY, retentionDays=30),
    resource("aws:cloudwatch/eventRule:EventRule", "rule", name="rule", eventBusName="bus", arn=RULE),
    resource(
        "aws:cloudwatch/eventTarget:EventTarget",
        "target",
        eventBusName="bus",
        rule="rule",
        arn=QUEUE,
        deadLetterConfig={"arn": DEAD},
        retryPolicy={"maximumRetryAttempts": 185},
    ),
    resource(
        "aws:cloudwatch/eventRule:EventRule",
        "minute",
        name="minute",
        arn=f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/minute",
    ),
    resource(
        "aws:cloudwatch/eventTarget:EventTarget",
        "tick-target",
        rule="minute",
        arn=f"{FUNCTION}:live",
    ),
    resource(
        "aws:iam/role:Role", "role", name="worker", arn="arn:role", assumeRolePolicy=trust("lambda.amazonaws.com")
    ),
    resource(
        "aws:iam/role:Role",
        "scheduler",
        name="scheduler",
        arn=_SCHEDULER_ROLE,
        assumeRolePolicy=trust("scheduler.amazonaws.com", _SOURCE),
    ),
    resource(
        "aws:iam/rolePolicy:RolePolicy",
        "role-policy",
        role="worker",
        policy=document(
            allow("logs:PutLogEvents", "arn:aws:logs:eu-central-1:123456789012:log-group:worker:*"),
            allow(
                "iam:PassRole",
                _SCHEDULER_ROLE,
                condition={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            ),
            allow("scheduler:CreateSchedule", f"arn:aws:scheduler:eu-central-1:{ACCOUNT}:schedule/group/*"),
            allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], QUEUE),
            allow("dynamodb:UpdateItem", TABLE),
            allow("kms:Decrypt", KEY, condition={"StringEquals": {"kms:ViaService": _VIA}}),
            allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], DEAD),
            allow([f"dynamodb:{each}" for each in _FOLLOWS], STREAM),
            allow("sqs:SendMessage", QUARANTINE),
            allow("sns:Publish", TOPIC),
            allow("secretsmanager:GetSecretValue", SECRET),
            allow("s3:GetObject", "arn:aws:s3:::templates/*"),
            allow("kms:GenerateDataKey", KEY),
        ),
    ),
    resource(
        "aws:lambda/function:Function",
        "worker",
        name="worker",
        role="arn:role",
        runtime="python3.13",
        timeout=30,
        tracingConfig={"mode": "Active"},
        environment={"variables": {"CARILLON_TABLE": "limits"}},
    ),
    resource(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "mapping",
        eventSourceArn=QUEUE,
        functionName=f"{FUNCTION}:live",
        functionResponseTypes=["ReportBatchItemFailures"],
        scalingConfig={"maximumConcurrency": 50},
    ),
    resource(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "redrives",
        eventSourceArn=DEAD,
        functionName=f"{FUNCTION}:live",
        functionResponseTypes=["ReportBatchItemFailures"],
        scalingConfig={"maximumConcurrency": 2},
    ),
    resource(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "stream",
        eventSourceArn=STREAM,
        functionName=f"{FUNCTION}:live",
        functionResponseTypes=["ReportBatchItemFailures"],
        startingPosition="TRIM_HORIZON",
        destinationConfig={"onFailure": {"destinationArn": DEAD}},
    ),
    resource(
        "aws:lambda/permission:Permission",
        "may-invoke",
        action="lambda:InvokeFunction",
        function="worker",
        principal="apigateway.amazonaws.com",
        sourceArn=f"arn:aws:execute-api:eu-central-1:{ACCOUNT}:api/live/PUT/v1/things/*",
    ),
    resource(
        "aws:lambda/permission:Permission",
        "may-authorize",
        action="lambda:InvokeFunction",
        function="worker",
        principal="apigateway.amazonaws.com",
        sourceArn=f"arn:aws:execute-api:eu-central-1:{ACCOUNT}:api/authorizers/a",
    ),
    resource(
        "aws:lambda/permission:Permission",
        "may-tick",
        action="lambda:InvokeFunction",
        function="worker",
        principal="events.amazonaws.com",
        sourceArn=f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/minute",
    ),
    resource("aws:cloudwatch/logGroup:LogGroup", "log", name="/aws/lambda/worker", kmsKeyId=KEY, retentionInDays=365),
    resource("aws:s3/bucket:Bucket", "bucket", bucket="templates", id="templates"),
    resource(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "block",
        bucket="templates",
        blockPublicAcls=True,
        blockPublicPolicy=True,
        ignorePublicAcls=True,
        restrictPublicBuckets=True,
    ),
    resource(
        "aws:s3/bucketPolicy:BucketPolicy",
        "bucket-policy",
        bucket="templates",
        policy=document(deny_cleartext("s3:*", ["arn:aws:s3:::templates", "arn:aws:s3:::templates/*"])),
    ),
    resource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "bucket-encryption",
        bucket="templates",
        rules=[{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": KEY, "sseAlgorithm": "aws:kms"}}],
    ),
    resource(
        "aws:s3/bucketVersioning:BucketVersioning",
        "versioning",
        bucket="templates",
        versioningConfiguration={"status": "Enabled"},
    ),
    resource(
        "aws:secretsmanager/secret:Secret", "secret", arn=SECRET, name="app", kmsKeyId=KEY, recoveryWindowInDays=30
    ),
    resource(
        "aws:sesv2/configurationSet:ConfigurationSet",
        "mail",
        deliveryOptions={"tlsPolicy": "REQUIRE"},
        reputationOptions={"reputationMetricsEnabled": True},
    ),
    resource(
        "aws:apigateway/restApi:RestApi",
        "api",
        securityPolicy="SecurityPolicy_TLS13_1_3_2025_09",
        id="api",
        name="carillon",
    ),
    resource(
        "aws:apigateway/stage:Stage",
        "stage",
        arn=STAGE,
        restApi="api",
        stageName="live",
        accessLogSettings={"destinationArn": "arn:log"},
        xrayTracingEnabled=True,
    ),
    resource(
        "aws:wafv2/webAclAssociation:WebAclAssociation", "firewall", resourceArn=STAGE, webAclArn="arn:aws:wafv2:acl"
    ),
    resource(
        "aws:apigateway/methodSettings:MethodSettings",
        "settings",
        settings={"throttlingRateLimit": 1000, "throttlingBurstLimit": 500, "dataTraceEnabled": False},
    ),
    resource(
        "aws:apigateway/authorizer:Authorizer",
        "authorizer",
        id="a",
        authorizerUri=INVOKED,
        authorizerResultTtlInSeconds=60,
    ),
    resource("aws:apigateway/resource:Resource", "v1", id="v1", parentId="root", pathPart="v1"),
    resource("aws:apigateway/resource:Resource", "things", id="things", parentId="v1", pathPart="things"),
    resource("aws:apigateway/resource:Resource", "thing", id="thing", parentId="things", pathPart="{id}"),
    resource("aws:apigateway/resource:Resource", "t", id="t", parentId="root", pathPart="t"),
    resource(
        "aws:apigateway/method:Method",
        "put",
        resourceId="thing",
        httpMethod="PUT",
        authorization="CUSTOM",
        authorizerId="a",
        requestValidatorId="validator",
    ),
    resource(
        "aws:apigateway/integration:Integration",
        "put-integration",
        resourceId="thing",
        httpMethod="PUT",
        type="AWS_PROXY",
        uri=INVOKED,
    ),
    resource("aws:apigateway/method:Method", "options", resourceId="thing", httpMethod="OPTIONS", authorization="NONE"),
    resource(
        "aws:apigateway/integration:Integration",
        "options-integration",
        resourceId="thing",
        httpMethod="OPTIONS",
        type="MOCK",
    ),
    resource("aws:apigateway/method:Method", "open", resourceId="t", httpMethod="GET", authorization="NONE"),
)


@dataclass(frozen=True)
class Planted:
    """A violation: `value` put at a dotted path into a resource of the good stack, or a resource added or taken away.

    The value None takes what is at the path away; an empty path takes the resource away.
    """

    rule: str
    name: str = ""
    path: str = ""
    value: Value = None
    added: Sequence[Resource] = field(default=())

    def stack(self) -> list[Resource]:
        return [*_without(self.name)] if self.name and not self.path else [*self._changed(), *self.added]

    def _changed(self) -> Iterator[Resource]:
        assert not self.name or self.name in map(named, GOOD)
        for each in GOOD:
            yield changed(each, self.path, self.value) if named(each) == self.name else each


def _without(name: str) -> Iterator[Resource]:
    kept = [each for each in GOOD if named(each) != name]
    assert len(kept) == len(GOOD) - 1
    return iter(kept)


def named(each: Resource) -> str:
    return each.urn.rpartition("::")[2]


def changed(each: Resource, path: str, value: Value) -> Resource:
    properties = copy.deepcopy(each.properties)
    inside: Value = properties
    *way, last = path.split(".")
    for key in way:
        inside = inside[int(key)] if isinstance(inside, list) else inside[key]  # type: ignore[index]
    if isinstance(inside, list):
        inside[int(last)] = value
    elif value is None:
        del inside[last]  # type: ignore[union-attr]
    else:
        inside[last] = value  # type: ignore[index]
    return Resource(each.type, each.urn, properties, each.depends)


_GOOD = {id(each) for each in GOOD}


def found(stack: Sequence[Resource]) -> dict[str, list[str]]:
    """Every violation of every rule, by the rule's name: the resource and the message.

    A rule about one resource holds nothing against those of the good stack, as a test of the whole of it shows.
    """
    violations: dict[str, list[str]] = {}
    others = [each for each in stack if id(each) not in _GOOD] or stack
    for rule in ALL_RULES:
        if isinstance(rule, ResourceRule):
            said = [f"{named(each)}: {message}" for each in others for message in rule.check(each)]
        else:
            said = [f"{finding.urn}: {finding.message}" for finding in rule.check(stack)]
        if said:
            violations[rule.name] = said
    return violations
