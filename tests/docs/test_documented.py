"""Nothing that a person configures, calls, reads or is woken by goes undocumented."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from handlers import config
from handlers.domain import problems
from ops import openapi, pages
from stacks.api.responses import METHOD_NOT_ALLOWED, RESPONSES
from stacks.api.routes import ROUTES
from stacks.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def settings_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every key of a stack's file, `api.throttleRate`, with `<channel>` for the names of a map."""
    for name, field in model.model_fields.items():
        if name == "environment":  # the stack's own name
            continue
        key = f"{prefix}{field.alias}"
        inner = models_in(field.annotation)
        if not inner or key in ("categories", "channels"):  # maps, which have rows of their own
            yield key
        for each in inner if key != "categories" else ():
            yield from settings_keys(each, f"{key}.<channel>." if key == "channels" else f"{key}.")


def models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def variables() -> set[str]:
    found = [
        each for each in vars(config).values() if isinstance(each, type) and issubclass(each, config.FromEnvironment)
    ]
    return {f"CARILLON_{name.upper()}" for model in found for name in model.model_fields}


def problem_slugs() -> set[str]:
    ours = {each.slug for each in vars(problems).values() if isinstance(each, type) and hasattr(each, "slug")}
    gateway = {
        slug
        for response in (*RESPONSES, METHOD_NOT_ALLOWED)
        for slug in re.findall(r"urn:carillon:problem:([a-z-]+)", response.template)
    }
    return ours | gateway


@pytest.mark.parametrize("key", list(settings_keys()))
def test_every_setting_is_in_the_configuration_page(key: str) -> None:
    rows = (DOCS / "configuration.md").read_text()
    assert rows.count(f"`{key}`"), f"docs/configuration.md has no row of {key}"


def test_every_variable_of_a_function_is_in_the_configuration_page_and_no_other() -> None:
    documented = set(re.findall(r"`(CARILLON_[A-Z_]+)`", (DOCS / "configuration.md").read_text()))
    of_this_machine = {"CARILLON_EMULATOR_PORT", "CARILLON_INBOX_PORT"}
    assert documented - of_this_machine == variables()


def test_every_problem_is_in_the_errors_page_and_no_other() -> None:
    documented = set(re.findall(r"`urn:carillon:problem:([a-z-]+)`", (DOCS / "errors.md").read_text()))
    assert documented == problem_slugs()


@pytest.mark.parametrize("table", sorted(pages.TABLES))
def test_a_table_that_follows_from_a_registry_is_as_the_registry_has_it(table: str) -> None:
    page, _ = pages.TABLES[table]
    assert page.read_text() == pages.written(table), "run `.venv/bin/python -m ops.pages`"


def test_the_openapi_document_is_what_the_functions_say_of_themselves() -> None:
    assert openapi.DOCUMENT.read_text() == openapi.text(), "run `.venv/bin/python -m ops.openapi`"


def test_the_openapi_document_has_exactly_the_routes_of_the_api() -> None:
    documented = {(m.upper(), path) for path, methods in openapi.document()["paths"].items() for m in methods}
    routes = {(route.method, route.path) for route in ROUTES}
    assert documented - routes == set(), "a function answers these, and stacks/api/routes.py has no line of them"
    assert routes - documented == set(), "stacks/api/routes.py has these lines, and no function answers them"
