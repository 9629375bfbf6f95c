import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from typer import Exit

from local import policy_formats, policy_report
from local.recording import run
from policies import environments
from policies.environments import Change
from policies.pack import ALL_RULES
from policies.rule import Level, Resource
from policies.values import UNKNOWN
from tests import programs
from tests.policy.good import GOOD, Planted, changed, named

# As Microsoft's npm package @microsoft/jest-sarif 1.0.0-beta.0 carries the schema of OASIS.
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
BAD = Planted("kms-rotation", "key", "enableKeyRotation", False).stack()


UNKNOWN_DAYS = [changed(each, "retentionInDays", UNKNOWN) if named(each) == "log" else each for each in GOOD]
LOOSENED = Change("prod", "kms-rotation", Level.ADVISORY, "The key <hsm> is rotated by hand.")
TIGHTENED = Change("prod", "kms-rotation", Level.MANDATORY, "Auditors ask for it here.")


@pytest.fixture
def loosened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "CHANGES", (LOOSENED,))


@pytest.mark.parametrize("stack", [GOOD, BAD, UNKNOWN_DAYS], ids=["good", "bad", "unknown"])
@pytest.mark.parametrize("changes", [(), (LOOSENED,), (TIGHTENED,)], ids=["as it is", "loosened", "tightened"])
def test_the_scan_keeps_to_the_schema_of_sarif(
    stack: Sequence[Resource], changes: tuple[Change, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "CHANGES", changes)
    results = policy_report.judge(stack, "prod", UNKNOWN_DAYS)
    jsonschema.validate(json.loads(policy_formats.sarif("prod", results)), SCHEMA)


def test_what_a_preview_leaves_open_stands_in_every_report_and_fails_none() -> None:
    results = policy_report.judge(GOOD, "prod", UNKNOWN_DAYS)
    assert policy_report.exit_code(results) == 0
    (run_,) = json.loads(policy_formats.sarif("prod", results))["runs"]
    (left,) = run_["results"]
    assert (left["ruleId"], left["kind"], left["level"]) == ("logs-retention", "open", "none")
    assert "retentionInDays" in left["message"]["text"]
    assert left["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].endswith("::log")
    assert "Not known in a first preview" in policy_formats.html("prod", results, len(GOOD))
    cases = ElementTree.fromstring(policy_formats.junit("prod", results)).iter("testcase")
    (said,) = (each.findtext("system-out") for each in cases if each.get("name") == "logs-retention")
    assert said
    assert said.startswith("not decided in a preview: retentionInDays of ")


def test_what_is_not_known_here_either_is_said_so() -> None:
    results = policy_report.judge(UNKNOWN_DAYS, "prod")
    (run_,) = json.loads(policy_formats.sarif("prod", results))["runs"]
    assert [each["message"]["text"] for each in run_["results"]] == ["retentionInDays is not known."]
    assert "<h2>Not decided</h2>" in policy_formats.html("prod", results, len(GOOD))
    assert "not decided: retentionInDays of " in policy_formats.junit("prod", results)


@pytest.mark.usefixtures("loosened")
def test_a_loosened_rule_stands_in_every_report_with_its_reason_and_fails_nothing() -> None:
    results = policy_report.judge(BAD, "prod")
    assert policy_report.exit_code(results) == 0
    (run_,) = json.loads(policy_formats.sarif("prod", results))["runs"]
    (override,) = run_["invocations"][0]["ruleConfigurationOverrides"]
    assert override["descriptor"]["id"] == "kms-rotation"
    assert override["configuration"] == {"level": "warning", "properties": {"reason": LOOSENED.reason}}
    assert [(each["level"], each["properties"]["reason"]) for each in run_["results"]] == [("warning", LOOSENED.reason)]
    page = policy_formats.html("prod", results, len(BAD))
    assert page.count("loosened to advisory: The key &lt;hsm&gt; is rotated by hand.") == 2
    suite = ElementTree.fromstring(policy_formats.junit("prod", results))
    assert suite[0].get("failures") == "0"
    assert "loosened to advisory: The key <hsm> is rotated by hand." in "".join(suite.itertext())


@pytest.mark.usefixtures("loosened")
def test_another_environment_is_as_strict_as_the_rule() -> None:
    results = policy_report.judge(BAD, "dev")
    assert policy_report.exit_code(results) == 1
    assert ElementTree.fromstring(policy_formats.junit("dev", results))[0].get("failures") == "1"


def test_a_tightened_rule_stops_what_an_advisory_one_lets_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    (rule,) = (each for each in ALL_RULES if each.name == "kms-rotation")
    monkeypatch.setitem(vars(rule), "level", Level.ADVISORY)
    assert policy_report.exit_code(policy_report.judge(BAD, "prod")) == 0
    monkeypatch.setattr(environments, "CHANGES", (TIGHTENED,))
    assert policy_report.exit_code(policy_report.judge(BAD, "prod")) == 1
    assert "tightened to mandatory: Auditors ask for it here." in policy_formats.html(
        "prod", policy_report.judge(BAD, "prod"), len(BAD)
    )


def test_a_case_of_junit_fails_by_a_mandatory_violation_with_what_and_where() -> None:
    suite = ElementTree.fromstring(policy_formats.junit("prod", policy_report.judge(BAD)))[0]
    assert (suite.get("tests"), suite.get("failures")) == (str(len(ALL_RULES)), "1")
    (failed,) = (each for each in suite if each.find("failure") is not None)
    assert failed.get("name") == "kms-rotation"
    assert "enableKeyRotation: the key is not rotated [" in (failed.findtext("failure") or "")


def test_the_scan_has_every_rule_and_each_violation() -> None:
    (run,) = json.loads(policy_formats.sarif("prod", policy_report.judge(BAD)))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.name for rule in ALL_RULES]
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "kms-rotation"
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].endswith("::key")


