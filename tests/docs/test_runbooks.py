"""Whoever is woken by an alarm or an alert has a runbook, and is told where it is."""

import re
from functools import cache
from pathlib import Path

import pytest

from handlers.domain.alerts import RUNBOOKS as OF_ALERTS
from handlers.domain.alerts import Cause
from local import recording as program
from stacks.compute.functions import specs
from stacks.data.tables import SPECS
from stacks.monitoring.queries import QUERIES
from stacks.naming import Naming
from stacks.settings import AlarmSettings, load
from tests import programs
from tests.infrastructure.test_settings import configured

COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "Look first", "Mend", "When it is over"]


@cache
def runbooks(stack: str) -> dict[str, Path]:
    """The runbook that each alarm of a stack names. Not at import: each of pytest's workers would run the program."""
    made = programs.of_stack(stack)
    metric = [(each.inputs["name"], each.inputs) for each in made.of("aws:cloudwatch/metricAlarm:MetricAlarm")]
    composite = [(each.inputs["alarmName"], each.inputs) for each in made.of(COMPOSITE)]
    return {name: runbook_named_in(name, inputs["alarmDescription"]) for name, inputs in (*metric, *composite)}


def runbook_named_in(alarm: str, description: str) -> Path:
    named = re.search(r"docs/runbooks/([a-z-]+)\.md", description)
    assert named, f"the description of {alarm} names no runbook"
    return RUNBOOKS / f"{named[1]}.md"


@cache
def families(stack: str) -> dict[str, list[str]]:
    """What alarms of a stack there is one of for each of."""
    settings = load(stack, configured(stack))
    return {
        "<channel>": list(settings.channels),
        "<function>": list(specs(settings, Naming(stack, program.REGION, program.ACCOUNT))),
        "<table>": [table.name for table in SPECS],
    }


@cache
def alarms_of(runbook: Path, stack: str) -> set[str]:
    """The alarms of a stack that a runbook says it is for: "Alarm `carillon-<environment>-<channel>-late`: …"."""
    named = re.findall(r"^Alarm `(carillon-<environment>-[^`]+)`:", runbook.read_text(), re.MULTILINE)
    for placeholder, values in families(stack).items():
        named = [each.replace(placeholder, value) for each in named for value in values]
    return {each.replace("<environment>", stack) for each in named}


@pytest.mark.parametrize("stack", program.STACKS)
def test_every_alarm_names_a_runbook_that_is_there_and_is_about_it(stack: str) -> None:
    for alarm, runbook in runbooks(stack).items():
        assert runbook.is_file(), f"{alarm} has no runbook: write docs/runbooks/{runbook.name}"
        assert alarm in alarms_of(runbook, stack), f"{runbook.name} does not say that it is for {alarm}"


@pytest.mark.parametrize("stack", program.STACKS)
def test_every_alarm_that_a_runbook_is_for_is_there_on_each_channel(stack: str) -> None:
    meant = {alarm for runbook in RUNBOOKS.iterdir() for alarm in alarms_of(runbook, stack)}
    assert meant == runbooks(stack).keys()


@pytest.mark.parametrize("cause", sorted(Cause))
def test_every_alert_names_a_runbook_that_is_there_and_is_about_it(cause: Cause) -> None:
    assert f"Alert `{cause}` of a channel" in (ROOT / OF_ALERTS[cause]).read_text()


def test_every_runbook_is_some_alarms_or_alerts() -> None:
    of_alarms = {runbook for stack in program.STACKS for runbook in runbooks(stack).values()}
    assert set(RUNBOOKS.iterdir()) == of_alarms | {ROOT / each for each in OF_ALERTS.values()}


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.iterdir()), ids=lambda each: each.stem)
def test_a_runbook_says_what_it_means_what_to_look_at_how_to_mend_and_when_it_is_over(runbook: Path) -> None:
    """And how to redrive, between the last two, where deliveries may be left behind."""
    headings = re.findall(r"^## (.+)$", runbook.read_text(), re.MULTILINE)
    assert headings in (SECTIONS, [*SECTIONS[:-1], "Redrive", SECTIONS[-1]])


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.iterdir()), ids=lambda each: each.stem)
def test_a_saved_query_that_a_runbook_names_is_there(runbook: Path) -> None:
    named = set(re.findall(r"`carillon-<environment>/([^`]+)`", runbook.read_text()))
    assert named <= {query.name for query in QUERIES}


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.iterdir()), ids=lambda each: each.stem)
def test_a_setting_of_alarms_that_a_runbook_names_is_there(runbook: Path) -> None:
    named = set(re.findall(r"`alarms\.(\w+)`", runbook.read_text()))
    assert named <= {field.alias for field in AlarmSettings.model_fields.values()}


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.iterdir()), ids=lambda each: each.stem)
def test_the_links_of_a_runbook_lead_somewhere(runbook: Path) -> None:
    for page, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", runbook.read_text()):
        headings = re.findall(r"^#+ (.+)$", (runbook.parent / page).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, f"{page} has no section {anchor}"
