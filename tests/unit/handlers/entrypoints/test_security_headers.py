"""Every answer of every route has the security headers, whatever comes of the request."""

import base64
import hashlib
import importlib
import re
from typing import Any

import pytest
from botocore.client import BaseClient

from handlers.config import Brand, Look
from handlers.domain.security_headers import SECURITY_HEADERS
from handlers.entrypoints import http
from handlers.entrypoints.pages import Pages
from stacks.api.routes import ROUTES, Route
from tests.unit.handlers.entrypoints.gateway import Answer, call


@pytest.fixture
def _aws_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(BaseClient, "_make_api_call", fail)


def ask(route: Route, body: Any) -> Answer:
    """Call the route's function; what it says is not looked at."""
    handler = importlib.import_module(f"handlers.entrypoints.{route.function}").handler
    path = re.sub(r"\{[^}]+\}", "email", route.path)
    return call(lambda *given: handler(*given) | {"body": ""}, route.method, path, body, resource=route.path)


@pytest.mark.usefixtures("_aws_is_out")
@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.identifier)
@pytest.mark.parametrize("body", [None, "{}", "[", "x" * (http.MAX_BODY_BYTES + 1)], ids=["none", "{}", "[", "large"])
def test_every_answer_of_every_route_has_them(route: Route, body: Any) -> None:
    answer = ask(route, body)
    assert answer.status >= 200
    for name, value in SECURITY_HEADERS.items():
        if name != "Content-Security-Policy":
            assert answer.headers[name] == value
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert len({name.lower() for name in answer.headers}) == len(answer.headers)


@pytest.mark.parametrize("colour", ["#2457c5", "#ffe000"])
def test_a_page_applies_its_own_style_and_no_other(colour: str) -> None:
    pages = Pages({}, ("email",), Look(brand=Brand(name="Shop", colour=colour)))
    page = pages.problem("en", "failed", "failed_why")
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in pages.headers["Content-Security-Policy"]
    assert " style=" not in page
    assert "<script" not in page
