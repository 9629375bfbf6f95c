"""The API's document as producers read it, and as a generator makes a client of it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from handlers.domain.content.rendering import Content
from handlers.domain.notifications.requests import NotificationRequest
from handlers.domain.people.contacts import Contact
from handlers.domain.people.devices import Device
from handlers.domain.people.settings import UserSettings
from ops.openapi import EXAMPLES, document

INTERNAL = re.compile(r"handlers\.|pydantic|tuple|DynamoDB|`[A-Z]\w+`|\bS3\b")
"""What a producer has no use for: names of our code, and what it is made with."""


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return document()


def operations(api: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in api["paths"].values():
        yield from methods.values()


def descriptions(node: Any) -> Iterator[str]:
    """Every description and summary in a document."""
    if isinstance(node, dict):
        yield from (node[name] for name in ("description", "summary") if isinstance(node.get(name), str))
        for each in node.values():
            yield from descriptions(each)
    elif isinstance(node, list):
        for each in node:
            yield from descriptions(each)


def test_every_operation_has_a_method_name_that_a_producer_would_choose(api: dict[str, Any]) -> None:
    names = [each["operationId"] for each in operations(api)]
    assert len(names) == len(set(names))
    assert not [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)]


def test_every_operation_is_under_a_heading_with_a_title_and_what_it_does(api: dict[str, Any]) -> None:
    headings = {each["name"] for each in api["tags"]}
    for each in operations(api):
        assert set(each["tags"]) <= headings
        assert "/" not in each["summary"]
        assert len(each["description"]) > len(each["summary"])
    assert headings == {tag for each in operations(api) for tag in each["tags"]}


def test_nothing_internal_is_said_to_producers(api: dict[str, Any]) -> None:
    assert not [each for each in descriptions(api) if INTERNAL.search(each)]


def test_every_body_that_a_producer_sends_has_an_example_that_is_taken(api: dict[str, Any]) -> None:
    sent = {each["operationId"] for each in operations(api) if "requestBody" in each and each.get("security") != []}
    assert EXAMPLES.keys() == sent
    models: dict[str, type[BaseModel]] = {
        "sendNotification": NotificationRequest,
        "putContact": Contact,
        "patchContact": Contact,
        "addDevice": Device,
        "putSettings": UserSettings,
        "putTemplate": Content,
    }
    for operation, model in models.items():
        for example in EXAMPLES[operation].values():
            model.model_validate(example)


def test_it_says_where_the_api_is(api: dict[str, Any]) -> None:
    [server] = api["servers"]
    assert set(re.findall(r"{(\w+)}", server["url"])) == server["variables"].keys()
