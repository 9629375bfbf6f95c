"""stacks.api.api.LinksApi: the links in messages have an API of their own, as AWS applies TLS policies by API."""

import re
from dataclasses import replace

import pytest

from local import recording as program
from local.recording import Program
from stacks.api.routes import ROUTES
from tests import programs
from tests.infrastructure.otherwise import otherwise
from tests.infrastructure.test_api import ANSWER, INTEGRATION, METHOD, PERMISSION, RESPONSE, path_of

API = "aws:apigateway/restApi:RestApi"
STAGE = "aws:apigateway/stage:Stage"


def of_links(deployed: Program) -> Program:
    return replace(deployed, resources=[each for each in deployed.resources if each.name.startswith("links-")])


def policies(deployed: Program) -> dict[str, str]:
    return {each.inputs["name"]: each.inputs["securityPolicy"] for each in deployed.of(API)}


def test_producers_speak_tls_1_3_alone_and_links_open_with_1_2_and_forward_secrecy(prod: Program) -> None:
    assert policies(prod) == {
        "carillon-prod": "SecurityPolicy_TLS13_1_3_2025_09",
        "carillon-prod-links": "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    }
    assert {each.inputs["endpointAccessMode"] for each in prod.of(API)} == {"STRICT"}


def test_links_may_be_configured_to_1_3_which_leaves_producers_as_they_are() -> None:
    assert set(policies(otherwise("dev")).values()) == {"SecurityPolicy_TLS13_1_3_2025_09"}


def test_it_answers_to_the_public_routes_alone_without_a_token(deployed: Program) -> None:
    links = of_links(deployed)
    methods = [each for each in links.of(METHOD) if each.inputs["httpMethod"] not in ("ANY", "OPTIONS")]
    public = {(route.method, route.path) for route in ROUTES if route.public}
    assert {(each.inputs["httpMethod"], path_of(links, each.inputs["resourceId"])) for each in methods} == public
    assert {each.inputs["authorization"] for each in methods} == {"NONE"}
    assert links.of("aws:apigateway/authorizer:Authorizer") == []
    assert {each.inputs["restApi"] for each in links.of(METHOD)} == {"links-api-id"}


def test_each_function_lets_it_invoke_just_these(local: Program) -> None:
    links = of_links(local)
    by_function = {route.function for route in ROUTES if route.public}
    sources = {each.inputs["sourceArn"] for each in links.of(PERMISSION)}
    assert {each.inputs["function"] for each in links.of(PERMISSION)} == {f"carillon-local-{f}" for f in by_function}
    assert {re.sub(r"^.*/live/", "", source) for source in sources} == {
        f"{route.method}{re.sub('{[^}]+}', '*', route.path)}" for route in ROUTES if route.public
    }
    api_ids = {source.split(":")[5].split("/")[0] for source in sources}
    assert len(api_ids) == 1
    assert api_ids != {"api"}


def test_it_is_throttled_logged_and_deployed_after_all_that_it_serves(deployed: Program) -> None:
    links = of_links(deployed)
    stage = links.named(STAGE)
    assert stage.inputs["accessLogSettings"]["destinationArn"].endswith(":links-access-log")
    settings = links.named("aws:apigateway/methodSettings:MethodSettings").inputs["settings"]
    assert settings["throttlingRateLimit"] > 0
    assert (settings["loggingLevel"], settings["dataTraceEnabled"]) == ("OFF", False)
    needed = {each.urn for each in (*links.of(RESPONSE), *links.of(ANSWER))}
    needed |= {each.urn for each in links.of(INTEGRATION) if each.inputs["type"] != "MOCK"}
    assert needed <= links.named("aws:apigateway/deployment:Deployment").dependencies


def test_the_links_in_messages_lead_to_it(deployed: Program) -> None:
    workers = [
        each.inputs["environment"]["variables"]
        for each in deployed.of("aws:lambda/function:Function")
        if "-worker-" in each.inputs["name"]
    ]
    assert {each["CARILLON_PUBLIC_URL"] for each in workers} == {deployed.exports["linksUrl"]}
    assert deployed.exports["linksUrl"] != deployed.exports["apiUrl"]


def test_a_domain_of_its_own_has_its_policy_and_closes_its_default_door() -> None:
    made = otherwise("prod")
    domain = made.named("aws:apigateway/domainName:DomainName", domainName="links.example.com").inputs
    assert domain["securityPolicy"] == "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
    closed = {each.inputs["name"]: each.inputs["disableExecuteApiEndpoint"] for each in made.of(API)}
    assert closed == {"carillon-prod": True, "carillon-prod-links": True}
    assert made.exports["linksUrl"] == "https://links.example.com"
    [record] = made.exports["linksDnsRecords"]
    assert (record["name"], record["type"]) == ("links.example.com", "CNAME")
    sample = [
        each.inputs["environment"]["variables"]["CARILLON_SAMPLE_URL"]
        for each in made.of("aws:lambda/function:Function")
        if each.inputs["name"].endswith("-notifications")
    ]
    assert sample == ["https://links.example.com"]


def test_a_change_of_its_tls_is_deployed() -> None:
    def surface(made: Program) -> object:
        return of_links(made).named("aws:apigateway/deployment:Deployment").inputs["triggers"]

    assert surface(otherwise("dev")) != surface(programs.of_stack("dev"))


@pytest.mark.parametrize("stack", program.STACKS)
def test_every_stack_has_both(stack: str) -> None:
    assert len(programs.of_stack(stack).of(STAGE)) == 2
