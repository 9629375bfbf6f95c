"""Every message that a producer may see is ours: found out by sending each route what it does not want."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core._pydantic_core import list_all_errors

from handlers.domain.problems import NOT_AS_DOCUMENTED, NotFound
from handlers.entrypoints import broadcasts, contacts, notifications, reports, templates
from ops import openapi
from tests.unit.handlers.domain.people.test_contacts import WHOLE
from tests.unit.handlers.entrypoints.gateway import Answer, call

HANDLERS: dict[str, Callable[..., dict[str, Any]]] = {
    "broadcasts": broadcasts.handler,
    "contacts": contacts.handler,
    "notifications": notifications.handler,
    "receipts": notifications.handler,
    "suppressions": contacts.handler,
    "templates": templates.handler,
    "webhook": reports.handler,
}
CONTENT = {"subject": "s", "body": "b", "text": "t"}
READ_ONLY = {"name": "receipt", "channel": "email", "locale": "de", "version_id": "v"}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/v1/broadcasts"): {
        "category": "payment",
        "template": "receipt",
        "content": CONTENT,
        "data": {"a": {"b": [1]}},
        "audience": {"upload": "csv", "tag": "spring"},
        "channels": ["email"],
        "rate": 100,
        "expires_at": "2030-02-01T12:00:00Z",
    },
    ("put", "/v1/contacts/{user_id}"): {"user_id": "a", **WHOLE},
    ("patch", "/v1/contacts/{user_id}"): {"user_id": "a", **WHOLE},
    ("post", "/v1/contacts/{user_id}/devices"): {"deviceToken": "ab" * 32, "platform": "apns"},
    ("put", "/v1/contacts/{user_id}/settings"): {
        "categories": {"payment": {"email": True}},
        "quiet_hours": {"start": "22:00", "end": "08:00"},
    },
    ("put", "/v1/templates/{name}/{channel}/{locale}"): {**READ_ONLY, **CONTENT},
    ("post", "/v1/templates/{name}/{channel}/{locale}/preview"): {"data": {"a": [1.5]}},
    ("post", "/v1/receipts"): {"delivery_id": "a", "event": "opened"},
    ("post", "/v1/suppressions"): {"address": "a@example.com", "reason": "manual"},
    ("put", "/v1/webhook"): {
        "url": "https://shop.example.com/carillon",
        "statuses": ["sent", "error"],
        "failing_since": "2030-01-31T12:00:00Z",
        "suspended_since": "2030-01-31T12:00:00Z",
    },
    ("post", "/v1/notifications"): {
        "category": "payment",
        "template": "receipt",
        "content": CONTENT,
        "data": {"a": {"b": [1]}},
        "to": [{"user_id": "a"}, {"email": "a@example.com"}, {"phone": "+442079460123"}],
        "channels": ["email"],
        "priority": "high",
        "send_at": "2030-01-31T12:00:00Z",
        "expires_at": "2030-02-01T12:00:00Z",
    },
}
"""A body with every field, of each route that takes one."""

WRONG: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, 1e308, [], {}, [None], [[]], [{}], {"x": 1}, {"": None}, [1] * 201, ["a"] * 2),
    *("", " ", "x", "ä", "\n", "a\u0000b", "x" * 5000, "1", "true", "a.b", "\U0001f600", "<script>", "{{ x", "2200"),
    *(
        "ada@",
        "@x",
        "ädä@example.com",
        "a@ü.com",
        "a" * 65 + "@example.com",
        "a@b@c.com",
        "ada@localhost",
        "a..b@c.com",
    ),
    *("+", "+1", "0151", "+999123456789", "+4420794601234567890", "en_", "zz-ZZZZZZZZZ", "en_US.UTF-8", "Mars/Olympus"),
    *("2030-01-31", "2016-12-31T23:59:60Z", "2030-02-30T00:00:00Z", "9999-12-31T23:59:59-01:00", "24:00", "22:00:00"),
    *(
        "http://x.example",
        "https://",
        "https://[",
        "https://a:b@x.example",
        "https://10.0.0.1/",
        "ftp://x",
        "//x",
        "Not A Name",
    ),
]


class _Nothing:
    """What is behind the routes: a request that is good enough to come so far is told that nothing is there."""

    def __getattr__(self, name: str) -> Any:
        raise NotFound("Nothing is here.")


@pytest.fixture(autouse=True, scope="module")
def _nothing_behind() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((contacts, "table"), (contacts, "settings_table"), (templates, "store")):
            patch.setattr(module, name, _Nothing())
        patch.setattr(contacts, "tags", _Nothing())
        patch.setattr(broadcasts, "service", _Nothing())
        patch.setattr(contacts, "suppressed", _Nothing())
        patch.setattr(notifications, "service", _Nothing())
        patch.setattr(notifications, "log", _Nothing())
        patch.setattr(reports, "desk", _Nothing())
        yield


def send(method: str, path: str, body: Any = None, **kwargs: Any) -> Answer:
    filled = re.sub(r"{(\w+)}", lambda part: READ_ONLY.get(part[1], "a"), path)
    return call(HANDLERS[path.split("/")[2]], method.upper(), filled, body, resource=path, **kwargs)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value in a JSON value lies, the whole included."""
    yield path
    for part, held in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from nodes(held, (*path, part))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = deepcopy(body)
    inner = copy
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return copy


