"""Whoever is woken by an alarm has a runbook, and the alarm says where it is."""

import re
from pathlib import Path

import pytest

from local import recording as program

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "Look first", "Mend", "Redrive"]

ALARMS = {
    alarm.inputs["name"]: alarm.inputs["alarmDescription"]
    for stack in program.STACKS
    for alarm in program.of_stack(stack).of("aws:cloudwatch/metricAlarm:MetricAlarm")
}


def runbook_of(alarm: str) -> Path:
    named = re.search(r"docs/runbooks/([a-z-]+)\.md", ALARMS[alarm])
    assert named, f"the description of {alarm} names no runbook"
    return RUNBOOKS / f"{named[1]}.md"


@pytest.mark.parametrize("alarm", sorted(ALARMS))
def test_every_alarm_names_a_runbook_that_is_there_and_is_about_it(alarm: str) -> None:
    runbook = runbook_of(alarm)
    assert runbook.is_file()
    assert alarm.endswith(f"-{runbook.stem}")
    whose = "<channel>-" if alarm.count("-") > f"carillon-local-{runbook.stem}".count("-") else ""
    assert f"`carillon-<environment>-{whose}{runbook.stem}`" in runbook.read_text()


def test_every_runbook_is_some_alarms() -> None:
    assert set(RUNBOOKS.iterdir()) == {runbook_of(alarm) for alarm in ALARMS}


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.iterdir()), ids=lambda each: each.stem)
def test_a_runbook_says_what_it_means_what_to_look_at_how_to_mend_and_how_to_redrive(runbook: Path) -> None:
    assert re.findall(r"^## (.+)$", runbook.read_text(), re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.iterdir()), ids=lambda each: each.stem)
def test_the_links_of_a_runbook_lead_somewhere(runbook: Path) -> None:
    for page, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", runbook.read_text()):
        headings = re.findall(r"^#+ (.+)$", (runbook.parent / page).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, f"{page} has no section {anchor}"
