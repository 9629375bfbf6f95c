"""Templates reach nothing but their data, send no markup they were not given, and say where they are wrong."""

import html
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handlers.domain.channels import Channel
from handlers.domain.content.rendering import (
    FIELDS,
    MAX_RENDERED_BYTES,
    Content,
    Fault,
    TemplateError,
    check,
    ignored_fields,
    render,
    required_variables,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def sms(body: str, **data: Any) -> str:
    return render(Content(body=body), "sms", data).body


def faults(content: Content, channel: Channel, data: dict[str, Any] | None = None) -> tuple[Fault, ...]:
    with pytest.raises(TemplateError) as raised:
        check(content, channel) if data is None else render(content, channel, data)
    return raised.value.faults


# -- what is rendered --------------------------------------------------------------------------------------------------


def test_only_the_html_of_an_email_is_escaped() -> None:
    content = Content(subject="{{ n }}", body="<b>{{ n }}</b>", text="{{ n }}")
    assert render(content, "email", {"n": "<Ada> & co"}).model_dump() == {
        "subject": "<Ada> & co",
        "body": "<b>&lt;Ada&gt; &amp; co</b>",
        "text": "<Ada> & co",
    }


@pytest.mark.parametrize("channel", ["sms", "chat", "push"])
def test_other_channels_are_plain_text(channel: Channel) -> None:
    assert render(Content(body="{{ n }}"), channel, {"n": "<&>"}).body == "<&>"


def test_one_content_serves_all_channels_each_taking_the_fields_it_has() -> None:
    content = Content(subject="s", body="b", text="t")
    taken = {channel: tuple(render(content, channel, {}).model_dump()) for channel in FIELDS}
    assert taken == {
        "email": ("subject", "body", "text"),
        "push": ("subject", "body"),
        "sms": ("body",),
        "chat": ("body",),
    }


def test_fields_that_a_channel_ignores_are_not_compiled_and_can_be_named() -> None:
    content = Content(subject="{{ broken", body="b", text="t")
    check(content, "sms")
    assert ignored_fields(content, "sms") == ("subject", "text")
    assert ignored_fields(content, "email") == ()


def test_a_content_has_a_body_and_no_unknown_field() -> None:
    for document in ({"subject": "s"}, {"body": ""}, {"body": "b", "html": "h"}):
        with pytest.raises(ValidationError):
            Content.model_validate(document)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append("!--")

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_no_value_adds_markup_to_the_html_of_an_email(value: str) -> None:
    rendered = render(Content(subject="s", body='<p title="{{ v }}">{{ v }}</p>'), "email", {"v": value}).body
    parser = _Tags()
    parser.feed(rendered)
    parser.close()
    assert parser.tags == ["p"]
    assert html.unescape(rendered) == f'<p title="{value}">{value}</p>'


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.sampled_from("\r\n\v\f\x1c\x85\u2028\0"))
def test_no_value_breaks_a_subject_into_lines(value: str, line_break: str) -> None:
    content = Content(subject="Re:\r\n{{ value }}{{ line_break }}X: y\n", body="b")
    subject = render(content, "email", {"value": value, "line_break": line_break}).subject or ""
    assert len(subject.splitlines()) == 1
    assert not [c for c in subject if ord(c) < 32 or 127 <= ord(c) < 160]


def test_a_subject_with_a_line_break_becomes_one_line() -> None:
    content = Content(subject="Hi {{ name }}\n", body="b")
    assert render(content, "email", {"name": "Ada\r\nBcc: eve@example.com"}).subject == "Hi Ada Bcc: eve@example.com"


# -- what is out of reach ----------------------------------------------------------------------------------------------

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ x.__class__.__mro__ }}",
    "{{ x['__class__'] }}{{ (x|attr('__class__')).__mro__ }}",
    "{{ [x]|map(attribute='__class__')|first|attr('mro') }}",
    "{{ '{0.__class__.__mro__}'.format(x) }}",
    "{{ '%s'|format(x.__init__.__globals__) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ range.__self__ }}{{ range(1).__reduce__() }}",
    "{{ x.append(1) }}",
    "{{ x.clear() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'x' %}",
    "{{ lipsum(1000) }}",
    "{{ 'x' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% for i in range(1000000000) %}{% endfor %}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_reaches_nothing_but_its_data(source: str) -> None:
    data: dict[str, Any] = {"x": [1]}
    with pytest.raises(TemplateError):
        render(Content(body=source), "sms", data)
    assert data == {"x": [1]}


