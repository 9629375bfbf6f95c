"""The real program of every environment keeps to the real policy pack: dev and prod are deployed by no other test."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from local.engine.analyzer import PolicyPackProcess, Violation
from local.policy_formats import Result
from local.policy_report import analyzed, judge, seen_by_rules
from local.recording import ROOT, Program, Registered
from policies import undecided
from policies.environments import CHANGES
from policies.pack import ALL_RULES
from policies.rule import Level, Resource
from tests.infrastructure.otherwise import otherwise
from tests.programs import of_stack

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
QUEUE = "aws:sqs/queue:Queue"
TABLE = "aws:dynamodb/table:Table"


def violations(pack: PolicyPackProcess, program: Program) -> list[Violation]:
    resources = [analyzed(resource) for resource in program.resources]
    alone = [violation for resource in resources for violation in pack.analyze(resource)]
    return alone + pack.analyze_stack(resources)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_no_environment_violates_a_policy(stack: str) -> None:
    """Over the protocol, with the pack as it is for the environment; the platform's start does so with `local`."""
    with PolicyPackProcess.start(ROOT / "policies", stack) as pack:
        found = violations(pack, of_stack(stack))
    assert [each for each in found if each.mandatory] == []
    assert {each.policy for each in found} == {
        each.rule for each in CHANGES if each.environment == stack and each.loosens
    }


def test_what_a_stack_may_ask_for_besides_violates_no_policy_either() -> None:
    asked_for = otherwise("prod")
    assert asked_for.of("aws:budgets/budget:Budget")
    assert [each.rule.name for each in judge(seen_by_rules(asked_for), "prod") if is_broken(each)] == []


def test_the_program_has_what_the_policies_are_about(deployed: Program) -> None:
    assert len(deployed.of(TABLE)) == 10
    assert len(deployed.of(QUEUE)) >= 2


def is_broken(result: Result) -> bool:
    return bool(result.violations) and result.level is Level.MANDATORY


Spoil = Callable[[Registered], Registered | None]


def without(sid: str) -> Spoil:
    """Take a statement out of every policy."""

    def spoil(each: Registered) -> Registered:
        if not isinstance(each.inputs.get("policy"), str):
            return each
        document = json.loads(each.inputs["policy"])
        kept = [statement for statement in document["Statement"] if statement["Sid"] != sid]
        return replace(each, inputs={**each.inputs, "policy": json.dumps({**document, "Statement": kept})})

    return spoil


def without_type(type_: str, **inputs: str) -> Spoil:
    """Take away resources of a type."""
    return lambda each: None if each.type == type_ and inputs.items() <= each.inputs.items() else each


def without_input(type_: str, name: str) -> Spoil:
    """Take an input from every resource of a type."""
    return lambda each: replace(each, inputs={**each.inputs, name: None}) if each.type == type_ else each


SPOILS = [
    (without_input(QUEUE, "redrivePolicy"), "sqs-dead-letter-queue"),
    (without("LetRulesReachTheQueues"), "kms-services-may-use"),
    (without("LetTheBusEncrypt"), "kms-services-may-use"),
    (without("LetAlarmsReachTheTopic"), "kms-services-may-use"),
    (without("LetLogsEncrypt"), "kms-services-may-use"),
    (without("UseMessagingKey"), "iam-data-with-their-key"),
    (without("UseSecretsKey"), "iam-data-with-their-key"),
    (without("LetTheRuleSend"), "sqs-rules-may-send"),
    (without_type(ALARM, metricName="ApproximateAgeOfOldestMessage"), "alarm-for-every-queue"),
]


def spoiled(program: Program, *spoils: Spoil) -> list[Resource]:
    """Return what rules see of a program of which something is spoiled."""
    kept: list[Registered] = program.resources
    for spoil in spoils:
        kept = [each for before in kept if (each := spoil(before))]
    return seen_by_rules(Program(kept, program.outputs))


@pytest.mark.parametrize(("spoil", "policy"), SPOILS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_aws_alone_would_refuse_is_found_in_the_real_program(spoil: Spoil, policy: str, prod: Program) -> None:
    (rule,) = (each for each in ALL_RULES if each.name == policy)
    assert undecided.judge(rule, spoiled(prod, spoil)).findings


def test_all_that_aws_alone_would_refuse_is_found_by_the_rules_that_are_about_it_alone(prod: Program) -> None:
    results = judge(spoiled(prod, *(spoil for spoil, _ in SPOILS)), "prod")
    assert {each.rule.name for each in results if is_broken(each)} == {policy for _, policy in SPOILS}
