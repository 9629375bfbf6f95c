"""The quick part of `make chaos`: the death of who accepts a mail, and of who sends it, at each of its calls."""

from collections.abc import Iterator

import pytest

from local.paths import ROOT
from local.platform import Platform
from tests.chaos import flows, matrix
from tests.chaos.commands import verdict, why
from tests.chaos.faults import Fault, Kind
from tests.chaos.flows import World
from tests.chaos.stage import stage


@pytest.fixture
def world(platform: Platform) -> Iterator[World]:
    with stage(platform) as standing:
        yield flows.world(standing)


def test_every_flow_is_in_the_page_of_failure_modes() -> None:
    page = (ROOT / "docs" / "failure-modes.md").read_text()
    assert [flow.name for flow in (*flows.FLOWS, *flows.EVENTS) if f"`{flow.name}`" not in page] == []


def test_who_dies_at_any_call_of_a_mail_loses_none_and_sends_twice_only_where_it_is_known(world: World) -> None:
    scenarios = matrix.every(world, flows.QUICK, [Kind.KILLED_AFTER], step=lambda _: None)
    verdicts = [matrix.run(world, each) for each in scenarios]
    assert [f"{each.scenario.name}: {why(each)}" for each in verdicts if not each.is_good] == []
    assert verdict(verdicts).startswith(
        f"{len(scenarios)} scenarios, {len(scenarios)} deliveries, lost 0, duplicates 1 "
    )
    # Between the provider's acceptance and the write of `sent`: the one window, and the log has it as unknown.
    [twice] = [each for each in verdicts if each.duplicates]
    assert twice.scenario.fault == Fault(Kind.KILLED_AFTER, "sesv2:SendEmail", 1)
    assert twice.windows == 1
