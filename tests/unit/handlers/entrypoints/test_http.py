"""What every API function does alike: each failure is a problem, and says nothing that it should not."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import BaseModel, ConfigDict

from handlers.domain.callers import Caller
from handlers.domain.problems import Contended, InvalidRequest, NotFound
from handlers.entrypoints.http import MAX_BODY_BYTES, Decoded, Flag, caller, create_app, lambda_handler, parse_object
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


@app.get("/things")
def search(dry_run: Annotated[Flag, Query()] = False, key: Annotated[str | None, Header()] = None) -> bool:
    return dry_run


@app.delete("/things/<name>")
def delete(name: Annotated[str, Decoded, Path()]) -> dict[str, Any]:
    return {"name": name}


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
    [
        "{",
        "[]",
        '[{"size": 1}]',
        '"text"',
        "7",
        "null",
        "[" * 100_000,
        '{"size": NaN}',
        '{"size": 1e400}',
        '{"name": "\\ud800"}',
        b"\xff",
    ],
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
    answer = raising(Contended("Soon.", retry_after=3))
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


# -- what a route does not know ----------------------------------------------------------------------------------------

NOT_THERE = {"message": "is not a known query parameter"}


@pytest.mark.parametrize("name", ["dryRun", "dry-run", "DRY_RUN", "dryrun", "utm_source", "x" * 300, "ä"])
@pytest.mark.parametrize(("method", "path", "body"), [("GET", "/things", None), ("POST", "/things", {"size": 1})])
def test_a_query_parameter_that_the_route_does_not_take_is_named(method: str, path: str, body: Any, name: str) -> None:
    reached: list[None] = []
    outcome["of"] = lambda: reached.append(None)
    answer = call(handler, method, path, body, query={name: "true"})
    assert (answer.status, answer.content_type) == (400, PROBLEM)
    assert answer.body["errors"] == [{"field": name} | NOT_THERE]
    assert reached == []


def test_what_is_unknown_and_what_is_wrong_are_named_together() -> None:
    answer = post({"size": "x"}, query={"colour": "red"})
    assert answer.fields() == ["size", "colour"]
    assert call(handler, "GET", "/things", query={"dry_run": "perhaps", "colour": ""}).fields() == ["dry_run", "colour"]


@pytest.mark.parametrize("said", ["1", "0", "yes", "on", "True", "TRUE", "t", "", " true"])
def test_a_flag_is_true_or_false_and_nothing_that_looks_like_it(said: str) -> None:
    answer = call(handler, "GET", "/things", query={"dry_run": said})
    assert answer.body["errors"] == [{"field": "dry_run", "message": "must be true or false"}]
    assert [call(handler, "GET", "/things", query={"dry_run": each}).body for each in ("true", "false")] == [
        True,
        False,
    ]


@pytest.mark.parametrize("values", [["true", "false"], ["true", "true"]])
def test_a_query_parameter_that_is_said_twice_is_named_once(values: list[str]) -> None:
    answer = call(handler, "GET", "/things", query={"dry_run": values})
    assert answer.body["errors"] == [{"field": "dry_run", "message": "is there more than once"}]


def test_a_header_that_the_route_reads_and_that_is_there_twice_is_named() -> None:
    for headers in ({"key": ["a", "b"]}, {"Key": ["a"], "key": ["b"]}):
        answer = call(handler, "GET", "/things", headers=headers)
        assert answer.body["errors"] == [{"field": "key", "message": "is there more than once"}]
    assert call(handler, "GET", "/things", headers={"X-Forwarded-For": ["a", "b"]}).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/things"), ("DELETE", "/things/a")])
def test_a_body_where_none_is_taken_is_named(method: str, path: str) -> None:
    answer = call(handler, method, path, {"delivery_ids": ["d"], "force": True})
    assert (answer.status, answer.fields()) == (400, ["delivery_ids", "force"])
    for nothing in (None, "", "{}"):
        assert call(handler, method, path, nothing).status == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"size": 1, "size": 1}', ["size"]),
        ('{"size": 1, "name": "a", "size": 2, "name": "b"}', ["size", "name"]),
        ('{"size": 1, "name": {"a": [0, {"b": 1, "b": 2}]}}', ["name.a.1.b"]),
        ('{"size": 1, "\\u0073ize": 2}', ["size"]),
        ('{"size": 1, "name": {"a": 1, "a": 2}, "name": "x"}', ["name"]),
    ],
)
def test_what_a_body_says_twice_is_named_where_it_is(body: str, fields: list[str]) -> None:
    answer = post(body)
    assert (answer.status, answer.fields()) == (400, fields)
    assert {each["message"] for each in answer.body["errors"]} == {"is there more than once"}


@pytest.mark.parametrize("depth", [150, 250, 900, 2_000, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_body_that_is_nested_deeply_is_never_our_failure(opening: str, closing: str, depth: int) -> None:
    assert post('{"size": ' + opening * depth + "1" + closing * depth + "}").status == 400


def test_numbers_can_be_kept_as_they_were_written() -> None:
    parsed = parse_object('{"a": 10.00, "b": 10, "c": 1e3, "d": -0}')
    assert parsed == {"a": 10, "b": 10, "c": 1000, "d": 0}
    assert [str(value) for value in parsed.values()] == ["10.00", "10", "1e3", "-0"]
    with pytest.raises(InvalidRequest):
        parse_object('{"a": 1e400}')


@pytest.mark.parametrize(
    ("sent", "read"),
    [("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("100%25", "100%"), ("%22%5C%60", '"\\`'), ("a+b", "a+b")],
)
def test_a_part_of_a_path_is_decoded_once(sent: str, read: str) -> None:
    assert call(handler, "DELETE", f"/things/{sent}").body == {"name": read}
