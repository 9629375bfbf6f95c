"""The page about cost names every profile and option of `carillon cost`, and no other; every price has its source."""

import re
from pathlib import Path

import typer

from ops.cli import app
from ops.cost import prices, profiles
from ops.cost.command import draw

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "cost.md").read_text()


def options() -> set[str]:
    command = typer.main.get_command(app).commands["cost"]  # type: ignore[attr-defined]  # a group
    return {name for each in command.params for name in each.opts}


def first_cells() -> list[str]:
    return re.findall(r"^\| (`[^|]*`) \|", PAGE, re.MULTILINE)


def test_every_option_is_described_and_no_other() -> None:
    assert set(re.findall(r"`(--[a-z-]+)`", " ".join(first_cells()))) == options() - {"--help"}


def test_every_profile_is_described_and_no_other() -> None:
    named = {name for cell in first_cells() for name in re.findall(r"`([a-z]+)`", cell)}
    assert named == set(profiles.load().profiles)


def test_the_page_has_the_date_of_the_prices() -> None:
    assert f"dated {prices.load().dated}" in PAGE


def test_every_price_names_the_sellers_own_page() -> None:
    listed = prices.load()
    assert all(each.source.host == "aws.amazon.com" for each in listed.aws.values())
    assert all(each.source.scheme == "https" for each in listed.providers.values())


def test_the_picture_is_of_what_is_measured_now() -> None:
    assert (DOCS / "cost.svg").read_text() == draw(), "run `.venv/bin/carillon cost --picture docs/cost.svg`"
