"""A rule can be more or less strict in an environment, over the protocol too; a reason is given, and needed."""

from pathlib import Path

import pytest

from local.engine.analyzer import AnalyzedResource, Level, PolicyPackProcess
from local.policy_report import seen_by_rules
from local.recording import STACKS
from policies import environments, undecided
from policies.pack import ALL_RULES
from tests.programs import of_stack

KEY = AnalyzedResource(
    "aws:kms/key:Key",
    "urn:pulumi:prod::carillon::aws:kms/key:Key::key",
    "key",
    {"enableKeyRotation": False, "deletionWindowInDays": 1, "policy": "{}"},
)
PACK = """
import os
from pulumi_policy import PolicyPack
from policies import environments, undecided
from policies.pack import policies_for
from policies.rule import Level
environments.CHANGES = (
    environments.Change("prod", "kms-rotation", Level.ADVISORY, "It is rotated by hand."),
)
PolicyPack("carillon", policies_for(os.environ.get("PULUMI_STACK", "")))
"""
ROOT = Path(__file__).resolve().parents[2]


def test_each_change_is_of_a_rule_and_an_environment_that_there_is_and_changes_something() -> None:
    levels = {rule.name: rule.level for rule in ALL_RULES}
    for change in environments.CHANGES:
        assert change.environment in STACKS
        assert change.level is not levels[change.rule]
        assert change.reason.endswith("."), f"{change.rule}: {change.reason!r} is not a sentence"
    places = [(change.environment, change.rule) for change in environments.CHANGES]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("change", environments.CHANGES, ids=lambda change: f"{change.environment}-{change.rule}")
def test_a_rule_is_loosened_only_while_something_violates_it(change: environments.Change) -> None:
    (rule,) = (each for each in ALL_RULES if each.name == change.rule)
    found = undecided.judge(rule, seen_by_rules(of_stack(change.environment))).findings
    assert found or not change.loosens, "nothing violates it any more: take it out of CHANGES"


@pytest.mark.parametrize(
    ("stack", "level"), [("prod", Level.ADVISORY), ("dev", Level.MANDATORY), ("", Level.MANDATORY)]
)
def test_the_pack_keeps_to_the_level_of_the_environment(
    stack: str, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "__main__.py").write_text(PACK)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with PolicyPackProcess.start(tmp_path, stack) as pack:
        found = {violation.policy: violation for violation in pack.analyze(KEY)}
    assert found["kms-rotation"].level is level
    assert found["kms-deletion-window"].level is Level.MANDATORY
    assert ("In prod this is advisory: It is rotated by hand." in found["kms-rotation"].message) == (stack == "prod")