@given(JSON_VALUES, st.sampled_from(ESCAPES))
def test_data_are_never_run_as_a_template(value: Any, source: str) -> None:
    assert sms("{{ v }}", v=source) == source
    assert sms("{{ v is none }}", v=value) == str(value is None)


@given(st.text(alphabet="{}%#()[]|.'_x1 \n=", min_size=1, max_size=60))
def test_any_source_renders_or_says_what_is_wrong_with_it(source: str) -> None:
    found: set[str] = set()
    try:
        sms(source, x={"x": 1})
    except TemplateError as error:
        found = {fault.field for fault in error.faults}
    assert found <= {"body"}


def test_a_loop_ends_where_the_message_becomes_too_long() -> None:
    [fault] = faults(Content(body="{% for i in range(100000) %}{{ 'abcdefgh' }}{% endfor %}"), "sms", {})
    assert fault == Fault("body", f"is longer than {MAX_RENDERED_BYTES // 1024} KB once rendered")
    assert len(sms("{{ v }}", v="x" * MAX_RENDERED_BYTES)) == MAX_RENDERED_BYTES


# -- what is wrong -----------------------------------------------------------------------------------------------------


def test_every_field_that_does_not_compile_is_named_with_its_line() -> None:
    found = faults(Content(subject="{{ a", body="one\ntwo {% if %}", text="{{ x|nosuchfilter }}"), "email")
    assert [(fault.field, fault.line) for fault in found] == [("subject", 1), ("body", 2), ("text", 1)]
    assert "nosuchfilter" in found[2].message


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 3000 + ")" * 3000 + " }}",
        "{% for a in x %}" * 40 + "{% endfor %}" * 40,
        "{{ " + "9" * 5000 + " }}",
    ],
)
def test_a_source_beyond_what_python_can_compile_is_refused_as_any_other(source: str) -> None:
    [fault] = faults(Content(body=source), "sms")
    assert "too complex" in fault.message


def test_an_email_needs_a_subject() -> None:
    assert faults(Content(body="b"), "email") == (Fault("subject", "an e-mail needs a subject"),)
    assert faults(Content(body="b"), "email", {}) == (Fault("subject", "an e-mail needs a subject"),)
    assert [fault.field for fault in faults(Content(body="{{ b"), "email")] == ["subject", "body"]


def test_what_the_data_lack_is_named_by_its_line() -> None:
    [fault] = faults(Content(body="Dear\n{{ user.name }}"), "sms", {"user": {}})
    assert (fault.field, fault.line) == ("body", 2)


@pytest.mark.parametrize(
    "source",
    ["{{ m[secret] }}", "{{ secret.nothing }}", "{{ secret|int + secret }}", "{{ secret|round }}", "{{ secret() }}"],
)
def test_an_error_repeats_no_value_of_the_data(source: str) -> None:
    with pytest.raises(TemplateError) as raised:
        render(Content(body=source), "sms", {"secret": "hunter2", "m": {}})
    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_what_is_no_unicode_is_refused() -> None:
    [fault] = faults(Content(body="{{ v }}"), "sms", {"v": "\ud800"})
    assert "Unicode" in fault.message


# -- what is required --------------------------------------------------------------------------------------------------


def test_the_required_variables_are_those_the_channel_needs_from_the_data() -> None:
    content = Content(
        subject="{{ number }}",
        body="{% set n = 1 %}{{ n }}{% for item in items %}{{ item.name }}{{ loop.index }}{% endfor %}",
        text="{{ user.name|default('you') }}",
    )
    assert required_variables(content, "email") == {"number", "items", "user"}
    assert required_variables(content, "sms") == {"items"}


def test_what_a_template_can_do_without_is_not_required() -> None:
    content = Content(body="{{ a|default('x') }}{% if b is defined %}{{ b }}{% endif %}{{ 1 if c is undefined }}")
    assert required_variables(content, "sms") == frozenset()
    assert render(content, "sms", {}).body == "x1"


@given(st.sets(st.sampled_from(["a", "b", "c"])))
def test_a_content_renders_exactly_when_its_required_variables_are_there(present: set[str]) -> None:
    content = Content(body="{{ a }}{{ b|default('') }}{{ c.x }}")
    data = {name: {"x": 1} for name in present}
    complete = required_variables(content, "sms") <= present
    try:
        render(content, "sms", data)
    except TemplateError:
        assert not complete
    else:
        assert complete
