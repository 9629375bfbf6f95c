"""Templates reach nothing but their data, send no markup they were not given, and say where they are wrong."""

import html
import re
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handlers.domain.channels import REGISTRY, Channel
from handlers.domain.content.html_text import closed, text_of_html
from handlers.domain.content.rendering import (
    FIELDS,
    MAX_RENDERED_BYTES,
    Content,
    Fault,
    TemplateError,
    check,
    ignored_fields,
    read_as_subtraction,
    render,
    required_variables,
    with_text_part,
)
from handlers.domain.content.values import read_json

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
    assert taken == {channel: tuple(each.fields) for channel, each in REGISTRY.items()}
    assert taken["email"] == ("subject", "body", "text")
    assert taken["push"] == ("subject", "body")
    assert taken["sms"] == taken["chat"] == ("body",)


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
    assert sms("{{ v is none }}", v=value) == ("true" if value is None else "false")


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
    assert fault == Fault("body", "user.name is not in the data", 2)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("{{ user.first_name }}", "user.first_name"),
        ("{{ user.address.city }}", "user.address"),
        ("{{ l[3] }}", "l[3]"),
        ("{{ l.3 }}", "l.3"),
        ("{% for i in rows %}{{ i.price }}{% endfor %}", "i.price"),
        ("{{ user['first-name'] }}", "user['first-name']"),
        ('{{ user["first-name"] }}', 'user["first-name"]'),
        ("{{ user[key] }}", "user[key]"),
        ("{{ l|first }}", "l|first"),
        ("{% for i in user.rows %}{% endfor %}", "user.rows"),
        ("{% if user.is_new %}{% endif %}", "user.is_new"),
        ("{{ user.age + 1 }}", "user.age"),
        ("{{ 'a' ~ user.name }}", "user.name"),
        ("{{ user.name|default('you') }}{{ user.name }}", "user.name"),
        ("{{ user.name is defined }}{{ user.name|upper }}", "user.name"),
        ("{{ order.items }}", "order.items"),
        ("{{ user.items.price }}", "user.items"),
    ],
)
def test_what_is_missing_is_named_by_its_path_as_the_source_writes_it(source: str, path: str) -> None:
    data: dict[str, Any] = {"user": {}, "l": [], "rows": [{}], "key": "hunter2", "order": {}}
    [fault] = faults(Content(body=source), "sms", data)
    assert fault == Fault("body", f"{path} is not in the data", 1)


ERRORS = [
    *("{{ 1 + 'a' }}", "{{ 'a'|int + none }}", "{{ 1 / 0 }}", "{{ n|round }}", "{{ n|sum }}", "{{ n() }}"),
    *("{{ [n, 1]|sort }}", "{{ '%d' % 'a' }}", "{{ '{:d}'.format('a') }}", "{{ '{0}'.format() }}", "{{ -'a' }}"),
    *("{{ n|filesizeformat }}", "{{ 'ab'.index('x') }}", "{{ [1].index(2) }}", "{{ n.x.y }}", "{{ l|length }}"),
    *("{{ [1]|map(attribute='x')|join }}", "{{ n|dictsort }}", "{{ 10.0 ** 9 }}", "{{ d|tojson(1) }}", "{{ self }}"),
    *("{{ [[1]]|join }}", "{{ cycler(1) }}", "{{ namespace(a=1) }}", "{{ range(2) }}", "{{ d }}", "{{ n.__class__ }}"),
    *("{{ '%s' % [d] }}", "{{ '{}'.format(d) }}", "{{ '%s'|format(d) }}", "{{ d ~ '' }}", "{{ [d]|join }}"),
    "{{ " + "(" * 3000 + ")" * 3000 + " }}",
]


@pytest.mark.parametrize("source", ERRORS)
def test_no_error_has_a_name_of_python_in_it(source: str) -> None:
    try:
        said = sms(source, n=None, d={"a": 1}, l=5)
    except TemplateError as error:
        said = str(error)
    words = (
        "Error",
        "None",
        "object has",
        "object of",
        "dict",
        "Undefined",
        "NoneType",
        "<",
        "class",
        "python",
        "str'",
    )
    assert not [word for word in words if word in said]


# -- JSON in print -----------------------------------------------------------------------------------------------------

