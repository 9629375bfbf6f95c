"""What reaches the API, and how."""

from collections.abc import Iterator, Sequence

from policies.routes import INTEGRATION, METHOD, path_of
from policies.rule import Finding, Resource, ResourceRule, Severity, StackRule, aws, security_hub
from policies.values import UNKNOWN, at, is_on, is_within

_API = "aws:apigateway/restApi:RestApi"
_STAGE = "aws:apigateway/stage:Stage"
_SETTINGS = "aws:apigateway/methodSettings:MethodSettings"
_DOMAIN = "aws:apigateway/domainName:DomainName"
_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
_AUTHORIZER = "aws:apigateway/authorizer:Authorizer"
_MODERN = ("SecurityPolicy_TLS13_", "TLS_1_2")
_AUTHORIZER_CACHE_SECONDS = 60
# Links in messages and what providers call: each has a signature instead of a token.
_PUBLIC = ("/t/", "/u/", "/hooks/")


def old_tls(resource: Resource) -> Iterator[str]:
    """Find an endpoint that takes TLS older than 1.2."""
    policy = at(resource.properties, "securityPolicy")
    is_modern = policy is UNKNOWN or (isinstance(policy, str) and policy.startswith(_MODERN))
    if resource.type in (_API, _DOMAIN) and not is_modern:
        yield "securityPolicy: TLS older than 1.2 is taken"


def no_access_log(resource: Resource) -> Iterator[str]:
    """Find a stage that does not log who called what."""
    if resource.type == _STAGE and at(resource.properties, "accessLogSettings", "destinationArn") in (None, ""):
        yield "accessLogSettings: requests are not logged"


def not_throttled(resource: Resource) -> Iterator[str]:
    """Find a stage that takes as much as the account's limit allows."""
    if resource.type != _SETTINGS:
        return
    for name in ("throttlingRateLimit", "throttlingBurstLimit"):
        if not is_within(at(resource.properties, "settings", name), 1):
            yield f"settings.{name}: the API is not throttled"


def remembered_too_long(resource: Resource) -> Iterator[str]:
    """Find an authorizer whose answer outlives a revocation for long."""
    if resource.type == _AUTHORIZER:
        seconds = at(resource.properties, "authorizerResultTtlInSeconds")
        if not is_within(seconds, 0, _AUTHORIZER_CACHE_SECONDS):
            yield f"authorizerResultTtlInSeconds: over {_AUTHORIZER_CACHE_SECONDS}, or AWS's own choice"


def body_not_validated(resource: Resource) -> Iterator[str]:
    """Find a method with a body that any bytes may be."""
    if (
        resource.type == METHOD
        and at(resource.properties, "httpMethod") in ("PUT", "PATCH")
        and at(resource.properties, "requestValidatorId") in (None, "")
    ):
        yield "requestValidatorId: the body is not validated"


