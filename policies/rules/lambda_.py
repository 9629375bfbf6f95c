"""How functions run, and who may call them."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from policies.roles import lacking, policies_of
from policies.routes import INTEGRATION, path_of
from policies.rule import Finding, Level, Resource, ResourceRule, Severity, StackRule, aws, security_hub
from policies.rules.sqs import called
from policies.values import UNKNOWN, Value, at, is_within, items

_FUNCTION = "aws:lambda/function:Function"
_MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
_AUTHORIZER = "aws:apigateway/authorizer:Authorizer"
_PERMISSION = "aws:lambda/permission:Permission"
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, those of Python that get security updates.
_SUPPORTED = ("python3.11", "python3.12", "python3.13", "python3.14")
_FOLLOWS = tuple(f"dynamodb:{each}" for each in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"))
_SECRET_NAMES = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL)S?$", re.IGNORECASE)
# What a secret looks like: an AWS key id, a JWT, a PEM, a provider's key, a signing secret.
_SECRET_VALUES = re.compile(
    r"AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]+\.|-----BEGIN|SG\.[\w-]{16,}\.|xox[abp]-|whsec_|sk_live_"
)


def runtime_without_updates(resource: Resource) -> Iterator[str]:
    """Find a function whose runtime gets no security updates. One that comes as an image has none."""
    runtime = at(resource.properties, "runtime")
    if resource.type == _FUNCTION and runtime not in (None, UNKNOWN, *_SUPPORTED):
        yield f"runtime: {runtime} gets no updates, or is not Python"


def secrets_in_the_environment(resource: Resource) -> Iterator[str]:
    """Find a variable whose name or value is that of a secret. The value is never repeated."""
    variables = at(resource.properties, "environment", "variables")
    if resource.type != _FUNCTION or not isinstance(variables, dict):
        return
    for name, value in variables.items():
        if _SECRET_NAMES.search(name) or (isinstance(value, str) and _SECRET_VALUES.search(value)):
            yield f"environment.variables.{name}: looks like a secret"


def unbounded_workers(resource: Resource) -> Iterator[str]:
    """Find a queue's consumer that may take all of the account's concurrency. A stream's has its shards for a bound.

    Its pollers are bounded where they are provisioned, as AWS takes either bound; each feeds ten invocations.
    """
    if resource.type != _MAPPING or _is_stream(resource):
        return
    if at(resource.properties, "provisionedPollerConfig") is not None:
        if not is_within(at(resource.properties, "provisionedPollerConfig", "maximumPollers"), 2, 100):
            yield "provisionedPollerConfig.maximumPollers: not from 2 to 100"
    elif not is_within(at(resource.properties, "scalingConfig", "maximumConcurrency"), 2, 1000):
        yield "scalingConfig.maximumConcurrency: not from 2 to 1000"


def whole_batches_fail(resource: Resource) -> Iterator[str]:
    """Find a queue's consumer that brings back a whole batch for one bad message."""
    types = at(resource.properties, "functionResponseTypes")
    if resource.type == _MAPPING and UNKNOWN not in items(types) and types != ["ReportBatchItemFailures"]:
        yield "functionResponseTypes: one bad message brings back all of its batch"


