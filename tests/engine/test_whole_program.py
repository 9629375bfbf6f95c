"""The real program, deployed by the engine: what the platform's own start did."""

from local.engine.deployment import Operation, preview
from local.engine.no_local_meaning import NO_LOCAL_MEANING, NOT_MADE_HERE
from local.platform import STACK, Platform, configuration
from policies.environments import CHANGES
from tests.engine.programs import Recorder


def test_everything_is_created_and_nothing_violates_a_policy(platform: Platform) -> None:
    assert {step.operation for step in platform.deployment.steps} == {Operation.CREATE}
    assert [each for each in platform.deployment.violations if each.mandatory] == []
    loosened = {each.rule for each in CHANGES if each.environment == STACK and each.loosens}
    assert {each.policy for each in platform.deployment.violations} == loosened


def test_the_table_of_what_has_no_local_meaning_is_exactly_what_the_program_needs(platform: Platform) -> None:
    listed = {(kind, path) for kind, paths in NO_LOCAL_MEANING.items() for path in paths}
    assert platform.deployment.unused == listed


def test_the_table_of_what_is_not_made_here_is_exactly_what_the_program_needs(platform: Platform) -> None:
    assert NOT_MADE_HERE.keys() == {step.type for step in platform.deployment.steps} & NOT_MADE_HERE.keys()


def test_a_second_deployment_would_change_just_what_a_changed_setting_is_about(platform: Platform) -> None:
    second = preview(
        stack=STACK,
        emulator=platform.emulator,
        config={**configuration(platform.local.inbox_url), "logRetentionDays": 30},
        state_path=platform.directory / "run" / "state.json",
        progress=Recorder(),
    )
    assert {step.urn for step in second.steps} == {step.urn for step in platform.deployment.steps}
    assert {(each.type, each.changed) for each in second.steps if each.operation is not Operation.SAME} == {
        ("aws:cloudwatch/logGroup:LogGroup", ("retentionInDays",))
    }
    assert second.outputs == platform.outputs