def test_a_mandatory_violation_fails_and_none_does_not() -> None:
    assert policy_report.exit_code(policy_report.judge(BAD)) == 1
    assert policy_report.exit_code(policy_report.judge(GOOD)) == 0


def test_the_page_shows_every_rule_and_escapes_what_it_shows() -> None:
    results = policy_report.judge(GOOD)
    results[0] = policy_formats.Result(
        results[0].area, results[0].rule, (policy_formats.Violated("urn:<i>", "<script>alert(1)</script>"),)
    )
    page = policy_formats.html("prod", results, len(GOOD))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for rule in ALL_RULES:
        assert f'id="{rule.name}"' in page


def test_the_command_writes_both_and_exits_by_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policy_report, "CACHE", tmp_path)
    monkeypatch.setattr(policy_report, "of_stack", programs.of_stack)
    monkeypatch.setattr(policy_report, "run", lambda stack, *, preview: programs.preview(stack))
    with pytest.raises(Exit) as ended:
        policy_report.main("prod")
    assert ended.value.exit_code == 0
    assert {path.name for path in (tmp_path / "policy").iterdir()} == {"prod.html", "prod.sarif", "prod.junit.xml"}
    said = capsys.readouterr().out
    assert "kms-rotation" in said
    assert "rules lack values in a first preview" in said
    assert "sns-encrypted: kmsMasterKeyId of Topic (1)" in said


def test_settings_that_are_refused_are_said_in_their_own_words_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policy_report, "of_stack", lambda stack: run(stack, {"carillon:alertEmail": "[]"}))
    with pytest.raises(Exit) as ended:
        policy_report.main("prod")
    assert ended.value.exit_code == 2
    assert capsys.readouterr().out.splitlines() == [
        "Pulumi.prod.yaml cannot be deployed:",
        "  carillon:alertEmail: is not a setting: did you mean alertEmails?",
    ]


def test_an_environment_that_is_none_is_refused() -> None:
    with pytest.raises(Exit) as ended:
        policy_report.main("nowhere")
    assert ended.value.exit_code == 2
