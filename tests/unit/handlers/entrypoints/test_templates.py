"""The templates API, with a store in memory."""

from typing import Any

import pytest

from handlers.domain.channels import Channel
from handlers.domain.content import templates as names
from handlers.domain.content.rendering import Content
from handlers.domain.content.templates import StoredTemplate
from handlers.entrypoints import templates
from tests.unit.handlers.entrypoints.gateway import Answer, call

EMAIL = {"subject": "Hi {{ name }}", "body": "<b>{{ name }}</b>", "text": "Hi {{ name }}"}
PROBLEM = "application/problem+json"


class Store:
    """A store as `S3TemplateStore` has it."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredTemplate] = {}

    def get(self, name: str, channel: Channel, locale: str) -> StoredTemplate | None:
        return self.stored.get(names.key(name, channel, locale))

    def put(self, name: str, channel: Channel, locale: str, content: Content) -> tuple[StoredTemplate, bool]:
        key = names.key(name, channel, locale)
        is_new = key not in self.stored
        self.stored[key] = StoredTemplate(name, channel, locale, key, f"v{len(self.stored)}", content)
        return self.stored[key], is_new


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(templates, "store", store)
    return store


def ask(method: str, path: str = "receipt/email/de", body: Any = None, **kwargs: Any) -> Answer:
    return call(templates.handler, method, f"/v1/templates/{path}", body, **kwargs)


def test_a_put_answers_201_then_200_with_the_version(store: Store) -> None:
    answers = [ask("PUT", body=EMAIL) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].body == {**EMAIL, "name": "receipt", "channel": "email", "locale": "de", "version_id": "v0"}
    assert ask("GET").body == answers[1].body


def test_a_language_is_stored_under_its_one_spelling(store: Store) -> None:
    ask("PUT", "receipt/email/zh-cn", EMAIL)
    assert list(store.stored) == ["templates/receipt/email/zh-CN.j2"]
    assert ask("GET", "receipt/email/ZH-CN").status == 200


def test_a_language_in_the_manner_of_programs_is_the_same_language(store: Store) -> None:
    ask("PUT", "receipt/email/en_US", EMAIL)
    assert list(store.stored) == ["templates/receipt/email/en-US.j2"]
    assert ask("GET", "receipt/email/en-us").body["locale"] == "en-US"


def test_what_a_get_answers_can_be_put_back(store: Store) -> None:
    ask("PUT", "receipt/email/en_US", EMAIL)
    answered = ask("GET", "receipt/email/en-US").body
    answer = ask("PUT", "receipt/email/en_us", answered)
    assert (answer.status, answer.body) == (200, answered | {"version_id": "v1"})
    assert '"name"' not in store.stored["templates/receipt/email/en-US.j2"].content.model_dump_json()


@pytest.mark.parametrize(
    ("field", "value"), [("name", "other"), ("channel", "sms"), ("locale", "fr"), ("version_id", "v9"), ("name", None)]
)
def test_what_is_read_only_and_differs_is_refused_by_name(field: str, value: Any, store: Store) -> None:
    ask("PUT", body=EMAIL)
    answer = ask("PUT", body=ask("GET").body | {field: value})
    assert (answer.status, answer.fields()) == (400, [field])
    assert [each.version_id for each in store.stored.values()] == ["v0"]


def test_a_version_that_there_is_not_cannot_be_replaced(store: Store) -> None:
    answer = ask("PUT", body=EMAIL | {"version_id": "v0"})
    assert (answer.status, answer.fields()) == (400, ["version_id"])


def test_a_preview_is_what_would_be_sent(store: Store) -> None:
    ask("PUT", body=EMAIL)
    answer = ask("POST", "receipt/email/de/preview", {"data": {"name": "<Ada>"}})
    expected = {"subject": "Hi <Ada>", "body": "<b>&lt;Ada&gt;</b>", "text": "Hi <Ada>"}
    assert (answer.status, answer.body) == (200, expected)


def test_a_preview_has_only_the_fields_of_its_channel(store: Store) -> None:
    ask("PUT", "code/sms/default", {"body": "{{ code }}"})
    assert ask("POST", "code/sms/default/preview", {"data": {"code": 42}}).body == {"body": "42"}


@pytest.mark.parametrize(
    ("path", "source", "data", "message"),
    [
        ("t/sms/default", {"body": "{% if show %}Hello{% endif %}"}, {"show": 0}, "is empty once rendered"),
        ("t/push/default", {"subject": "{{ t }}", "body": "Hello"}, {"t": " "}, "is empty once rendered"),
        (
            "t/email/default",
            {"subject": "{{ t }}", "body": "Hello"},
            {"t": "x" * 999},
            "is too long for the subject of a mail once rendered: 999 bytes, of at most 998",
        ),
        (
            "t/sms/default",
            {"body": "{{ t }}"},
            {"t": "x" * 1531},
            "is too long once rendered: it would go in 11 text messages, of at most 10",
        ),
    ],
)
def test_a_preview_of_what_would_not_be_sent_says_why(
    path: str, source: dict[str, str], data: dict[str, Any], message: str, store: Store
) -> None:
    ask("PUT", path, source)
    answer = ask("POST", f"{path}/preview", {"data": data})
    assert (answer.status, answer.content_type) == (400, PROBLEM)
    [error] = answer.body["errors"]
    assert error == {"field": "body" if source["body"] != "Hello" else "subject", "message": message}


def test_a_preview_names_what_the_data_lack(store: Store) -> None:
    ask("PUT", body={"subject": "{{ b }}", "body": "{{ a }}{{ c }}"})
    answer = ask("POST", "receipt/email/de/preview", {"data": {"c": 1}})
    assert (answer.status, answer.content_type, answer.fields()) == (400, PROBLEM, ["data.a", "data.b"])


def test_a_preview_that_cannot_be_rendered_names_the_field_and_line_and_no_value(store: Store) -> None:
    ask("PUT", body={"subject": "s", "body": "\n{{ a.b.c }}"})
    answer = ask("POST", "receipt/email/de/preview", {"data": {"a": "hunter2"}})
    assert (answer.status, answer.fields()) == (400, ["body"])
    assert "line 2" in answer.body["errors"][0]["message"]
    assert "hunter2" not in str(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", "receipt/email/de", None), ("POST", "receipt/email/de/preview", {"data": {}})]
)
def test_a_template_that_is_not_there_in_this_language_is_404(method: str, path: str, body: Any, store: Store) -> None:
    ask("PUT", "receipt/email/default", EMAIL)
    answer = ask(method, path, body)
    assert (answer.status, answer.content_type) == (404, PROBLEM)


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("receipt/email/de", {"subject": "{{ a", "body": "{% if %}"}, ["subject", "body"]),
        ("receipt/email/de", {"body": "b"}, ["subject"]),
        ("receipt/email/de", {"subject": "s"}, ["body"]),
        ("receipt/email/de", {"subject": "s", "body": "b", "html": "h"}, ["html"]),
        ("receipt/sms/de", {"subject": "s", "body": "b", "text": "t"}, ["subject", "text"]),
        ("receipt/push/de", {"subject": "s", "body": "b", "text": "t"}, ["text"]),
        ("Receipt/email/de", EMAIL, ["name"]),
        ("receipt/fax/de", EMAIL, ["channel"]),
        ("receipt/email/english", EMAIL, ["locale"]),
    ],
)
def test_a_bad_template_is_400_naming_the_fields(path: str, body: Any, fields: list[str], store: Store) -> None:
    answer = ask("PUT", path, body)
    assert (answer.status, answer.content_type, answer.fields()) == (400, PROBLEM, fields)
    assert store.stored == {}


def test_an_app_without_the_channel_may_read_a_template_and_not_replace_it(store: Store) -> None:
    ask("PUT", body=EMAIL)
    assert ask("PUT", body=EMAIL, channels=("sms",)).status == 403
    assert ask("GET", channels=("sms",)).status == 200
    assert store.stored["templates/receipt/email/de.j2"].version_id == "v0"
