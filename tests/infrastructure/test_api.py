"""stacks.api: what reaches a function, and what API Gateway answers itself."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from handlers.domain import problems
from handlers.domain.security_headers import SECURITY_HEADERS
from local import recording as program
from local.recording import ACCOUNT, REGION, Program
from stacks.api import api
from stacks.api.responses import RESPONSES, GatewayResponse
from stacks.api.routes import ROUTES, Route, paths
from stacks.settings import load
from tests import programs
from tests.infrastructure.otherwise import otherwise
from tests.infrastructure.permissions import statements
from tests.infrastructure.test_settings import configured

METHOD = "aws:apigateway/method:Method"
INTEGRATION = "aws:apigateway/integration:Integration"
PERMISSION = "aws:lambda/permission:Permission"
RESOURCE = "aws:apigateway/resource:Resource"
RESPONSE = "aws:apigateway/response:Response"
ANSWER = "aws:apigateway/integrationResponse:IntegrationResponse"
PUBLISHED = program.ROOT / "docs" / "openapi.json"
EXECUTION = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api"

# Without a token: the links in messages, each of which holds its own signature, and what providers sign.
LINKS = ("/t/o/{token}", "/t/c/{token}", "/u/{token}")
PUBLIC = {
    *((method, link) for method in ("GET", "HEAD") for link in LINKS),
    ("POST", "/u/{token}"),
    ("POST", "/hooks/{provider}"),
}
# As published: tests/docs/test_documented.py holds that the functions answer it.
CONTRACT = {
    (method.upper(), path) for path, each in json.loads(PUBLISHED.read_text())["paths"].items() for method in each
}


def of_producers(deployed: Program) -> Program:
    """Without the API of the links, which test_links_api.py is about."""
    return replace(deployed, resources=[each for each in deployed.resources if not each.name.startswith("links-")])


@pytest.fixture
def deployed(deployed: Program) -> Program:
    return of_producers(deployed)


@pytest.fixture
def local(local: Program) -> Program:
    return of_producers(local)


@pytest.fixture
def prod(prod: Program) -> Program:
    return of_producers(prod)


def of_stack(stack: str) -> Program:
    return of_producers(programs.of_stack(stack))


def path_of(deployed: Program, resource_id: str) -> str:
    """Follow a resource to the root of the API."""
    by_id = {f"{each.name}-id": each for each in deployed.of(RESOURCE)}
    path = ""
    while resource_id != "root":
        path = f"/{by_id[resource_id].inputs['pathPart']}{path}"
        resource_id = by_id[resource_id].inputs["parentId"]
    return path


# What one function keeps, another counts and lists.
REPORTS = {("GET", "/v1/notifications"), ("GET", "/v1/contacts/{user_id}/deliveries"), ("GET", "/v1/stats")}


def function_of(method: str, path: str) -> str:
    if (method, path) in REPORTS:
        return "reports"
    if not path.startswith("/v1/"):
        return "hooks" if path.startswith("/hooks/") else "tracking"
    part = path.split("/")[2]
    return {"receipts": "notifications", "suppressions": "contacts", "webhook": "reports"}.get(part, part)


OTHER_METHODS = {"OPTIONS", "ANY"}
"""What every path answers without a function."""


def methods_of(deployed: Program) -> list[program.Registered]:
    """The methods that reach a function."""
    return [each for each in deployed.of(METHOD) if each.inputs["httpMethod"] not in OTHER_METHODS]


def test_the_api_answers_to_exactly_what_the_contract_lists(deployed: Program) -> None:
    methods = {
        (each.inputs["httpMethod"], path_of(deployed, each.inputs["resourceId"])) for each in methods_of(deployed)
    }
    assert methods == CONTRACT == {(route.method, route.path) for route in ROUTES}


def test_no_path_is_greedy_and_only_a_mock_answers_to_any_method(deployed: Program) -> None:
    assert not [each for each in deployed.of(RESOURCE) if "+" in each.inputs["pathPart"]]
    kinds = {(each.inputs["httpMethod"] in OTHER_METHODS, each.inputs["type"]) for each in deployed.of(INTEGRATION)}
    assert kinds == {(True, "MOCK"), (False, "AWS_PROXY")}


def test_every_path_says_which_methods_it_takes(deployed: Program) -> None:
    allowed = {path: {method for method, each in CONTRACT if each == path} | {"OPTIONS"} for _, path in CONTRACT}
    for method, status in (("OPTIONS", "204"), ("ANY", "405")):
        answers = [each for each in deployed.of(ANSWER) if each.inputs["httpMethod"] == method]
        said = {path_of(deployed, each.inputs["resourceId"]): each.inputs for each in answers}
        assert said.keys() == allowed.keys()
        assert {each["statusCode"] for each in said.values()} == {status}
        for path, each in said.items():
            header = each["responseParameters"]["method.response.header.Allow"]
            assert set(header.strip("'").split(", ")) == allowed[path]


def test_a_method_that_a_path_does_not_take_is_a_problem(local: Program) -> None:
    for each in local.of(ANSWER):
        body = each.inputs["responseTemplates"]["application/json"]
        if each.inputs["httpMethod"] == "OPTIONS":
            assert body == ""
            continue
        assert json.loads(body)["type"] == "urn:carillon:problem:method-not-allowed"
        assert json.loads(body)["status"] == 405
        assert each.inputs["responseParameters"]["method.response.header.Content-Type"] == "'application/problem+json'"


def test_what_api_gateway_answers_itself_has_every_security_header(deployed: Program) -> None:
    for kind, name in ((RESPONSE, "gatewayresponse"), (ANSWER, "method.response")):
        for each in deployed.of(kind):
            parameters = each.inputs["responseParameters"]
            said = {header: parameters.get(f"{name}.header.{header}") for header in SECURITY_HEADERS}
            assert said == {header: f"'{value}'" for header, value in SECURITY_HEADERS.items()}


def test_a_header_that_is_answered_is_promised_first_as_api_gateway_wants(deployed: Program) -> None:
    promised = {
        (each.inputs["resourceId"], each.inputs["httpMethod"], each.inputs["statusCode"]): each
        for each in deployed.of("aws:apigateway/methodResponse:MethodResponse")
    }
    for each in deployed.of(ANSWER):
        first = promised[each.inputs["resourceId"], each.inputs["httpMethod"], each.inputs["statusCode"]]
        assert first.inputs["responseParameters"].keys() == each.inputs["responseParameters"].keys()
        assert first.urn in each.dependencies


def test_every_method_asks_the_authorizer_but_for_the_links_in_messages(deployed: Program) -> None:
    for method in methods_of(deployed):
        is_public = (method.inputs["httpMethod"], path_of(deployed, method.inputs["resourceId"])) in PUBLIC
        assert method.inputs["authorization"] == ("NONE" if is_public else "CUSTOM")
        assert method.inputs.get("authorizerId") == (None if is_public else "authorizer-id")


def test_what_is_no_json_object_never_reaches_a_function(deployed: Program) -> None:
    validator = deployed.named("aws:apigateway/requestValidator:RequestValidator")
    assert validator.inputs["validateRequestBody"] is True
    model = deployed.named("aws:apigateway/model:Model")
    assert json.loads(model.inputs["schema"])["type"] == "object"
    for method in methods_of(deployed):
        path = path_of(deployed, method.inputs["resourceId"])
        is_bare = path.endswith(("/cancel", "/start", "/pause", "/resume")) or path.startswith(
            ("/u/", "/hooks/")
        )  # its path says it all; forms are sent
        carries_body = method.inputs["httpMethod"] in {"POST", "PUT", "PATCH"} and not is_bare
        assert ("requestValidatorId" in method.inputs) is carries_body
        assert method.inputs.get("requestModels") == (
            {"application/json": "Object", "application/merge-patch+json": "Object"} if carries_body else None
        )


def test_each_method_is_integrated_with_its_function(deployed: Program) -> None:
    integrations = [each for each in deployed.of(INTEGRATION) if each.inputs["type"] != "MOCK"]
    for integration in integrations:
        path = path_of(deployed, integration.inputs["resourceId"])
        assert integration.inputs["type"] == "AWS_PROXY"
        assert integration.inputs["integrationHttpMethod"] == "POST"
        assert integration.inputs["uri"].endswith(
            f"-{function_of(integration.inputs['httpMethod'], path)}:live/invocations"
        )
    assert len(integrations) == len(CONTRACT)


def test_every_function_lets_itself_be_invoked_only_for_what_leads_to_it(local: Program) -> None:
    permitted = {
        (each.inputs["function"], each.inputs["principal"], each.inputs["sourceArn"]) for each in local.of(PERMISSION)
    }
    gateway = "apigateway.amazonaws.com"
    assert permitted == {
        ("carillon-local-authorizer", gateway, f"{EXECUTION}/authorizers/authorizer-id"),
        *(
            (
                f"carillon-local-{function_of(method, path)}",
                gateway,
                f"{EXECUTION}/live/{method}{re.sub('{[^}]+}', '*', path)}",
            )
            for method, path in CONTRACT
        ),
        ("carillon-local-hooks", "events.amazonaws.com", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:ses-receipts"),
        ("carillon-local-sweeper", "events.amazonaws.com", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:every-minute"),
    }
    assert {each.inputs["qualifier"] for each in local.of(PERMISSION)} == {"live"}


@pytest.mark.parametrize("stack", program.STACKS)
def test_the_authorizer_remembers_a_token_as_long_as_configured(stack: str) -> None:
    authorizer = of_stack(stack).named("aws:apigateway/authorizer:Authorizer").inputs
    assert authorizer["type"] == "TOKEN"
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    configured_for = load(stack, configured(stack)).api.authorizer_cache_seconds
    assert authorizer["authorizerResultTtlInSeconds"] == configured_for


@pytest.mark.parametrize("program_of", [of_stack, otherwise])
def test_a_revoked_app_is_out_within_a_minute_whatever_is_remembered_where(
    program_of: Callable[[str], Program],
) -> None:
    made = program_of("local")
    by_gateway = made.named("aws:apigateway/authorizer:Authorizer").inputs["authorizerResultTtlInSeconds"]
    assert by_gateway + int(variables_of_the_authorizer(made)["CARILLON_APP_MAX_AGE_SECONDS"]) == 60


def variables_of_the_authorizer(made: Program) -> dict[str, str]:
    [function] = [
        each for each in made.of("aws:lambda/function:Function") if each.inputs["name"].endswith("-authorizer")
    ]
    variables: dict[str, str] = function.inputs["environment"]["variables"]
    return variables


def test_only_where_replays_are_refused_the_authorizer_writes_tokens_and_nothing_remembers_its_answers() -> None:
    usual = of_stack("local")
    assert "CARILLON_USED_TOKENS_TABLE" not in variables_of_the_authorizer(usual)
    assert "UseTokensUp" not in {each["Sid"] for each in statements(usual, "carillon-local-authorizer")}
    made = otherwise("local")
    assert made.named("aws:apigateway/authorizer:Authorizer").inputs["authorizerResultTtlInSeconds"] == 0
    assert variables_of_the_authorizer(made)["CARILLON_USED_TOKENS_TABLE"] == "carillon-local-limits"
    [granted] = [each for each in statements(made, "carillon-local-authorizer") if each["Sid"] == "UseTokensUp"]
    assert granted["Action"] == ["dynamodb:PutItem"]
    assert granted["Resource"][0].endswith(":table/carillon-local-limits")


def test_the_authorizer_is_asked_with_the_whole_header_so_that_a_grant_is_remembered_for_one_token(
    deployed: Program,
) -> None:
    authorizer = deployed.named("aws:apigateway/authorizer:Authorizer").inputs
    assert (authorizer["type"], authorizer["identitySource"]) == ("TOKEN", "method.request.header.Authorization")


@pytest.mark.parametrize(
    ("header", "looks_like_a_token"),
    [
        ("Bearer eyJhbGciOi.eyJpc3Mi.c2ln-_", True),
        ("bearer eyJhbGciOi.eyJpc3Mi.c2ln", True),
        ("Bearer abc==", True),
        ("Basic dXNlcjpwYXNz", False),
        ("Bearer", False),
        ("Bearer two tokens", False),
        ("Bearer <script>", False),
        ("eyJhbGciOi.eyJpc3Mi.c2ln", False),
    ],
)
def test_what_is_no_bearer_token_does_not_reach_the_authorizer(
    header: str, looks_like_a_token: bool, local: Program
) -> None:
    expression = local.named("aws:apigateway/authorizer:Authorizer").inputs["identityValidationExpression"]
    assert bool(re.search(expression, header)) is looks_like_a_token


@pytest.mark.parametrize("response", RESPONSES, ids=lambda each: each.kind)
def test_what_api_gateway_answers_itself_is_a_problem(response: GatewayResponse, local: Program) -> None:
    made = local.named(RESPONSE, responseType=response.kind).inputs
    body = json.loads(made["responseTemplates"]["application/json"])
    assert body["status"] == int(made["statusCode"])
    assert body["type"].startswith("urn:carillon:problem:")
    assert body["title"]
    assert body["detail"]
    assert made["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    variables = re.findall(r"\$[\w.]+\w", made["responseTemplates"]["application/json"])
    assert set(variables) <= {"$context.authorizer.why"}  # nothing of the request is repeated


STATUSES = {
    "UNAUTHORIZED": "401",
    "ACCESS_DENIED": "401",
    "MISSING_AUTHENTICATION_TOKEN": "404",
    "INVALID_SIGNATURE": "404",
    "RESOURCE_NOT_FOUND": "404",
    "BAD_REQUEST_BODY": "400",
    "REQUEST_TOO_LARGE": "413",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "THROTTLED": "429",
    "DEFAULT_4XX": "400",
    "DEFAULT_5XX": "500",
}


def test_every_kind_of_answer_has_its_status(deployed: Program) -> None:
    assert {each.inputs["responseType"]: each.inputs["statusCode"] for each in deployed.of(RESPONSE)} == STATUSES


def test_a_problem_is_called_the_same_whoever_answers_it() -> None:
    of_functions = {
        each.slug: (int(each.status), each.title)
        for each in vars(problems).values()
        if isinstance(each, type) and issubclass(each, problems.Problem) and hasattr(each, "slug")
    }
    shared = [each for each in RESPONSES if each.slug in of_functions]
    assert {each.slug for each in shared} == {
        "invalid-request",
        "not-found",
        "too-large",
        "unsupported-media-type",
        "too-many-requests",
        "internal-error",
    }
    assert [each.kind for each in shared if (each.status, each.title) != of_functions[each.slug]] == []


def test_a_refused_token_says_how_to_authenticate(local: Program) -> None:
    for kind, challenge in (
        ("UNAUTHORIZED", 'Bearer realm="carillon"'),
        ("ACCESS_DENIED", 'Bearer realm="carillon", error="invalid_token"'),
    ):
        parameters = local.named(RESPONSE, responseType=kind).inputs["responseParameters"]
        assert parameters["gatewayresponse.header.WWW-Authenticate"] == f"'{challenge}'"


def test_a_throttled_producer_is_told_when_to_come_back(local: Program) -> None:
    parameters = local.named(RESPONSE, responseType="THROTTLED").inputs["responseParameters"]
    assert parameters["gatewayresponse.header.Retry-After"] == "'1'"


def test_the_stage_is_throttled_as_configured_and_logs_no_bodies(prod: Program) -> None:
    settings = prod.named("aws:apigateway/methodSettings:MethodSettings").inputs
    assert settings["methodPath"] == "*/*"
    limits = load("prod", configured("prod")).api
    assert settings["settings"]["throttlingRateLimit"] == limits.throttle_rate
    assert settings["settings"]["throttlingBurstLimit"] == limits.throttle_burst
    assert settings["settings"]["dataTraceEnabled"] is False
    assert settings["settings"]["loggingLevel"] == "OFF"


# Context variables that hold who called from where, or what for: paths hold user ids.
PERSONAL = ("identity", "$context.path", "requestOverride", "authorizer.claims", "customDomain")


def test_the_access_log_is_json_and_holds_nothing_personal(deployed: Program) -> None:
    stage = deployed.named("aws:apigateway/stage:Stage").inputs
    log_format = json.loads(stage["accessLogSettings"]["format"])
    assert log_format["route"] == "$context.resourcePath"
    assert not [each for each in log_format.values() if any(personal in each for personal in PERSONAL)]
    assert stage["accessLogSettings"]["destinationArn"].endswith(":access-log")


def test_the_account_may_log_before_the_stage_does(deployed: Program) -> None:
    account = deployed.named("aws:apigateway/account:Account")
    assert account.urn in deployed.named("aws:apigateway/stage:Stage").dependencies
    assert account.inputs["cloudwatchRoleArn"].endswith(":api-log-role")


def test_a_stack_beside_another_leaves_the_accounts_logging_alone() -> None:
    beside = otherwise("dev")
    assert beside.of("aws:apigateway/account:Account") == []
    assert "carillon-dev-api-logs" not in {each.inputs["name"] for each in beside.of("aws:iam/role:Role")}


def test_the_stage_is_deployed_after_everything_it_serves(deployed: Program) -> None:
    dependencies = deployed.named("aws:apigateway/deployment:Deployment").dependencies
    needed = {
        each.urn
        for each in (*deployed.of(INTEGRATION), *deployed.of(RESPONSE), *deployed.of(ANSWER))
        if each.inputs.get("type") != "MOCK"  # which its answer comes after
    }
    assert needed <= dependencies


def surface(deployed: Program) -> object:
    return deployed.named("aws:apigateway/deployment:Deployment").inputs["triggers"]


def test_nothing_is_deployed_again_without_a_change() -> None:
    """In the other program, what is otherwise is no part of this API."""
    assert surface(of_producers(otherwise("dev"))) == surface(of_stack("dev"))


def test_whatever_a_stage_serves_is_deployed_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    served = api.surface(ROUTES, 30, "TLS13", has_domain=False)
    assert api.surface(ROUTES, 30, "TLS13", has_domain=False) == served
    fewer = tuple(each for each in ROUTES if each.method != "DELETE")
    assert api.surface(fewer, 30, "TLS13", has_domain=False) != served
    assert api.surface(ROUTES, 0, "TLS13", has_domain=False) != served
    assert api.surface(ROUTES, 30, "TLS12", has_domain=False) != served
    assert api.surface(ROUTES, 30, "TLS13", has_domain=True) != served
    monkeypatch.setattr(api, "RESPONSES", tuple(replace(each, detail="Otherwise put.") for each in RESPONSES))
    assert api.surface(ROUTES, 30, "TLS13", has_domain=False) != served


def test_the_programs_own_surface_follows_its_settings(local: Program) -> None:
    assert surface(of_producers(otherwise("local"))) != surface(local)


@pytest.fixture
def with_domain() -> Program:
    return of_producers(otherwise("prod"))


def test_the_api_speaks_tls_1_3_alone(deployed: Program) -> None:
    rest_api = deployed.named("aws:apigateway/restApi:RestApi").inputs
    assert rest_api["securityPolicy"] == "SecurityPolicy_TLS13_1_3_2025_09"
    assert rest_api["endpointAccessMode"] == "STRICT"
    assert rest_api["endpointConfiguration"] == {"types": "REGIONAL"}
    assert rest_api["disableExecuteApiEndpoint"] is False


def test_a_domain_of_ones_own_speaks_tls_1_3_alone_and_closes_the_default_door(with_domain: Program) -> None:
    domain = with_domain.named("aws:apigateway/domainName:DomainName").inputs
    assert domain["securityPolicy"] == "SecurityPolicy_TLS13_1_3_2025_09"
    assert domain["endpointAccessMode"] == "STRICT"
    assert with_domain.named("aws:apigateway/restApi:RestApi").inputs["disableExecuteApiEndpoint"] is True
    mapping = with_domain.named("aws:apigateway/basePathMapping:BasePathMapping").inputs
    assert (mapping["domainName"], mapping["stageName"]) == ("notify.example.com", "live")


def test_a_domain_of_ones_own_is_the_url_and_says_which_record_it_needs(with_domain: Program) -> None:
    assert with_domain.exports["apiUrl"] == "https://notify.example.com"
    assert with_domain.exports["apiDnsRecords"] == [
        {"name": "notify.example.com", "type": "CNAME", "value": "d-1.execute-api.eu-central-1.amazonaws.com"}
    ]


def test_every_path_comes_after_its_parent() -> None:
    found = paths((Route("GET", "/a/b/{c}", "f"), Route("GET", "/a/d", "f")))
    assert found == ("/a", "/a/b", "/a/b/{c}", "/a/d")


def test_the_role_of_api_gateway_may_do_what_api_gateway_refuses_a_role_without(local: Program) -> None:
    # AmazonAPIGatewayPushToCloudWatchLogs, which API Gateway checks a role against, written out: no managed policy.
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAPIGatewayPushToCloudWatchLogs.html
    [granted] = statements(local, "carillon-local-api-logs")
    assert set(granted["Action"]) == {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:FilterLogEvents",
        "logs:GetLogEvents",
        "logs:PutLogEvents",
    }
