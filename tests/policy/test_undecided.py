"""Each rule says what it could not decide, and decides it when it runs again on values that are known."""

import pytest

from local.policy_report import seen_by_rules, seen_in_a_preview
from policies import undecided
from policies.pack import ALL_RULES
from policies.rule import Rule
from policies.undecided import Undecided
from policies.values import UNKNOWN, Value
from tests.policy.good import GOOD, Planted, changed, named
from tests.policy.planted import PLANTED
from tests.programs import of_stack, preview


def has(value: Value, path: str) -> bool:
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return False
    return True


def spoilt(planted: Planted) -> bool:
    """Whether it is a value of the good stack that is spoilt, and not something added or taken away."""
    return bool(planted.path) and any(
        named(each) == planted.name and has(each.properties, planted.path) for each in GOOD
    )


@pytest.mark.parametrize("planted", [*filter(spoilt, PLANTED)], ids=lambda planted: planted.rule)
def test_a_value_that_a_rule_would_catch_is_said_to_be_undecided_while_it_is_not_known(planted: Planted) -> None:
    (rule,) = (each for each in ALL_RULES if each.name == planted.rule)
    preview = [changed(each, planted.path, UNKNOWN) if named(each) == planted.name else each for each in GOOD]
    judgement = undecided.judge(rule, preview)
    assert judgement.findings == ()
    assert (planted.name, planted.path) in {(each.urn.rpartition("::")[2], each.path) for each in judgement.undecided}
    assert f"{planted.path} of {planted.name}" in judgement.reason

    again = undecided.judge(rule, planted.stack())
    assert again.findings
    assert again.undecided == ()


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_with_every_value_known_nothing_is_undecided(rule: Rule) -> None:
    assert undecided.judge(rule, GOOD) == undecided.Judgement((), ())


def test_what_a_rule_holds_against_a_resource_is_decided_whatever_else_is_not_known() -> None:
    (rule,) = (each for each in ALL_RULES if each.name == "dynamodb-customer-managed-key")
    (table,) = (each for each in GOOD if named(each) == "limits")
    half = changed(changed(table, "serverSideEncryption.enabled", False), "replicas.0.kmsKeyArn", UNKNOWN)
    judgement = undecided.judge(rule, [half])
    assert [each.urn for each in judgement.findings] == [table.urn]
    assert judgement.undecided == ()


def test_a_value_that_is_no_policy_leaves_no_rule_about_policies_undecided() -> None:
    (rule,) = (each for each in ALL_RULES if each.name == "iam-no-wildcard-actions")
    (worker,) = (each for each in GOOD if named(each) == "worker")
    (role_policy,) = (each for each in GOOD if named(each) == "role-policy")
    assert undecided.judge(rule, [changed(worker, "role", UNKNOWN)]).undecided == ()
    (left,) = undecided.judge(rule, [changed(role_policy, "policy", UNKNOWN)]).undecided
    assert left == Undecided(role_policy.urn, "policy")


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_first_preview_of_each_environment_leaves_open_what_the_update_decides_and_accuses_nobody(stack: str) -> None:
    updated, previewed = seen_by_rules(of_stack(stack)), seen_in_a_preview(preview(stack))
    decided = {rule.name: undecided.judge(rule, updated) for rule in ALL_RULES}
    first = {rule.name: undecided.judge(rule, previewed) for rule in ALL_RULES}
    assert any(each.undecided for each in first.values())
    assert [name for name, each in decided.items() if each.undecided] == []
    for name, each in first.items():
        assert {found.urn for found in each.findings} <= {found.urn for found in decided[name].findings}, name