def followers_may_not_read(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a function whose role may not read the stream that it is fed from: AWS would refuse to make the mapping."""
    for mapping in (each for each in resources if each.type == _MAPPING and _is_stream(each)):
        arn = at(mapping.properties, "eventSourceArn")
        for function in called(mapping, resources):
            holders = policies_of(function, resources)
            if holders is not None and isinstance(arn, str) and (missing := lacking(holders, _FOLLOWS, arn)):
                yield Finding(mapping.urn, f"the function's role lacks {', '.join(missing)}")


def given_up_in_silence(resource: Resource) -> Iterator[str]:
    """Find a function that is fed from a stream, and of which nobody is told what it never managed."""
    target = at(resource.properties, "destinationConfig", "onFailure", "destinationArn")
    if resource.type == _MAPPING and _is_stream(resource) and not target:
        yield "destinationConfig.onFailure: what is given up is told nowhere"


def _is_stream(mapping: Resource) -> bool:
    return at(mapping.properties, "startingPosition") is not None


def callers_without_a_source(resource: Resource) -> Iterator[str]:
    """Find a service that may call a function on behalf of anybody."""
    if resource.type == _PERMISSION and at(resource.properties, "sourceArn") in (None, ""):
        yield "sourceArn: the service may call on behalf of any account"


def public_urls(resource: Resource) -> Iterator[str]:
    """Find a function that the internet may call beside the API."""
    if resource.type == "aws:lambda/functionUrl:FunctionUrl" and at(resource.properties, "authorizationType") not in (
        "AWS_IAM",
        UNKNOWN,
    ):
        yield "authorizationType: the function may be called by anybody"


def methods_cannot_call(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a method or an authorizer whose function does not let API Gateway call it for them: a 500 on AWS alone."""
    allowed = _permissions(resources, "apigateway.amazonaws.com")
    for each in resources:
        uri = at(each.properties, "uri" if each.type == INTEGRATION else "authorizerUri")
        called = _called_by(each, resources)
        if called and isinstance(uri, str) and not any(_lets(permission, uri, called) for permission in allowed):
            yield Finding(each.urn, f"no permission lets API Gateway call the function for {called}")


def _called_by(caller: Resource, resources: Sequence[Resource]) -> str | None:
    """Return how the ARN of a call ends after the stage, `PUT/v1/contacts/{id}`, None where there is none to judge."""
    if caller.type == _AUTHORIZER:
        identity = at(caller.properties, "id")
        return identity if isinstance(identity, str) else None
    path, method = path_of(at(caller.properties, "resourceId"), resources), at(caller.properties, "httpMethod")
    if caller.type != INTEGRATION or at(caller.properties, "type") != "AWS_PROXY" or path is None:
        return None
    return f"{method}{path}" if isinstance(method, str) else None


def _lets(permission: Resource, called: str, suffix: str) -> bool:
    """Tell whether a permission is for this function and this source. An ARN is `…:<api>/<stage>/<method>/<path>`."""
    source = at(permission.properties, "sourceArn")
    if not _is_for(permission, called):
        return False
    return not isinstance(source, str) or fnmatchcase(suffix, "/".join(source.split("/")[2:]))


def _is_for(permission: Resource, called: str) -> bool:
    name = at(permission.properties, "function")
    return not isinstance(name, str) or f":{name.rpartition(':')[2]}:" in f"{called}:".replace("/invocations", ":")


def rules_cannot_call(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a rule whose function does not let EventBridge call it for that rule."""
    allowed = _permissions(resources, "events.amazonaws.com")
    for target in (each for each in resources if each.type == "aws:cloudwatch/eventTarget:EventTarget"):
        arn, rules = at(target.properties, "arn"), _sources(target, resources)
        if not isinstance(arn, str) or ":lambda:" not in arn or UNKNOWN in rules:
            continue
        if not any(_is_for(each, arn) and at(each.properties, "sourceArn") in (*rules, UNKNOWN) for each in allowed):
            yield Finding(target.urn, "no permission lets EventBridge call the function for this rule")


def _sources(target: Resource, resources: Sequence[Resource]) -> list[Value]:
    """Return the ARNs of the rules that a target may be of."""
    rule = at(target.properties, "rule")
    return [
        UNKNOWN if rule is UNKNOWN else at(each.properties, "arn")
        for each in resources
        if each.type == "aws:cloudwatch/eventRule:EventRule" and at(each.properties, "name") in (rule, UNKNOWN)
    ] or [UNKNOWN]


def _permissions(resources: Sequence[Resource], service: str) -> list[Resource]:
    known: tuple[Value, ...] = (service, UNKNOWN)
    return [each for each in resources if each.type == _PERMISSION and at(each.properties, "principal") in known]


RUNTIME = ResourceRule(
    name="lambda-supported-runtime",
    summary="Functions run on a Python that gets security updates.",
    severity=Severity.MEDIUM,
    why="AWS mends no holes in a runtime after its end, and refuses updates of the function later on.",
    fix=f"Set runtime to one of {', '.join(_SUPPORTED)}.",
    reference=security_hub("Lambda.2"),
    check=runtime_without_updates,
)
NO_SECRETS = ResourceRule(
    name="lambda-no-secrets-in-environment",
    summary="No variable of a function holds what looks like a secret.",
    severity=Severity.CRITICAL,
    why="Whoever may see a function's configuration reads its variables, and so does Pulumi's state.",
    fix="Keep it in Secrets Manager, and give the function the secret's name.",
    reference=aws(
        "Environment variables", "lambda/latest/dg/configuration-envvars.html#configuration-envvars-encryption"
    ),
    check=secrets_in_the_environment,
)
BOUNDED = ResourceRule(
    name="lambda-bounded-concurrency",
    summary="Every queue's consumer has a bound on its concurrency.",
    severity=Severity.MEDIUM,
    why="A full queue would take the whole account's concurrency, and the API would answer 429.",
    fix="Set scalingConfig.maximumConcurrency, from 2 to 1000, or provisionedPollerConfig.maximumPollers, to 100.",
    reference=aws("Maximum concurrency", "lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency"),
    check=unbounded_workers,
)
PARTIAL_FAILURES = ResourceRule(
    name="lambda-partial-batch-failures",
    summary="One bad message of a batch fails alone.",
    severity=Severity.HIGH,
    why="Otherwise nine good messages are tried again with each bad one, and end with it in the dead-letter queue.",
    fix='Set functionResponseTypes to ["ReportBatchItemFailures"].',
    reference=aws(
        "Partial batch responses", "lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting"
    ),
    check=whole_batches_fail,
)
FOLLOWERS_MAY_READ = StackRule(
    name="lambda-followers-may-read",
    summary="The role of each function that is fed from a stream may read it.",
    severity=Severity.HIGH,
    why="AWS refuses the event source mapping otherwise, and the local emulator does not.",
    fix=f"Allow {', '.join(_FOLLOWS)} on the stream's ARN in the policy of the function's role.",
    reference=aws("Execution role permissions", "lambda/latest/dg/with-ddb.html#events-dynamodb-permissions"),
    check=followers_may_not_read,
)
GIVEN_UP_VISIBLY = ResourceRule(
    name="lambda-streams-give-up-visibly",
    summary="What a function that is fed from a stream never manages is told to somebody.",
    severity=Severity.MEDIUM,
    why="Lambda goes on behind it, and the records are gone with the stream's 24 hours.",
    fix="Set destinationConfig.onFailure to a queue that an alarm watches.",
    reference=aws("On-failure destinations", "lambda/latest/dg/services-dynamodb-errors.html"),
    check=given_up_in_silence,
)
PERMISSION_SOURCE = ResourceRule(
    name="lambda-permission-source",
    summary="A service may call a function for one named resource of ours.",
    severity=Severity.HIGH,
    why="Otherwise somebody else's API or rule can call it: the confused deputy.",
    fix="Set sourceArn to the ARN of the API's method, the rule or the schedule.",
    reference=security_hub("Lambda.1"),
    check=callers_without_a_source,
)
NO_PUBLIC_URL = ResourceRule(
    name="lambda-no-public-url",
    summary="No function has a public url of its own.",
    severity=Severity.CRITICAL,
    why="It would pass by the API's authorizer, throttling and firewall.",
    fix="Put a route into the API, or set authorizationType to AWS_IAM.",
    reference=aws("Function URLs", "lambda/latest/dg/urls-auth.html"),
    level=Level.MANDATORY,
    check=public_urls,
)
METHODS_MAY_CALL = StackRule(
    name="lambda-methods-may-call",
    summary="Each method of the API, and its authorizer, may call its function.",
    severity=Severity.HIGH,
    why="AWS answers 500 otherwise, and the local emulator does not: it would show in production alone.",
    fix="Make a Permission for apigateway.amazonaws.com with the ARN of the method as sourceArn.",
    reference=aws("API Gateway permissions", "lambda/latest/dg/services-apigateway.html#apigateway-permissions"),
    check=methods_cannot_call,
)
RULES_MAY_CALL = StackRule(
    name="lambda-rules-may-call",
    summary="Each rule that has a function as its target may call it.",
    severity=Severity.HIGH,
    why="AWS drops each event otherwise, and the local emulator does not.",
    fix="Make a Permission for events.amazonaws.com with the ARN of the rule as sourceArn.",
    reference=aws("Lambda targets", "eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions"),
    check=rules_cannot_call,
)


def not_traced(resource: Resource) -> Iterator[str]:
    """Find a function that adds nothing to a trace."""
    if resource.type == _FUNCTION and at(resource.properties, "tracingConfig", "mode") not in ("Active", UNKNOWN):
        yield "tracingConfig.mode: what the function does is not traced"


TRACED = ResourceRule(
    name="lambda-tracing",
    summary="Functions are traced.",
    severity=Severity.LOW,
    why="Where the time of a delivery goes, and which call failed, is guessed from logs.",
    fix="Set tracingConfig.mode to Active, and let the role send traces to X-Ray.",
    reference=security_hub("Lambda.7"),
    check=not_traced,
)
