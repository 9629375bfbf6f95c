import json
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest
from typer import Exit

from local import policy_formats, policy_report
from policies.pack import ALL_RULES
from policies.rule import Resource
from tests.policy.good import GOOD, Planted

# As Microsoft's npm package @microsoft/jest-sarif 1.0.0-beta.0 carries the schema of OASIS.
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
BAD = Planted("kms-rotation", "key", "enableKeyRotation", False).stack()


@pytest.mark.parametrize("stack", [GOOD, BAD], ids=["good", "bad"])
def test_the_scan_keeps_to_the_schema_of_sarif(stack: Sequence[Resource]) -> None:
    jsonschema.validate(json.loads(policy_formats.sarif("prod", policy_report.judge(stack))), SCHEMA)


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
    with pytest.raises(Exit) as ended:
        policy_report.main("prod")
    assert ended.value.exit_code == 0
    assert {path.name for path in (tmp_path / "policy").iterdir()} == {"prod.html", "prod.sarif"}
    assert "kms-rotation" in capsys.readouterr().out


def test_an_environment_that_is_none_is_refused() -> None:
    with pytest.raises(Exit) as ended:
        policy_report.main("nowhere")
    assert ended.value.exit_code == 2
