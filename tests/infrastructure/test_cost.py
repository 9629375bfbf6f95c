"""`carillon cost` reckons with the program's own resources: those in its file are those that the program makes."""

from dataclasses import replace

from bench import cost_resources
from local.recording import Registered
from ops.cost.resources import RESOURCES, load
from tests.programs import of_stack


def test_the_resources_that_are_reckoned_with_are_those_of_the_program() -> None:
    assert RESOURCES.read_text() == cost_resources.text(of_stack), "run `.venv/bin/python -m bench.cost_resources`"


def test_a_firewall_would_be_reckoned_with() -> None:
    program = of_stack("dev")
    any_ = program.of("aws:apigateway/restApi:RestApi")[0]
    acl: Registered = replace(any_, type="aws:wafv2/webAcl:WebAcl", inputs={"rules": [{}, {}]})
    found = cost_resources.resources(replace(program, resources=[*program.resources, acl]))
    assert (found.web_acls, found.web_acl_rules) == (1, 2)


def test_what_lambda_writes_of_each_invocation_would_be_reckoned_with() -> None:
    program = of_stack("dev")
    function = program.of("aws:lambda/function:Function")[0]
    plain = {**function.inputs, "name": "carillon-dev-plain", "loggingConfig": {"logFormat": "Text"}}
    more = replace(program, resources=[*program.resources, replace(function, inputs=plain)])
    assert cost_resources.resources(more).platform_logs
    assert not cost_resources.resources(program).platform_logs


def test_what_is_measured_locally_is_not_taken_for_a_stack_on_aws() -> None:
    assert set(load()) == {"dev", "prod"}
    assert load()["prod"].replicas == 1
