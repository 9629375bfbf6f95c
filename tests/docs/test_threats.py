"""The threat model names, for each threat, a test that there is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|\n ").split("|")]
    for line in (ROOT / "docs" / "threats.md").read_text().splitlines()
    if re.match(r"\| [STRIDE] \|", line)
]


def test_every_threat_has_its_control_and_a_test_that_there_is() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", source))
    named = {test for *_, tests in ROWS for test in re.findall(r"`(test_\w+)`", tests)}
    assert all(len(row) == 4 and row[2] and "`test_" in row[3] for row in ROWS)
    assert named - there == set()


def test_every_kind_of_threat_is_thought_of() -> None:
    assert {row[0] for row in ROWS} == set("STRIDE")