WRITTEN = {
    "{{ null }}|{{ yes }}|{{ no }}": "|true|false",
    "{{ null|default('you') }}|{{ null|d }}|{{ nothing|default(null) }}": "you||",
    "{{ [null, yes, price]|join(', ') }}": ", true, 10.00",
    "{{ null ~ yes ~ price ~ null }}": "true10.00",
    "{{ null|upper }}{{ null|string }}{{ null|trim }}{{ null|truncate(3) }}{{ null|e }}{{ null|safe }}": "",
    "{{ null|replace('o', 'x') }}{{ 'o'|replace('o', null) }}{{ null|title }}{{ null|striptags }}": "",
    "{{ yes|upper }} {{ yes|string }} {{ no|capitalize }} {{ price|string }} {{ yes|urlencode }}": (
        "TRUE true False 10.00 true"
    ),
    "{{ '%s %s %s'|format(null, yes, price) }}|{{ '%s' % yes }}|{{ '%(a)s'|format(a=null) }}": " true 10.00|true|",
    "{{ '{} {} {}'.format(null, yes, price) }}|{{ '{:>5}|{!s}'.format(yes, null) }}": " true 10.00| true|",
    "{% set x %}{{ null }}{{ yes }}{% endset %}{{ x }}{% macro m(a) %}{{ a }}{% endmacro %}{{ m(no) }}": "truefalse",
    "{{ [null, yes, price, thousand, big]|tojson }}": "[null, true, 10.00, 1e3, 123456789012345678901234567890]",
    "{{ price }} {{ thousand }} {{ zero }} {{ big }} {{ small }}": "10.00 1e3 -0 123456789012345678901234567890 1E-7",
    "{{ price * 3 }} {{ price + 1 }} {{ thousand|int }} {{ '%.2f' % price }} {{ price|round(1) }}": (
        "30.0 11.0 1000 10.00 10.0"
    ),
    "{{ [price, 2]|sum }} {{ [price, 2]|max }} {{ price == 10 }} {{ price > 9 }} {{ 1 == 1 }}": (
        "12.0 10.00 true true true"
    ),
    "{{ null is none }} {{ yes is true }} {{ 2 if yes else 3 }} {{ price is number }}": "true true 2 true",
}
JSON = """{"null": null, "yes": true, "no": false, "price": 10.00, "thousand": 1e3, "zero": -0, "small": 1E-7,
"big": 123456789012345678901234567890}"""


@pytest.mark.parametrize(("source", "text"), WRITTEN.items())
def test_values_are_printed_as_json_has_them(source: str, text: str) -> None:
    assert sms(source, **read_json(JSON)) == text
    assert render(Content(subject="s", body=source), "email", read_json(JSON)).body.replace("&#34;", '"') == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ order }}", "prints an object, order"),
        ("{{ order.lines }}", "prints a list, order.lines"),
        ("{{ order.lines[0] }}", "prints an object, order.lines[0]"),
        ("{{ 'a' ~ order.lines }}", "prints a list, order.lines"),
        ("{{ order.lines|join }}", "prints an object"),
        ("{{ '%s' % order.lines }}", "prints a list"),
        ("{{ '%s'|format(order) }}", "prints an object"),
        ("{{ '{}'.format(order) }}", "prints an object"),
        ("{{ order|upper }}", "prints an object"),
        ("{{ order|string }}", "prints an object"),
        ("{{ order.lines|map('string')|join }}", "prints an object"),
        ("{{ order.lines|list }}", "prints a list, order.lines|list"),
    ],
)
def test_an_object_or_list_printed_bare_is_said_with_its_path(source: str, said: str) -> None:
    [fault] = faults(Content(body=source), "sms", {"order": {"lines": [{"price": 1}]}})
    assert fault.message.startswith(said)


@given(st.sampled_from(["items", "values", "keys", "get", "copy", "update", "pop", "setdefault", "clear", "fromkeys"]))
def test_a_key_named_like_a_method_reads_the_data(key: str) -> None:
    sources = (f"o.{key}", f"o['{key}']", f"[o]|map(attribute='{key}')|join", f"'{{0.{key}}}'.format(o)")
    assert [sms("{{ " + source + " }}", o={key: 5}) for source in sources] == ["5"] * 4
    [fault] = faults(Content(body=f"{{{{ o.{key} }}}}"), "sms", {"o": {"a": 1}})
    assert fault.message == f"o.{key} is not in the data"
    assert sms(f"{{{{ o.{key} is defined }}}}{{{{ o['{key}']|default('-') }}}}", o={"a": 1}) == "false-"


# -- chat --------------------------------------------------------------------------------------------------------------

EVIL = "[reset](https://evil.example) _a_ *b* `c` ~d~ ||e|| @everyone <@123> <!channel> & # x\n# y\n- z\n1. w > v"
MARKDOWN = (
    "\\[reset\\]\\(https://evil.example\\) \\_a\\_ \\*b\\* \\`c\\` \\~d\\~ \\|\\|e\\|\\| \\@everyone \\<\\@123\\>"
    " \\<\\!channel\\> & \\# x\n\\# y\n\\- z\n1\\. w \\> v"
)
MRKDWN = EVIL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
ON = {"discord": MARKDOWN, "teams": MARKDOWN, "slack": MRKDWN, "webhook": EVIL}