def open_to_anybody(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a method that reaches a function without a token, outside the paths that are public by design."""
    answered_here = [
        (at(each.properties, "resourceId"), at(each.properties, "httpMethod"))
        for each in resources
        if each.type == INTEGRATION and at(each.properties, "type") in ("MOCK", UNKNOWN)
    ]
    for method in (each for each in resources if each.type == METHOD):
        where = (at(method.properties, "resourceId"), at(method.properties, "httpMethod"))
        path = path_of(where[0], resources)
        is_open = at(method.properties, "authorization") == "NONE" and where not in answered_here
        # A mock whose place is not known yet may be this method's.
        doubtful = UNKNOWN in where or any(UNKNOWN in each for each in answered_here)
        if is_open and not doubtful and path is not None and not f"{path}/".startswith(_PUBLIC):
            yield Finding(method.urn, f"authorization: anybody may call {where[1]} {path}")


TLS = ResourceRule(
    name="api-modern-tls",
    summary="The API takes TLS 1.2 and 1.3 alone.",
    severity=Severity.HIGH,
    why="Older versions can be broken, and tokens and addresses read.",
    fix="Set securityPolicy to a policy of TLS 1.3, or 1.2 with forward secrecy.",
    reference=aws("Security policies", "apigateway/latest/developerguide/apigateway-security-policies-list.html"),
    check=old_tls,
)
ACCESS_LOG = ResourceRule(
    name="api-access-log",
    summary="Every request to the API is logged.",
    severity=Severity.MEDIUM,
    why="Without it nobody can say who called, or that somebody tried.",
    fix="Set accessLogSettings with the ARN of an encrypted log group.",
    reference=security_hub("APIGateway.9"),
    check=no_access_log,
)
THROTTLED = ResourceRule(
    name="api-throttled",
    summary="The API is throttled below the account's own limit.",
    severity=Severity.MEDIUM,
    why="One caller's mistake would take every other API of the account down with it.",
    fix="Set throttlingRateLimit and throttlingBurstLimit for all methods.",
    reference=aws("Throttling", "apigateway/latest/developerguide/api-gateway-request-throttling.html"),
    check=not_throttled,
)
REVOCATION = ResourceRule(
    name="api-authorizer-cache",
    summary=f"The authorizer's answer is remembered for {_AUTHORIZER_CACHE_SECONDS} seconds at most.",
    severity=Severity.MEDIUM,
    why="An app that was revoked gets in for as long.",
    fix="Set authorizerResultTtlInSeconds; a minute saves nearly all calls.",
    reference=aws("Authorizer caching", "apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"),
    check=remembered_too_long,
)
VALIDATED = ResourceRule(
    name="api-request-validation",
    summary="What must have a body is refused without one before a function runs.",
    severity=Severity.LOW,
    why="What API Gateway refuses costs no invocation and reaches no code.",
    fix="Set requestValidatorId and a request model.",
    reference=aws("Request validation", "apigateway/latest/developerguide/api-gateway-method-request-validation.html"),
    check=body_not_validated,
)
AUTHORIZED = StackRule(
    name="api-authorizer",
    summary=f"Every method that reaches a function needs a token, but for those under {', '.join(_PUBLIC)}.",
    severity=Severity.CRITICAL,
    why="One method without it, and anybody sends messages in our name.",
    fix="Set authorization to CUSTOM with the authorizer's authorizerId.",
    reference=security_hub("APIGateway.8"),
    check=open_to_anybody,
)


def without_firewall(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a stage of production that no web ACL stands before."""
    associations = [each for each in resources if each.type == _ASSOCIATION]
    for stage in (each for each in resources if each.type == _STAGE and each.stack == "prod"):
        if not any(_stands_before(each, stage) for each in associations):
            yield Finding(stage.urn, "no web ACL stands before the API")


def _stands_before(association: Resource, stage: Resource) -> bool:
    """Tell whether an association is with this stage, or may be: by the ARN, written out, or by where it comes from."""
    arn = at(association.properties, "resourceArn")
    if arn is UNKNOWN:
        sources = association.depends.get("resourceArn", ())
        return not sources or stage.urn in sources
    path = f"/restapis/{at(stage.properties, 'restApi')}/stages/{at(stage.properties, 'stageName')}"
    known = at(stage.properties, "arn")
    return known is UNKNOWN or arn == known or str(arn).endswith(path)


def not_traced(resource: Resource) -> Iterator[str]:
    """Find a stage that begins no trace."""
    if resource.type == _STAGE and not is_on(at(resource.properties, "xrayTracingEnabled")):
        yield "xrayTracingEnabled: requests are not traced"


FIREWALL = StackRule(
    name="api-waf-in-prod",
    summary="In production a web ACL stands before the API.",
    severity=Severity.MEDIUM,
    why="Floods and known attacks would reach the authorizer, and be paid for, one by one.",
    fix="Make a WebAcl, and a WebAclAssociation of it with the stage's ARN.",
    reference=security_hub("APIGateway.4"),
    check=without_firewall,
)
TRACED = ResourceRule(
    name="api-tracing",
    summary="Requests to the API are traced.",
    severity=Severity.LOW,
    why="A slow request cannot be followed from the API into the function and what it calls.",
    fix="Set xrayTracingEnabled on the stage.",
    reference=security_hub("APIGateway.3"),
    check=not_traced,
)
