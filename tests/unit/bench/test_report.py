"""What a run leaves behind, and that people are told what it measures."""

from pathlib import Path

import pytest

from bench import report
from bench.__main__ import PARTS
from bench.results import Line, Part

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_part_is_explained_in_the_page_and_can_be_run_alone(part: str) -> None:
    assert f"`{part}`" in (ROOT / "docs" / "performance.md").read_text()


def test_the_page_of_a_run_has_every_line_with_its_target_and_whether_it_is_met() -> None:
    lines = [Line("POST → 202", 1.5, "×", at_most=1.6), Line("Rate", 0.3, at_least=0.55), Line("Memory", 81.26, "MB")]
    page = report.page({"floor": Part("The floor", lines)}, {"cores": 2})
    assert "Written by `make bench`: cores 2." in page
    assert "| POST → 202 | 1.50 × | ≤ 1.6 | yes |\n| Rate | 0.30 | ≥ 0.55 | no |\n| Memory | 81.3 MB |  |  |" in page


def test_the_report_has_for_each_line_what_a_program_would_compute_again() -> None:
    part = Part("The floor", [Line("POST → 202", 1.5, "×", at_most=1.6)], {"ours": [1, 2]})
    [line] = part.as_json()["lines"]
    assert (line["value"], line["at_most"], line["met"]) == (1.5, 1.6, True)
