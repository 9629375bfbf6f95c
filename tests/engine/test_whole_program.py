from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import emulator
from local.engine.deployment import Deployment, Operation, deploy, preview
from local.engine.emulator import Emulator
from local.engine.no_local_meaning import NO_LOCAL_MEANING
from tests.engine.programs import Recorder


@dataclass(frozen=True)
class Deployed:
    """The real program on an emulator of its own, and what its first deployment did."""

    emulator: Emulator
    state_path: Path
    first: Deployment

    @property
    def arguments(self) -> dict[str, Any]:
        return {"stack": "local", "emulator": self.emulator, "state_path": self.state_path, "progress": Recorder()}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    directory = tmp_path_factory.mktemp("whole")
    with emulator.running(directory) as running:
        state_path = directory / "state.json"
        first = deploy(stack="local", emulator=running, config={}, state_path=state_path, progress=Recorder())
        yield Deployed(running, state_path, first)


def test_everything_is_created_and_nothing_violates_a_policy(deployed: Deployed) -> None:
    assert {step.operation for step in deployed.first.steps} == {Operation.CREATE}
    assert deployed.first.violations == ()


def test_the_table_of_what_has_no_local_meaning_is_exactly_what_the_program_needs(deployed: Deployed) -> None:
    listed = {(kind, path) for kind, paths in NO_LOCAL_MEANING.items() for path in paths}
    assert deployed.first.unused == listed


def test_a_second_deployment_changes_nothing_zips_included(deployed: Deployed) -> None:
    second = deploy(config={}, **deployed.arguments)
    assert {step.operation for step in second.steps} == {Operation.SAME}
    assert {step.urn for step in second.steps} == {step.urn for step in deployed.first.steps}
    assert second.outputs == deployed.first.outputs


def test_a_changed_setting_is_previewed_as_just_the_properties_it_changes(deployed: Deployed) -> None:
    previewed = preview(config={"logRetentionDays": 30}, **deployed.arguments)
    changes = {(step.type, step.operation, step.changed) for step in previewed.steps}
    assert {change for change in changes if change[1] is not Operation.SAME} == {
        ("aws:cloudwatch/logGroup:LogGroup", Operation.UPDATE, ("retentionInDays",))
    }
