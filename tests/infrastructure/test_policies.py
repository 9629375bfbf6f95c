"""The real program of every environment keeps to the real policy pack: dev and prod are deployed by no other test."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.engine.analyzer import PolicyPackProcess, Violation
from local.policy_report import analyzed
from local.recording import ROOT, Program

QUEUE = "aws:sqs/queue:Queue"
TABLE = "aws:dynamodb/table:Table"


@pytest.fixture(scope="module")
def pack() -> Iterator[PolicyPackProcess]:
    with PolicyPackProcess.start(ROOT / "policies") as running:
        yield running


def violations(pack: PolicyPackProcess, program: Program) -> list[Violation]:
    resources = [analyzed(resource) for resource in program.resources]
    alone = [violation for resource in resources for violation in pack.analyze(resource)]
    return alone + pack.analyze_stack(resources)


def test_no_environment_violates_a_policy(deployed: Program, pack: PolicyPackProcess) -> None:
    assert violations(pack, deployed) == []


def test_the_program_has_what_the_policies_are_about(deployed: Program) -> None:
    assert len(deployed.of(TABLE)) == 5
    assert len(deployed.of(QUEUE)) >= 2


def test_a_queue_that_loses_its_redrive_policy_is_found(deployed: Program, pack: PolicyPackProcess) -> None:
    kept = [
        replace(each, inputs={**each.inputs, "redrivePolicy": None}) if each.type == QUEUE else each
        for each in deployed.resources
    ]
    found = violations(pack, Program(kept, deployed.outputs))
    assert {violation.policy for violation in found} == {"sqs-dead-letter-queue"}