def chat(platform: str | None, source: str, **data: Any) -> str:
    return render(Content(body=source), "chat", data, platform).body


@pytest.mark.parametrize("platform", ON)
@pytest.mark.parametrize(
    "source",
    [
        "{{ v }}",
        "{{ v|trim }}",
        "{% set x %}{{ v }}{% endset %}{{ x }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(v) }}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ v }}{% endcall %}",
        "{{ ''|safe ~ v }}",
        "{{ [''|safe, v]|join }}",
        "{{ ('%s'|safe) % v }}",
        "{{ ('%s'|safe)|format(v) }}",
        "{{ ('{}'|safe).format(v) }}",
        "{{ ''|safe + v }}",
        "{{ ('x'|safe)|replace('x', v) }}",
        "{{ v|e }}",
        "{% autoescape true %}{{ v }}{% endautoescape %}",
        "{% autoescape false %}{{ v }}{% endautoescape %}",
    ],
)
def test_a_value_is_text_on_each_platform_however_it_gets_there(platform: str, source: str) -> None:
    # Whoever escapes for a webhook of their own means HTML.
    means_html = platform == "webhook" and ("|e" in source or "escape true" in source)
    assert chat(platform, source, v=EVIL) == (str(escape(EVIL)) if means_html else ON[platform])


@pytest.mark.parametrize("platform", ON)
def test_the_authors_own_text_is_formatting(platform: str) -> None:
    own = "*Hello* _you_ <!here> <https://shop.example|Shop> [Shop](https://shop.example) & # > @everyone"
    assert chat(platform, own) == own
    assert chat(platform, "{{ v|safe }}", v=own) == own


@pytest.mark.parametrize("platform", ["discord", "teams"])
def test_a_url_of_the_data_stays_one_the_platform_can_follow(platform: str) -> None:
    url = "https://shop.example/a_b-c/?d=e&f=_g"
    assert chat(platform, "{{ u }}", u=url) == url
    assert chat(platform, "{{ u }}", u=f"See ({url}).") == f"See \\({url}\\)."


URL = "https://shop.example/ä (1)?a=1&b=2"
LINKS = {
    ("chat", "slack"): "<https://shop.example/%C3%A4%20(1)?a=1&amp;b=2|A &amp; *B*>",
    ("chat", "discord"): "[A & \\*B\\*](https://shop.example/%C3%A4%20%281%29?a=1&b=2)",
    ("chat", "teams"): "[A & \\*B\\*](https://shop.example/%C3%A4%20%281%29?a=1&b=2)",
    ("chat", "webhook"): "A & *B* (https://shop.example/%C3%A4%20(1)?a=1&b=2)",
    ("chat", None): "A & *B* (https://shop.example/%C3%A4%20(1)?a=1&b=2)",
    ("email", None): '<a href="https://shop.example/%C3%A4%20(1)?a=1&amp;b=2">A &amp; *B*</a>',
    ("sms", None): "https://shop.example/%C3%A4%20(1)?a=1&b=2",
    ("push", "apns"): "A & *B*",
}


@pytest.mark.parametrize(("where", "written"), LINKS.items())
def test_a_link_is_written_for_whom_reads_it(where: tuple[Channel, str | None], written: str) -> None:
    channel, platform = where
    content = Content(subject="s", body="{{ link(u, t) }}")
    assert render(content, channel, {"u": URL, "t": "A & *B*"}, platform).body == written


def test_a_link_that_leads_nowhere_is_its_text_and_what_is_no_url_is_refused() -> None:
    assert chat("slack", "{{ link(none, 'a') }}{{ link('', 'b') }}{{ link('#top', 'c') }}") == "abc"
    assert chat("slack", "{{ link('mailto:a@b.example', 'Ada') }}") == "<mailto:a@b.example|Ada>"
    assert chat("slack", "{{ link('https://shop.example', none) }}") == "<https://shop.example|https://shop.example>"
    [fault] = faults(Content(body="{{ link('javascript:x', 'a') }}"), "chat", {})
    assert "javascript:" in fault.message
    assert chat("discord", "{{ link }}", link="mine") == "mine"


# -- HTML where nobody reads it ----------------------------------------------------------------------------------------

HTML_SOURCE = "<h1>Hello {{ n }}</h1><p>Your <b>order</b>:<br>see <a href='{{ u }}'>here</a>.</p><ul><li>a</li></ul>"
AS_TEXT = "Hello <Ada> & *co*\n\nYour order:\nsee here (https://shop.example/?a=1&b=2).\n\n- a"