def with_more(body: Any, path: tuple[Any, ...]) -> Iterator[Any]:
    """The body with a field too many, a field too few, and an item twice, at one place."""
    held = body
    for part in path:
        held = held[part]
    if isinstance(held, dict):
        yield replaced(body, path, held | {"colour": "red"})
        yield replaced(body, path, held | {"Not A Name!": {"fax": 1}})
        yield from (replaced(body, path, {k: v for k, v in held.items() if k != name}) for name in held)
    if isinstance(held, list):
        yield replaced(body, path, [*held, *held])
        yield replaced(body, path, held * 101)


def bad_bodies(body: Any) -> Iterator[Any]:
    for path in nodes(body):
        yield from (replaced(body, path, wrong) for wrong in WRONG)
        yield from with_more(body, path)


def models(of: type[BaseModel] = BaseModel) -> Iterator[str]:
    for each in of.__subclasses__():
        yield each.__name__
        yield from models(each)


PHRASES = {
    phrase.strip()
    for error in list_all_errors()
    for phrase in re.split(r"{\w+}", error["message_template_python"])
    if len(phrase.split()) > 1 and len(phrase.strip()) > 12
}
FOREIGN = [
    re.compile("|".join(map(re.escape, sorted(PHRASES))), re.IGNORECASE),
    re.compile(
        r"pydantic|validator|python|Traceback|Exception|\bNone\b|\bdict\b|\bstr\b|\bTrue\b|\bFalse\b|\w+Error\b"
    ),
    re.compile(r"\^|\\[dws]|\[[A-Za-z0-9]-|\{\d+,|\(\?"),  # out of a regular expression
    re.compile(r"The (email|part|string|phone)|did not seem|@-sign"),  # email-validator, phonenumbers
    re.compile(rf"\b({'|'.join(sorted(name for name in set(models()) if re.search('[a-z][A-Z]', name)))})\b"),
    re.compile(re.escape(NOT_AS_DOCUMENTED)),
]


def foreign(answer: Answer) -> list[str]:
    if answer.status != 400:
        assert answer.status in (404, 403), (answer.status, answer.body)
        return []
    said = [answer.body["detail"], *(each["message"] for each in answer.body["errors"])]
    assert "[key]" not in str(answer.fields())
    return [each for each in said if any(pattern.search(each) for pattern in FOREIGN)]


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_what_a_body_is_refused_for_is_said_in_our_words(method: str, path: str) -> None:
    statuses, words = set(), set()
    for body in bad_bodies(BODIES[method, path]):
        answer = send(method, path, json.dumps(body))
        statuses.add(answer.status)
        words |= set(foreign(answer))
    assert 400 in statuses
    assert words == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_is_sent_instead_is_refused_in_our_words(data: st.DataObject) -> None:
    (method, path), body = data.draw(st.sampled_from(list(BODIES.items())))
    where = data.draw(st.sampled_from(list(nodes(body))))
    assert foreign(send(method, path, json.dumps(replaced(body, where, data.draw(JSON))))) == []


PATHS = [
    (method, path, parameter["name"])
    for path, operations in openapi.document()["paths"].items()
    for method, operation in operations.items()
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "path" and path.startswith("/v1/")
]


@pytest.mark.parametrize(("method", "path", "name"), PATHS)
def test_what_a_path_is_refused_for_is_said_in_our_words(method: str, path: str, name: str) -> None:
    for wrong in ("é", "x" * 400, "%0A", "Not A Name", "en_US.UTF-8", "fax", "%00", "a%20"):
        filled = path.replace(f"{{{name}}}", quote(wrong, safe="%"))
        assert foreign(send(method, filled, BODIES.get((method, path)))) == [], wrong


def test_what_a_query_or_header_is_refused_for_is_said_in_our_words() -> None:
    for query in ({"dry_run": "x"}, {"dry_run": ["true", "true"]}, {"dryRun": "1"}):
        assert foreign(send("post", "/v1/notifications", {}, query=query)) == []
    for key in ("", "x" * 256, ["a", "b"]):
        assert foreign(send("post", "/v1/notifications", {}, headers={"Idempotency-Key": key})) == []
    for token in ("", "ä", "x" * 5000, ["a", "b"]):
        assert foreign(send("delete", "/v1/contacts/a/devices", query={"token": token})) == []
    for text in ("", "{", "[]", "7", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e400}', b"\xff"):
        assert foreign(send("put", "/v1/contacts/a", text)) == []


# -- that nothing was left out -----------------------------------------------------------------------------------------


def properties(schema: Any, schemas: dict[str, Any]) -> Iterator[str]:
    """The names of all fields in a schema, however deep."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield from properties(schemas[schema["$ref"].rpartition("/")[2]], schemas)
        yield from schema.get("properties", {})
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from properties(inner, schemas)


def test_every_field_of_every_body_in_the_openapi_document_was_tried() -> None:
    document = openapi.document()
    described = {
        (method, path): set(properties(operation["requestBody"], document["components"]["schemas"]))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation and path.startswith("/v1/")
    }
    tried = {route: {str(part) for path in nodes(body) for part in path} for route, body in BODIES.items()}
    assert described.keys() == tried.keys()
    assert {route: names - tried[route] for route, names in described.items() if names - tried[route]} == {}
