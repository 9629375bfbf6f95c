"""stacks.api.firewall: what stands before the API, and what it may not stop."""

import json
from typing import Any

import pytest

from local.recording import Program
from tests import programs
from tests.infrastructure.otherwise import otherwise

ACL = "aws:wafv2/webAcl:WebAcl"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"


def rules(deployed: Program) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in deployed.named(ACL).inputs["rules"]}


@pytest.fixture
def blocking() -> Program:
    return otherwise("prod")


def test_it_stands_before_production_alone_unless_configured(prod: Program, local: Program) -> None:
    assert len(prod.of(ACL)) == 1
    for stack in (local, programs.of_stack("dev")):
        assert not [each for each in stack.resources if each.type.startswith("aws:wafv2/")]


def test_it_stands_before_each_stage_that_there_is(prod: Program) -> None:
    stages = {f"{each.name}" for each in prod.of("aws:apigateway/stage:Stage")}
    guarded = [each.inputs["resourceArn"] for each in prod.of(ASSOCIATION)]
    assert len(guarded) == len(set(guarded)) == len(stages)
    assert {arn.rpartition(":")[2] for arn in guarded} == stages
    assert all(each.inputs["webAclArn"].endswith(":acl") for each in prod.of(ASSOCIATION))


def test_it_has_awss_rules_in_an_order_and_lets_through_what_none_matches(prod: Program) -> None:
    acl = prod.named(ACL).inputs
    assert (acl["scope"], acl["defaultAction"]) == ("REGIONAL", {"allow": {}})
    groups = {
        name: rule["statement"]["managedRuleGroupStatement"]["name"]
        for name, rule in rules(prod).items()
        if "managedRuleGroupStatement" in rule["statement"]
    }
    assert groups == {
        "known-bad-inputs": "AWSManagedRulesKnownBadInputsRuleSet",
        "common": "AWSManagedRulesCommonRuleSet",
    }
    priorities = [rule["priority"] for rule in acl["rules"]]
    assert sorted(set(priorities)) == priorities


def test_in_count_mode_nothing_is_blocked(prod: Program) -> None:
    assert '"block"' not in json.dumps(prod.named(ACL).inputs)
    assert rules(prod)["rate"]["action"] == {"count": {}}
    assert [rules(prod)[name]["overrideAction"] for name in ("common", "known-bad-inputs")] == [{"count": {}}] * 2


def test_in_block_mode_it_blocks_and_whoever_comes_too_often_is_told_so(blocking: Program) -> None:
    assert [rules(blocking)[name]["overrideAction"] for name in ("common", "known-bad-inputs")] == [{"none": {}}] * 2
    assert rules(blocking)["rate"]["action"] == {"block": {"customResponse": {"responseCode": 429}}}


def test_what_a_message_may_say_is_not_blocked(blocking: Program) -> None:
    overridden = rules(blocking)["common"]["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    assert {each["name"] for each in overridden} >= {"CrossSiteScripting_BODY", "SizeRestrictions_BODY"}
    assert all(each["actionToUse"] == {"count": {}} for each in overridden)


def test_one_address_opens_links_at_a_rate_and_no_producer_is_under_it(prod: Program) -> None:
    statement = rules(prod)["rate"]["statement"]["rateBasedStatement"]
    assert (statement["limit"], statement["aggregateKeyType"], statement["evaluationWindowSec"]) == (10_000, "IP", 300)
    matches = [each["byteMatchStatement"] for each in statement["scopeDownStatement"]["orStatement"]["statements"]]
    assert {each["positionalConstraint"] for each in matches} == {"STARTS_WITH"}
    paths = {each["searchString"] for each in matches}
    assert paths == {f"{stage}{path}" for stage in ("", "/live") for path in ("/t/", "/u/", "/hooks/")}
    assert not [path for path in paths if "/v1/contacts".startswith(path) or "/live/v1/contacts".startswith(path)]


def test_no_token_and_no_path_that_names_a_user_is_logged_or_kept(prod: Program) -> None:
    logging = prod.named(LOGGING).inputs
    assert logging["redactedFields"] == [
        {"uriPath": {}},
        {"queryString": {}},
        {"singleHeader": {"name": "authorization"}},
    ]
    assert logging["loggingFilter"]["defaultBehavior"] == "DROP"
    [group] = [each for each in prod.of("aws:cloudwatch/logGroup:LogGroup") if each.name == "firewall-log"]
    assert group.inputs["name"] == "aws-waf-logs-carillon-prod"
    assert group.inputs["kmsKeyId"].endswith(":messaging-key")
    visible = [prod.named(ACL).inputs, *rules(prod).values()]
    assert {each["visibilityConfig"]["sampledRequestsEnabled"] for each in visible} == {False}