@pytest.mark.parametrize(("channel", "platform"), [("sms", None), ("push", "fcm"), ("chat", "webhook"), ("chat", None)])
def test_html_becomes_text_where_nobody_reads_html(channel: Channel, platform: str | None) -> None:
    data = {"n": "<Ada> & *co*", "u": "https://shop.example/?a=1&b=2"}
    assert render(Content(subject="s", body=HTML_SOURCE), channel, data, platform).body == AS_TEXT


def test_html_in_chat_is_no_formatting_of_the_platforms() -> None:
    assert chat("discord", "<p>*a* {{ n }}</p>", n="_b_") == "\\*a\\* \\_b\\_"
    assert chat("slack", "<p>&lt;!here&gt; {{ n }}</p>", n="<b>") == "&lt;!here&gt; &lt;b&gt;"


def test_html_in_a_title_or_a_text_part_becomes_text_as_well() -> None:
    rendered = render(
        Content(subject="<b>Hi</b> {{ n }}", body="<p>b</p>", text="<p>Hi {{ n }}</p>"), "email", {"n": "<i>"}
    )
    assert (rendered.subject, rendered.text) == ("Hi <i>", "Hi <i>")


@pytest.mark.parametrize(
    "text", ["1 < 2 > 0", "Dear <Ada>", "<https://shop.example|Shop>", "a<b", "if a<b and b>c", "<3"]
)
def test_what_is_no_html_stays_as_it_is(text: str) -> None:
    assert sms(text) == text
    assert sms("{{ v }}", v="<p>" + text) == "<p>" + text


def test_a_mail_without_text_gets_its_text_from_the_html() -> None:
    data = {"n": "<Ada> & *co*", "u": "https://shop.example/?a=1&b=2"}
    assert with_text_part(render(Content(subject="s", body=HTML_SOURCE), "email", data)).text == AS_TEXT
    assert with_text_part(render(Content(subject="s", body="<p>b</p>", text="own"), "email", {})).text == "own"


UNCLOSED = ["<", "<!--", "<a ", "<![CDATA[", "<a", "<!", "<?", "<a b='>", "<script>", "<p>x", "<div>", "<pre> "]


@pytest.mark.parametrize("repeated", UNCLOSED)
def test_no_parser_is_given_what_is_never_closed(repeated: str) -> None:
    """Python's parser reads 250 KB of some of these to their end once for each, which takes minutes."""
    given = closed(repeated * (MAX_RENDERED_BYTES // len(repeated)))
    assert re.fullmatch(r"(?:[^<]+|</?[A-Za-z][^<>]*>)*+", given)
    assert text_of_html(repeated * 500) is not None


@given(st.text(alphabet="<>!-/?ab='\" \n&"))
def test_whatever_the_html_it_becomes_text(html_source: str) -> None:
    assert isinstance(text_of_html(html_source), str)


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


@pytest.mark.parametrize(
    ("source", "required"),
    [
        ("{{ a|default('x') }}{{ a }}", {"a"}),
        ("{% if a is defined %}{{ a }}{% endif %}{{ a }}", {"a"}),
        ("{% if a is defined and b %}{{ a }}{% elif c is defined %}{{ c }}{% endif %}", {"b"}),
        ("{{ a if a is defined }}{{ b is defined and b > 1 }}", set()),
        ("{% set a = a|default('x') %}{{ a }}", set()),
        ("{{ a|default(b) }}", {"b"}),
        ("{% for a in b %}{{ a }}{% endfor %}", {"b"}),
    ],
)
def test_one_guarded_use_does_not_hide_the_others(source: str, required: set[str]) -> None:
    assert required_variables(Content(body=source), "sms") == required


def test_a_name_with_a_dash_is_told_apart_from_a_subtraction() -> None:
    content = Content(body="{{ first-name }} {{ a - b }} {{ user.first-name }}")
    found = read_as_subtraction(content, "sms")
    assert found == {"first-name": {"first", "name"}, "user.first-name": {"user", "name"}}


@given(st.sets(st.sampled_from(["a", "b", "c"])))
def test_a_content_renders_exactly_when_its_required_variables_are_there(present: set[str]) -> None:
    content = Content(body="{{ a }}{{ b|default('') }}{{ c.x }}")
    data: dict[str, Any] = {name: {"x": 1} if name == "c" else 1 for name in present}
    complete = required_variables(content, "sms") <= present
    try:
        render(content, "sms", data)
    except TemplateError:
        assert not complete
    else:
        assert complete
