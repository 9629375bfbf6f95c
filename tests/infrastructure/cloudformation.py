"""The program's resources as a CloudFormation template, and what AWS's own schemas say of it.

Pulumi's SDK checks the names of inputs and no value. CloudFormation's resource schemas are the services' own word on
enums, formats, lengths, bounds and inputs that exclude each other; cfn-lint carries them, and judges a template by
them.
"""

import copy
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.recording import ACCOUNT, REGION, Program, Registered

Properties = dict[str, Any]
Step = str | Callable[[Any], Properties]


@dataclass(frozen=True)
class Kind:
    """A CloudFormation type, and where each input goes whose name is not the same in PascalCase.

    `inputs`: a path (`SSESpecification.SSEEnabled`), or a function that returns the properties. `under` is the path
    that all of them lie below, and `within` names what they are a part of: parts with the same are one resource there.
    """

    type: str
    inputs: Mapping[str, Step] = field(default_factory=dict)
    within: Callable[[Registered], tuple[str, ...]] = lambda resource: (resource.urn,)
    under: str = ""


@dataclass(frozen=True)
class Refused:
    """What is wrong with a resource: cfn-lint's rule, where, and in its words."""

    urns: tuple[str, ...]
    rule: str
    path: str
    message: str


# Maps whose keys are data and not names of properties.
_DATA = frozenset(
    {"Variables", "ResponseParameters", "ResponseTemplates", "RequestTemplates", "RequestModels", "RequestParameters"}
)

LEFT_OUT: Mapping[tuple[str, str], str] = {
    ("", "region"): "where a resource is made is no property of it",
    ("aws:apigateway/deployment:Deployment", "triggers"): "the provider's own: it makes a new one when they change",
    ("aws:lambda/function:Function", "code"): "an archive, whose size tests/unit/stacks/compute look at",
    ("aws:lambda/function:Function", "publish"): "the provider's own: CloudFormation has AWS::Lambda::Version",
    ("aws:lambda/function:Function", "sourceCodeHash"): "the provider's own: it uploads the archive when it changes",
    ("aws:s3/bucket:Bucket", "forceDestroy"): "the provider's own: it empties the bucket before it deletes it",
    ("aws:secretsmanager/secret:Secret", "recoveryWindowInDays"): "of the deletion: CloudFormation always takes 30",
    (
        "aws:dynamodb/table:Table",
        "replicas",
    ): "of AWS::DynamoDB::GlobalTable, another type; policies look at them",
    ("aws:dynamodb/table:Table", "streamEnabled"): "said by the view type in CloudFormation",
    ("aws:dynamodb/table:Table", "rangeKey"): "read with hashKey, into KeySchema",
}
"""By type and input, why it is not checked. An empty type means all of them."""

NOT_CHECKED: Mapping[str, str] = {
    "pulumi:providers:aws": "the provider's settings: nothing of AWS",
}
"""By type, why CloudFormation has no schema for it."""


def _method(resource: Registered) -> tuple[str, ...]:
    inputs = resource.inputs
    return inputs["restApi"], inputs["resourceId"], inputs["httpMethod"]


def _bucket(resource: Registered) -> tuple[str, ...]:
    return (f"{resource.name}-id" if resource.type == "aws:s3/bucket:Bucket" else resource.inputs["bucket"],)


def _stage(resource: Registered) -> tuple[str, ...]:
    return resource.inputs["restApi"], resource.inputs["stageName"]


def _rule(resource: Registered) -> tuple[str, ...]:
    return resource.inputs.get("rule") or resource.inputs["name"], resource.inputs.get("eventBusName", "default")


def _listed(path: str) -> Callable[[Any], Properties]:
    """One of a list at the path."""
    return lambda value: _at(path, [value])


def _json(path: str) -> Callable[[Any], Properties]:
    """A map that Pulumi takes as JSON text."""
    return lambda value: _at(path, json.loads(value))


