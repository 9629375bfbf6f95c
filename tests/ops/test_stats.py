"""`carillon stats` as an operator types it: what is refused, and what a table of figures shows."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from handlers.domain.stats.counting import Group
from ops.cli import app
from ops.commands import stats


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--group-by", "user"), "--group-by must be some of day, category, channel, provider, template"),
        (("--from", "yesterday"), "--from must be a day such as 2030-01-31"),
        (("--to", "2030-02-31"), "--to must be a day such as 2030-01-31"),
        (("--environment", "prod"), "say which app of prod: --app"),
        (("--app", "demo", "--from", "2030-02-01", "--to", "2030-01-31"), "--from: must not be after to"),
        (("--app", "demo", "--from", "2029-01-01", "--to", "2030-01-31"), "--from: must be so that"),
    ],
)
def test_what_cannot_be_asked_is_said(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.chdir(tmp_path)
    where = () if "--environment" in words else ("--environment", "dev")
    result = CliRunner().invoke(app, ["stats", *words, *where])
    assert result.exit_code == 1
    assert said in result.output


class Counted:
    """Figures of two providers."""

    def __init__(self, *_: Any) -> None:
        """Ask nobody."""

    def counters(self, app_key: str, first: str, last: str) -> dict[Group, Counter[str]]:
        ses = Counter(sent=8, opened=2, ever_sent=10, ever_opened=2, latency_44=10)
        return {
            Group(app_key, "2030-01-31", "payment", "email", "ses", ""): ses,
            Group(app_key, "2030-01-31", "payment", "email", "", ""): Counter(created=3),
        }


def test_a_table_has_a_row_of_each_group_and_one_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(stats, "DynamoStats", Counted)
    words = ("stats", "--app", "demo", "--environment", "dev", "--to", "2030-01-31", "--group-by", "category,provider")
    shown = CliRunner().invoke(app, words).stdout.splitlines()
    assert shown[0] == "2030-01-25 to 2030-01-31"
    assert [line.split()[:3] for line in shown[2:]] == [
        ["payment", "–", "3"],
        ["payment", "ses", "10"],
        ["all", "13", "10"],
    ]
    assert "20.0 %" in shown[3]
