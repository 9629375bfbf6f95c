"""`carillon cost` as an engineer types it, on what is committed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app


def carillon(*words: str) -> Result:
    return CliRunner().invoke(app, ["cost", *words])


def test_it_shows_prices_floor_choices_months_fees_and_targets() -> None:
    said = carillon()
    assert said.exit_code == 0
    for part in (
        "API Gateway",
        "least AWS would charge",
        "statistics besides",
        "each choice costs",
        "KMS keys",
        "sendgrid",
        "met",
    ):
        assert part in said.stdout


def test_two_profiles_are_compared() -> None:
    assert "difference" in carillon("--profile", "templated", "--profile", "inline").stdout
    assert "difference" not in carillon("--profile", "templated").stdout


def test_a_run_is_compared_with_an_earlier_one(tmp_path: Path) -> None:
    earlier = tmp_path / "before.json"
    said = json.loads(carillon("--profile", "inline", "--json").stdout)
    said["profiles"]["inline"]["lines"]["SQS"] += 1
    earlier.write_text(json.dumps(said))
    [change] = [
        line
        for line in carillon("--profile", "inline", "--against", str(earlier)).stdout.splitlines()
        if "-1.00" in line
    ]
    assert change.startswith("SQS")


def test_over_the_budget_is_exit_code_1_and_names_the_services() -> None:
    refused = carillon("--quiet", "--budget", "inline=1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "inline" in refused.stderr
    assert "API Gateway 3.50" in refused.stderr
    assert "templated" not in refused.stderr
    assert carillon("--quiet", "--budget", "1000").exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--profile", "none"), "there is no profile none; there are templated"),
        (("--stack", "none"), "the stack none was not read; there are dev, prod"),
        (("--recipients", "101"), "recipients 101"),
        (("--budget", "none=1"), "none is not shown"),
        (("--budget", "much"), "much is no number of US dollars"),
        (("--against", "/nowhere.json"), "/nowhere.json is no report of `carillon cost --json`"),
    ],
    ids=["profile", "stack", "recipients", "budget", "number", "against"],
)
def test_what_cannot_be_reckoned_is_one_clear_error(words: tuple[str, ...], told: str) -> None:
    refused = carillon(*words)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: ")
    assert told in refused.stderr


@pytest.mark.parametrize("channel", ["chat", "email", "push", "sms"])
def test_every_channel_and_size_has_a_price_and_a_picture(channel: str, tmp_path: Path) -> None:
    picture = tmp_path / "cost.svg"
    said = carillon("--channel", channel, "--recipients", "7", "--batch", "3", "--picture", str(picture), "--json")
    assert all(each["total"] > each["least"] > 0 for each in json.loads(said.stdout)["profiles"].values())
    assert picture.read_text().startswith("<svg")
