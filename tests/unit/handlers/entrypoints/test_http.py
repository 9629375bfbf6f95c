"""What every API function does alike: each failure is a problem, and says nothing that it should not."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from handlers.domain.callers import Caller
from handlers.domain.problems import InProgress, NotFound
from handlers.entrypoints.http import MAX_BODY_BYTES, caller, create_app, lambda_handler
from tests.unit.handlers.entrypoints.gateway import Answer, call

PROBLEM = "application/problem+json"


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int
    name: str = ""


app = create_app()
outcome: dict[str, Callable[[], Any]] = {}


@app.post("/things")
def make(thing: Thing) -> Thing:
    return outcome["of"]() if "of" in outcome else thing


@app.get("/caller")
def who() -> dict[str, Any]:
    known: Caller = caller(app)
    return {"app_key": known.app_key, "channels": sorted(known.channels), "all": known.may_send("payment")}


handler = lambda_handler(app)


@pytest.fixture(autouse=True)
def _forget() -> None:
    outcome.clear()


def post(body: Any, **kwargs: Any) -> Answer:
    return call(handler, "POST", "/things", body, resource="/things", **kwargs)


def raising(error: Exception) -> Answer:
    def fail() -> None:
        raise error

    outcome["of"] = fail
    return post({"size": 1})


def test_the_caller_is_the_one_whom_the_authorizer_let_in() -> None:
    answer = call(handler, "GET", "/caller", channels=("email", "sms"))
    assert answer.body == {"app_key": "demo", "channels": ["email", "sms"], "all": True}


def test_every_field_that_was_refused_is_named() -> None:
    answer = post({"size": "x", "colour": "red"})
    assert (answer.status, answer.content_type) == (400, PROBLEM)
    assert answer.body["type"] == "urn:carillon:problem:invalid-request"
    assert answer.body["errors"][1] == {"field": "colour", "message": "is not a known field"}
    assert answer.fields() == ["size", "colour"]


@pytest.mark.parametrize(
    "body",
    ["{", "[]", '[{"size": 1}]', '"text"', "7", "null", "[" * 100_000, '{"size": NaN}', '{"name": "\\ud800"}', b"\xff"],
)
def test_a_body_that_is_no_json_object_is_a_problem(body: Any) -> None:
    answer = post(body)
    assert (answer.status, answer.content_type) == (400, PROBLEM)


@pytest.mark.parametrize("body", [None, ""])
def test_a_body_that_is_not_there_is_a_problem(body: Any) -> None:
    answer = post(body)
    assert (answer.status, answer.fields()) == (400, ["body"])


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"]
)
def test_json_is_read_whatever_it_is_called(content_type: str) -> None:
    for body in ('{"size": 1, "name": "é"}', '{"size": 1, "name": "é"}'.encode()):
        answer = post(body, headers={"Content-Type": content_type})
        assert (answer.status, answer.body) == (200, {"size": 1, "name": "é"})


def test_a_form_is_not_read() -> None:
    answer = post("size=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.content_type) == (415, PROBLEM)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_body_over_the_bound_is_too_large_and_one_at_the_bound_is_not(as_bytes: bool) -> None:
    for excess, status in ((0, 200), (1, 413)):
        text = '{"size": 1, "name": "' + "x" * (MAX_BODY_BYTES - 23 + excess) + '"}'
        answer = post(text.encode() if as_bytes else text)
        assert answer.status == status


def test_the_bound_is_of_bytes_and_not_of_characters() -> None:
    assert post('{"size": 1, "name": "' + "é" * (MAX_BODY_BYTES // 2) + '"}').status == 413


def test_a_problem_is_answered_as_it_is() -> None:
    answer = raising(NotFound("There is no such thing."))
    assert (answer.status, answer.content_type) == (404, PROBLEM)
    assert answer.body == {
        "type": "urn:carillon:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such thing.",
    }


def test_a_problem_may_say_when_to_come_back() -> None:
    answer = raising(InProgress("Soon.", retry_after=3))
    assert (answer.status, answer.headers["Retry-After"]) == (409, "3")


def test_a_path_that_is_not_there_is_a_problem() -> None:
    answer = call(handler, "GET", "/nothing")
    assert (answer.status, answer.content_type) == (404, PROBLEM)


def test_a_failure_is_a_problem_that_says_nothing_and_a_log_line_that_says_where(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = raising(ValueError("ada@example.com is not a number"))
    assert (answer.status, answer.content_type) == (500, PROBLEM)
    assert "ada@example.com" not in str(answer.body)
    [failed, answered] = [vars(record) for record in caplog.records]
    assert failed["error"] == "ValueError"
    assert "test_http.py" in failed["raised_at"][-1]
    assert answered["status"] == 500
    assert "ada@example.com" not in f"{failed} {answered}"


def test_an_answer_that_is_not_what_was_promised_is_our_failure_and_not_the_callers() -> None:
    outcome["of"] = lambda: {"size": "x"}
    assert post({"size": 1}).status == 500


def test_one_line_is_logged_for_each_request_and_it_names_the_route_alone(caplog: pytest.LogCaptureFixture) -> None:
    post({"size": 1, "name": "Ada"})
    [line] = [vars(record) for record in caplog.records]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/things", 200)
    assert "Ada" not in str(line)