def _nothing(_: Any) -> Properties:
    return {}


_OF_METHOD = {"restApi": "RestApiId"}
_TO_QUEUE: Mapping[str, Step] = {
    "name": "QueueName",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "redrivePolicy": _json("RedrivePolicy"),
    "redriveAllowPolicy": _json("RedriveAllowPolicy"),
}


def _schemas(named: Sequence[tuple[str | None, str]]) -> list[Properties]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in named if name]


def _key_schema(inputs: Mapping[str, Any]) -> Properties:
    return {"KeySchema": _schemas([(inputs.get("hashKey"), "HASH"), (inputs.get("rangeKey"), "RANGE")])}


_PROJECTED = ("projectionType", "nonKeyAttributes")


def _indexes(indexes: list[Properties]) -> Properties:
    return {
        "GlobalSecondaryIndexes": [
            {
                "IndexName": each["name"],
                "KeySchema": [_pascal(key) for key in each["keySchemas"]],
                "Projection": _pascal({key: each[key] for key in _PROJECTED if key in each}),
            }
            for each in indexes
        ]
    }


def _expirations(rules: list[Properties]) -> Properties:
    """A lifecycle's rules: CloudFormation has the filter's prefix, and the days of an expiration, beside the rest."""
    return {"LifecycleConfiguration": {"Rules": [_expiration(each) for each in rules]}}


def _expiration(rule: Properties) -> Properties:
    made: Properties = _pascal({key: value for key, value in rule.items() if key not in ("filter", "expiration")})
    ends = {"ExpirationInDays": rule["expiration"]["days"]} if "expiration" in rule else {}
    return {**made, **ends, "Prefix": rule["filter"]["prefix"]}


