"""An app is answered 429 when it calls more often than it may, whatever it calls, before anything else is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.domain.callers import Rate
from handlers.entrypoints.http import create_app, lambda_handler
from tests.unit.handlers.entrypoints.gateway import Answer, call

# As API Gateway hands on what the authorizer says.
FIVE_A_SECOND = {"rate": "5", "burst": "10"}


@dataclass
class Rates:
    """AppRates that says what it is told to."""

    waits: timedelta | None = None
    asked: list[tuple[str, Rate]] = field(default_factory=list)

    def wait(self, app_key: str, rate: Rate, now: datetime) -> timedelta | None:
        self.asked.append((app_key, rate))
        return self.waits


@pytest.fixture
def rates() -> Rates:
    return Rates()


@pytest.fixture
def get(rates: Rates) -> Callable[..., Answer]:
    app = create_app(rates=rates)

    @app.get("/v1/thing")
    def thing() -> dict[str, Any]:
        return {"served": True}

    handler = lambda_handler(app)
    return lambda **kwargs: call(handler, "GET", "/v1/thing", **kwargs)


def test_who_has_no_rate_is_not_counted(get: Callable[..., Answer], rates: Rates) -> None:
    assert get().status == 200
    assert rates.asked == []


def test_who_is_within_the_rate_is_served(get: Callable[..., Answer], rates: Rates) -> None:
    assert get(rate=FIVE_A_SECOND).status == 200
    assert rates.asked == [("demo", Rate(5, 10))]


def test_who_is_over_it_is_told_when_to_come_again(get: Callable[..., Answer], rates: Rates) -> None:
    rates.waits = timedelta(seconds=1.2)
    answer = get(rate=FIVE_A_SECOND, query={"unknown": "1"})
    assert (answer.status, answer.content_type) == (429, "application/problem+json")
    assert answer.headers["Retry-After"] == "2"
    assert answer.body == {
        "type": "urn:carillon:problem:too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": "This app may send 5 requests a second, and 10 at once.",
    }