def _dimensions(dimensions: Mapping[str, str]) -> Properties:
    return {"Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()]}


def _queries(queries: list[Properties]) -> Properties:
    """Metrics that an alarm reckons with: CloudFormation has the period and the statistic beside the metric."""
    return {"Metrics": [_query(each) for each in queries]}


def _query(query: Properties) -> Properties:
    made: Properties = _pascal({key: value for key, value in query.items() if key != "metric"})
    if metric := query.get("metric"):
        named = _pascal({key: metric[key] for key in ("namespace", "metricName")})
        measured = {**named, **_dimensions(metric.get("dimensions", {}))}
        how = _pascal({key: metric[key] for key in ("period", "stat", "unit") if key in metric})
        made["MetricStat"] = {"Metric": measured, **how}
    return made


def _visible(value: Any) -> Any:
    """Name the one property of a firewall's parts whose name CloudFormation spells otherwise."""
    if isinstance(value, list):
        return [_visible(each) for each in value]
    if not isinstance(value, dict):
        return value
    spelt = {"CloudwatchMetricsEnabled": "CloudWatchMetricsEnabled"}
    return {spelt.get(name, name): _visible(each) for name, each in value.items()}


_ALARM: Mapping[str, Step] = {
    "name": "AlarmName",
    "okActions": "OKActions",
    "dimensions": _dimensions,
    "metricQueries": _queries,
}
_TABLE: Mapping[str, Step] = {
    "name": "TableName",
    "attributes": lambda listed: {
        "AttributeDefinitions": [{"AttributeName": each["name"], "AttributeType": each["type"]} for each in listed]
    },
    "globalSecondaryIndexes": _indexes,
    "pointInTimeRecovery": lambda value: _at(
        "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled", value["enabled"]
    ),
    "serverSideEncryption": lambda value: {
        "SSESpecification": {
            "SSEEnabled": value["enabled"],
            "SSEType": "KMS",
            "KMSMasterKeyId": value["kmsKeyArn"],
        }
    },
    "streamViewType": "StreamSpecification.StreamViewType",
    "ttl": "TimeToLiveSpecification",
}

KINDS: Mapping[str, Kind] = {
    "aws:apigateway/account:Account": Kind("AWS::ApiGateway::Account", {"cloudwatchRoleArn": "CloudWatchRoleArn"}),
    "aws:apigateway/authorizer:Authorizer": Kind("AWS::ApiGateway::Authorizer", _OF_METHOD),
    "aws:apigateway/deployment:Deployment": Kind("AWS::ApiGateway::Deployment", _OF_METHOD),
    "aws:apigateway/method:Method": Kind(
        "AWS::ApiGateway::Method", {**_OF_METHOD, "authorization": "AuthorizationType"}, _method
    ),
    "aws:apigateway/integration:Integration": Kind(
        "AWS::ApiGateway::Method",
        {"restApi": _nothing, "resourceId": _nothing, "httpMethod": _nothing},
        _method,
        "Integration",
    ),
    "aws:apigateway/integrationResponse:IntegrationResponse": Kind(
        "AWS::ApiGateway::Method",
        {"restApi": _nothing, "resourceId": _nothing, "httpMethod": _nothing},
        _method,
        "Integration.IntegrationResponses.0",
    ),
    "aws:apigateway/methodResponse:MethodResponse": Kind(
        "AWS::ApiGateway::Method",
        {"restApi": _nothing, "resourceId": _nothing, "httpMethod": _nothing},
        _method,
        "MethodResponses.0",
    ),
    "aws:apigateway/methodSettings:MethodSettings": Kind(
        "AWS::ApiGateway::Stage",
        {
            "restApi": _nothing,
            "stageName": _nothing,
            "methodPath": lambda path: (
                _at("MethodSettings.0.ResourcePath", "/*") | _at("MethodSettings.0.HttpMethod", path.rpartition("/")[2])
            ),
            "settings": lambda settings: {"MethodSettings": [_pascal(settings)]},
        },
        _stage,
    ),
    "aws:apigateway/model:Model": Kind("AWS::ApiGateway::Model", {**_OF_METHOD, "schema": _json("Schema")}),
    "aws:apigateway/requestValidator:RequestValidator": Kind("AWS::ApiGateway::RequestValidator", _OF_METHOD),
    "aws:apigateway/resource:Resource": Kind("AWS::ApiGateway::Resource", _OF_METHOD),
    "aws:apigateway/response:Response": Kind("AWS::ApiGateway::GatewayResponse"),
    "aws:apigateway/restApi:RestApi": Kind(
        "AWS::ApiGateway::RestApi",
        {"endpointConfiguration": lambda value: _at("EndpointConfiguration.Types", [value["types"]])},
    ),
    "aws:apigateway/stage:Stage": Kind(
        "AWS::ApiGateway::Stage",
        {
            **_OF_METHOD,
            "accessLogSettings": "AccessLogSetting",
            "deployment": "DeploymentId",
            "xrayTracingEnabled": "TracingEnabled",
        },
        _stage,
    ),
    "aws:cloudwatch/eventArchive:EventArchive": Kind(
        "AWS::Events::Archive", {"name": "ArchiveName", "eventSourceArn": "SourceArn"}
    ),
    "aws:cloudwatch/eventBus:EventBus": Kind("AWS::Events::EventBus"),
    "aws:cloudwatch/eventRule:EventRule": Kind("AWS::Events::Rule", {"eventPattern": _json("EventPattern")}, _rule),
    "aws:cloudwatch/eventTarget:EventTarget": Kind(
        "AWS::Events::Rule", {"rule": _nothing, "eventBusName": _nothing, "targetId": "Id"}, _rule, "Targets.0"
    ),
    "aws:cloudwatch/logGroup:LogGroup": Kind("AWS::Logs::LogGroup", {"name": "LogGroupName"}),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Kind("AWS::CloudWatch::CompositeAlarm", {"okActions": "OKActions"}),
    "aws:cloudwatch/dashboard:Dashboard": Kind("AWS::CloudWatch::Dashboard"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Kind(
        "AWS::Logs::MetricFilter",
        {
            "name": "FilterName",
            "pattern": "FilterPattern",
            "metricTransformation": lambda it: {
                "MetricTransformations": [
                    {f"Metric{_pascal_name(key)}": it[key] for key in ("name", "namespace", "value")}
                    | ({"Unit": it["unit"]} if "unit" in it else {})
                ]
            },
        },
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": Kind("AWS::Logs::QueryDefinition"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind("AWS::CloudWatch::Alarm", _ALARM),
    "aws:dynamodb/table:Table": Kind("AWS::DynamoDB::Table", _TABLE),
    "aws:iam/role:Role": Kind(
        "AWS::IAM::Role", {"name": "RoleName", "assumeRolePolicy": _json("AssumeRolePolicyDocument")}
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        "AWS::IAM::RolePolicy", {"name": "PolicyName", "role": "RoleName", "policy": _json("PolicyDocument")}
    ),
    "aws:kms/alias:Alias": Kind("AWS::KMS::Alias", {"name": "AliasName"}),
    "aws:kms/key:Key": Kind(
        "AWS::KMS::Key",
        {
            "customerMasterKeySpec": "KeySpec",
            "deletionWindowInDays": "PendingWindowInDays",
            "policy": _json("KeyPolicy"),
        },
    ),
    "aws:lambda/alias:Alias": Kind("AWS::Lambda::Alias"),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind(
        "AWS::Lambda::EventSourceMapping",
        {
            "destinationConfig": lambda config: _at(
                "DestinationConfig.OnFailure.Destination", config["onFailure"]["destinationArn"]
            )
        },
    ),
    "aws:lambda/function:Function": Kind("AWS::Lambda::Function", {"name": "FunctionName"}),
    "aws:lambda/permission:Permission": Kind(
        "AWS::Lambda::Permission", {"function": "FunctionName", "qualifier": _nothing}
    ),
    "aws:s3/bucket:Bucket": Kind("AWS::S3::Bucket", {"bucket": "BucketName"}, _bucket),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Kind(
        "AWS::S3::Bucket", {"bucket": _nothing, "rules": _expirations}, _bucket
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Kind(
        "AWS::S3::Bucket",
        {"bucket": _nothing, "rule": lambda rule: _at("OwnershipControls.Rules", [_pascal(rule)])},
        _bucket,
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Kind("AWS::S3::BucketPolicy", {"policy": _json("PolicyDocument")}),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Kind(
        "AWS::S3::Bucket", {"bucket": _nothing}, _bucket, "PublicAccessBlockConfiguration"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Kind(
        "AWS::S3::Bucket",
        {
            "bucket": _nothing,
            "rules": lambda rules: _at(
                "BucketEncryption.ServerSideEncryptionConfiguration",
                [
                    {
                        "BucketKeyEnabled": each["bucketKeyEnabled"],
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": each["applyServerSideEncryptionByDefault"]["sseAlgorithm"],
                            "KMSMasterKeyID": each["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"],
                        },
                    }
                    for each in rules
                ],
            ),
        },
        _bucket,
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Kind("AWS::S3::Bucket", {"bucket": _nothing}, _bucket),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Kind("AWS::Scheduler::ScheduleGroup"),
    "aws:secretsmanager/secret:Secret": Kind("AWS::SecretsManager::Secret"),
    "aws:sesv2/configurationSet:ConfigurationSet": Kind("AWS::SES::ConfigurationSet", {"configurationSetName": "Name"}),
    "aws:sesv2/emailIdentity:EmailIdentity": Kind(
        "AWS::SES::EmailIdentity", {"configurationSetName": "ConfigurationSetAttributes.ConfigurationSetName"}
    ),
    "aws:sns/topic:Topic": Kind("AWS::SNS::Topic", {"name": "TopicName"}),
    "aws:sns/topicPolicy:TopicPolicy": Kind(
        "AWS::SNS::TopicPolicy", {"arn": _listed("Topics"), "policy": _json("PolicyDocument")}
    ),
    "aws:sns/topicSubscription:TopicSubscription": Kind("AWS::SNS::Subscription", {"topic": "TopicArn"}),
    "aws:sesv2/configurationSetEventDestination:ConfigurationSetEventDestination": Kind(
        "AWS::SES::ConfigurationSetEventDestination", {"eventDestinationName": "EventDestination.Name"}
    ),
    "aws:wafv2/webAcl:WebAcl": Kind(
        "AWS::WAFv2::WebACL",
        {
            "rules": lambda rules: {"Rules": _visible(_pascal(rules))},
            "visibilityConfig": lambda config: {"VisibilityConfig": _visible(_pascal(config))},
        },
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Kind("AWS::WAFv2::LoggingConfiguration"),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Kind("AWS::WAFv2::WebACLAssociation", {"webAclArn": "WebACLArn"}),
    "aws:sqs/queue:Queue": Kind("AWS::SQS::Queue", _TO_QUEUE),
    "aws:sqs/queuePolicy:QueuePolicy": Kind(
        "AWS::SQS::QueuePolicy", {"queueUrl": _listed("Queues"), "policy": _json("PolicyDocument")}
    ),
}
"""By Pulumi's type. Every type of the program is here, or in NOT_CHECKED with the reason; a type may be here before."""

# The ARNs that the recording makes up are `arn:aws:<service>:<region>:<account>:<name>`. These are AWS's forms.
_ARNS = {
    "aws:iam/role:Role": "arn:aws:iam::{account}:role/{name}",
    "aws:kms/key:Key": "arn:aws:kms:{region}:{account}:key/{uuid}",
    "aws:cloudwatch/eventBus:EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "aws:cloudwatch/eventRule:EventRule": "arn:aws:events:{region}:{account}:rule/{name}",
    "aws:cloudwatch/logGroup:LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}",
    "aws:dynamodb/table:Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "aws:lambda/function:Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "aws:sns/topic:Topic": "arn:aws:sns:{region}:{account}:{name}",
    "aws:sqs/queue:Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "aws:wafv2/webAcl:WebAcl": "arn:aws:wafv2:{region}:{account}:regional/webacl/{name}/{uuid}",
    "aws:secretsmanager/secret:Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
}

# A template has 500 resources at most (E3010), and our program, which is none, has more.
_OF_TEMPLATES = frozenset({"E3010"})


def refused(program: Program, urn: str = "", beside: Program | None = None) -> list[Refused]:
    """Return what AWS's schemas hold against the resources, or against one of them and what it is a part of.

    What another program has `beside`, but for its stack's name, is looked at with that one.
    """
    from cfnlint.api import lint  # two seconds, for each of pytest's workers that only collects the tests

    template, urns = _template(program)
    if urn:
        template = {"Resources": {name: it for name, it in template["Resources"].items() if urn in urns[name]}}
    if beside:
        seen = set(_nameless(beside).values())
        new = {name for name, text in _nameless(program).items() if text not in seen}
        template = {"Resources": {name: it for name, it in template["Resources"].items() if name in new}}
    found = lint(json.dumps(template), None, [REGION])
    errors = [each for each in found if each.rule.id.startswith("E") and each.rule.id not in _OF_TEMPLATES]
    return [
        Refused(urns[str(each.path[1])], each.rule.id, ".".join(map(str, each.path[3:])), each.message)
        for each in errors
    ]


def _nameless(program: Program) -> dict[str, str]:
    """Return each resource of the template as text that does not tell the stack."""
    stack = program.resources[0].urn.split(":")[2]
    resources = _template(program)[0]["Resources"]
    return {name: json.dumps(it, sort_keys=True).replace(f"carillon-{stack}", "") for name, it in resources.items()}


def _template(program: Program) -> tuple[Properties, dict[str, tuple[str, ...]]]:
    arns = _real_arns(program)
    made: dict[tuple[str, ...], Properties] = {}
    urns: dict[tuple[str, ...], tuple[str, ...]] = {}
    for resource in program.resources:
        if resource.custom and resource.type not in NOT_CHECKED:
            kind = KINDS[resource.type]
            place = (kind.type, *kind.within(resource))
            merged = _merged(made.get(place, {}), _properties(resource, kind, arns))
            made[place], urns[place] = merged, (*urns.get(place, ()), resource.urn)
    names = {place: f"R{number}" for number, place in enumerate(made)}
    resources = {names[place]: {"Type": place[0], "Properties": properties} for place, properties in made.items()}
    return {"Resources": resources}, {name: urns[place] for place, name in names.items()}


def _properties(resource: Registered, kind: Kind, arns: Mapping[str, str]) -> Properties:
    inputs = _plain(resource.inputs, arns)
    made: Properties = _key_schema(inputs) if "hashKey" in inputs else {}
    for name, value in inputs.items():
        if name == "hashKey" or ("", name) in LEFT_OUT or (resource.type, name) in LEFT_OUT:
            continue
        step = kind.inputs.get(name, _pascal_name(name))
        made = _merged(made, step(value) if callable(step) else _at(step, _pascal(value, step)))
    if resource.type == "aws:lambda/function:Function":
        made["Code"] = {"S3Bucket": "packages", "S3Key": "zip"}
    return _at(kind.under, made) if kind.under else made


def _plain(value: Any, arns: Mapping[str, str]) -> Any:
    """Return an input with whole numbers as such, without what is None, and with ARNs in AWS's form."""
    if isinstance(value, Mapping):
        return {key: _plain(inside, arns) for key, inside in value.items() if inside is not None}
    if isinstance(value, list):
        return [_plain(inside, arns) for inside in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and "arn:" in value:
        for made_up, real in arns.items():
            value = value.replace(made_up, real)
    return value


def _real_arns(program: Program) -> dict[str, str]:
    """Return the real form of each ARN that was made up, the longest first, as one may begin with another."""
    real = {}
    for resource in program.resources:
        if form := _ARNS.get(resource.type):
            region = resource.inputs.get("region", REGION)
            service = resource.type.split("/")[0].removeprefix("aws:")
            name = resource.inputs.get("name", resource.name)
            real[f"arn:aws:{service}:{region}:{ACCOUNT}:{resource.name}"] = form.format(
                region=region, account=ACCOUNT, name=name, uuid=uuid.uuid5(uuid.NAMESPACE_URL, resource.urn)
            )
    return dict(sorted(real.items(), key=lambda each: -len(each[0])))


def _pascal_name(name: str) -> str:
    return name[:1].upper() + name[1:]


def _pascal(value: Any, name: str = "") -> Any:
    """Return a value with the names of its properties in PascalCase; not those of maps whose keys are data."""
    if isinstance(value, Mapping):
        data = name.rpartition(".")[2] in _DATA
        return {
            key if data else _pascal_name(key): inside if data else _pascal(inside, _pascal_name(key))
            for key, inside in value.items()
        }
    return [_pascal(inside) for inside in value] if isinstance(value, list) else value


def _at(path: str, value: Any) -> Properties:
    """Return the value at a path of maps, in which `0` is the only item of a list."""
    for key in reversed(path.split(".")):
        value = [value] if key == "0" else {key: value}
    made: Properties = value
    return made


def _merged(one: Any, other: Any) -> Any:
    """Return two trees as one. Lists are merged item by item: each has one item where two parts meet."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = copy.copy(one)
        for key, value in other.items():
            both[key] = _merged(one[key], value) if key in one else value
        return both
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(*pair) for pair in zip(one, other, strict=True)]
    return other


def unmapped(program: Program) -> Iterator[str]:
    """Yield the types of the program that nobody has said anything of."""
    for type_ in {each.type for each in program.resources if each.custom}:
        if type_ not in KINDS and type_ not in NOT_CHECKED:
            yield type_
