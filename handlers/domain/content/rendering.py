"""Jinja2 sources and data in, the text to send out; nothing else can be reached from a template.

Sources come from producers, so they run in a sandbox (see `sandbox`): no attribute that leads out of the data, no way
to change the data, no file, no import, a bounded result, and bounded work and memory on the way to it. What is printed
of the data is escaped for whom reads it (see `dialects`), unless its author says `safe`. HTML in a field that is no
HTML becomes text. Messages of errors name the field, the line and the path, never a value out of the data.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Final

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from pydantic import Field, StringConstraints

from handlers.domain.channels import REGISTRY, Channel
from handlers.domain.content import dialects, requirements
from handlers.domain.content.budget import RefusedError, new_budget
from handlers.domain.content.dialects import HTML, Dialect, dialect_of
from handlers.domain.content.sandbox.environment import environment as sandboxed
from handlers.domain.content.sandbox.metering import metered
from handlers.domain.content.sandbox.parsing import parse, undeclared
from handlers.domain.content.syntax import in_words
from handlers.domain.model import Model, is_absent

MAX_RENDERED_BYTES: Final = 256 * 1024
"""Of one field once rendered, in UTF-8: as much as a whole request may carry."""

FIELDS: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {channel: tuple(each.fields) for channel, each in REGISTRY.items()}
)
"""The fields that each channel sends. Of these, `body` is always needed, and by e-mail a `subject`."""


class Content(Model):
    """Jinja2 sources of a message: of a stored template, or of the one-off `content` of a notification."""

    subject: str | None = Field(default=None, exclude_if=is_absent)
    body: Annotated[str, StringConstraints(min_length=1)]
    text: str | None = Field(default=None, exclude_if=is_absent)


class RenderedContent(Model):
    """What a channel sends: only the fields that the channel has."""

    subject: str | None = Field(default=None, exclude_if=is_absent)
    body: str
    text: str | None = Field(default=None, exclude_if=is_absent)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a `Content`; `line` counts from 1."""

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.field if self.line is None else f"{self.field}, line {self.line}"
        return f"{where}: {self.message}"


class TemplateError(Exception):
    """A content that cannot be rendered; carries every fault found and no value out of the data."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def render(content: Content, channel: Channel, data: Mapping[str, Any], platform: str | None = None) -> RenderedContent:
    """Return the content as the channel sends it, or as a `platform` of it does that has a formatting of its own.

    Raises `TemplateError` when a source does not compile, needs what the data do not hold, grows beyond
    `MAX_RENDERED_BYTES`, or takes more time or memory than the `budget.Budget` that all the fields share. A subject is
    always one line, so no value can add a header to an e-mail. Functions in the data may be called by the sources.
    """
    if missing := _missing(content, channel):
        raise TemplateError(*missing)
    fields = [(field, source, dialect_of(channel, field, platform)) for field, source in _sources(content, channel)]
    compiled = [(field, dialect, _compile(field, source, dialect)) for field, source, dialect in fields]
    with new_budget():
        return RenderedContent(**{field: _render(field, found, dialect, data) for field, dialect, found in compiled})


def with_text_part(rendered: RenderedContent) -> RenderedContent:
    """Return a mail with a part for who reads no HTML, made from the HTML where its author has given none."""
    return rendered if rendered.text is not None else rendered.model_copy(update={"text": _text_of(rendered.body)})


def digest_item(
    delivery_id: str,
    rendered: RenderedContent,
    data: Mapping[str, Any],
    channel: Channel,
    platform: str | None = None,
) -> dict[str, Any]:
    """Return an entry as a digest's template lists it: its data, its fields as it would be sent by itself, and its id.

    What is markup already, as HTML is, is not escaped once more where it is printed.
    """
    if REGISTRY[channel].is_html:
        rendered = with_text_part(rendered)
    fields = {
        field: text if (markup := dialect_of(channel, field, platform).markup) is None else markup(text)
        for field, text in rendered.model_dump().items()
    }
    return {**data, **fields, "delivery_id": delivery_id}


def check(content: Content, channel: Channel) -> None:
    """Raise `TemplateError` with all that keeps the content from ever being sent on the channel, whatever the data.

    Fields that the channel ignores are not looked at (see `ignored_fields`).
    """
    faults = _missing(content, channel)
    for field, source in _sources(content, channel):
        try:
            _compile(field, source, dialect_of(channel, field, None))
        except TemplateError as error:
            faults += error.faults
    if faults:
        raise TemplateError(*faults)


def ignored_fields(content: Content, channel: Channel) -> tuple[str, ...]:
    """Return the fields that the content has and the channel does not send.

    A one-off `content` serves all channels at once and may have some; in a template stored for one they are a mistake.
    """
    return tuple(f for f in Content.model_fields if f not in FIELDS[channel] and getattr(content, f) is not None)


def required_variables(content: Content, channel: Channel) -> frozenset[str]:
    """Return the names that the data must hold at their top level for the content to render on the channel.

    A name that the template can do without (`x is defined`, `x | default(…)`) is not required. Raises `TemplateError`.
    """
    return frozenset().union(*(each.required for each in _compiled(content, channel)))


def read_as_subtraction(content: Content, channel: Channel) -> Mapping[str, frozenset[str]]:
    """Return what looks like a name with a dash, as `first-name`, with the names that it is in Jinja, first and name.

    Raises `TemplateError`.
    """
    return {path: names for each in _compiled(content, channel) for path, names in each.subtractions.items()}


def _compiled(content: Content, channel: Channel) -> "Iterator[_Compiled]":
    for field, source in _sources(content, channel):
        yield _compile(field, source, dialect_of(channel, field, None))


def _sources(content: Content, channel: Channel) -> Iterator[tuple[str, str]]:
    for field in FIELDS[channel]:
        source = getattr(content, field)
        if source is not None:
            yield field, source


def _missing(content: Content, channel: Channel) -> list[Fault]:
    lacks_subject = REGISTRY[channel].is_html and content.subject is None
    return [Fault("subject", "an e-mail needs a subject")] if lacks_subject else []


_ENVIRONMENTS: Final = {dialect: sandboxed(dialect) for dialect in dialects.ALL}


# -- before there are data ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`is_html` says that the author wrote HTML; whether the field is HTML as well is another thing."""

    template: Template
    required: frozenset[str]
    subtractions: Mapping[str, frozenset[str]]
    is_html: bool


@lru_cache(maxsize=64)
def _compile(field: str, source: str, dialect: Dialect) -> _Compiled:
    try:
        tree = parse(_ENVIRONMENTS[dialect], source)
        is_html = dialect is HTML or any(_TAG.search(text) for text in _own_text(tree))
        environment = _ENVIRONMENTS[HTML if is_html else dialect]
        names = undeclared(environment, tree)
        required = names & requirements.unguarded(tree)
        subtractions = requirements.subtractions(tree, source)
        template = environment.from_string(metered(tree, source))
    except TemplateSyntaxError as error:
        raise TemplateError(Fault(field, f"is not a valid template: {in_words(error)}", error.lineno)) from None
    except Exception:  # Python's own limits on nesting and numbers, as RecursionError, SyntaxError, ValueError
        raise TemplateError(
            Fault(field, "is too complex to compile: nested too deeply, or a number too long")
        ) from None
    return _Compiled(template, required, subtractions, is_html)


_TAG: Final = re.compile(
    r"</?(?:a|abbr|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|font|footer|form|h[1-6]|head|header|hr|html|i"
    r"|img|li|link|main|meta|nav|ol|p|pre|s|section|small|span|strike|strong|style|sub|sup|table|tbody|td|tfoot|th|thead"
    r"|title|tr|u|ul)(?:\s+[a-z-]+\s*=[^<>]*)?\s*/?>",
    re.IGNORECASE,
)
"""A tag of HTML as mails use them. `<https://…|a link>` of Slack is none, nor `<Ada>`."""


def _own_text(tree: nodes.Template) -> Iterator[str]:
    return (node.data for node in tree.find_all(nodes.TemplateData))


# -- with data ---------------------------------------------------------------------------------------------------------


def _render(field: str, compiled: _Compiled, dialect: Dialect, data: Mapping[str, Any]) -> str:
    template = compiled.template
    try:
        rendered = _bounded(field, template.generate(dict(data)))
    except TemplateError:
        raise
    except Exception as error:  # whatever a template's own expressions may raise
        # `from None`: the messages of these errors may quote the data.
        raise TemplateError(Fault(field, _explain(error), _line(error, template))) from None
    if compiled.is_html and dialect is not HTML:
        text = _text_of(rendered)
        rendered = dialect.markup.escape(text) if dialect.markup else text
    return _one_line(rendered) if field == "subject" else rendered


def _bounded(field: str, chunks: Iterator[str]) -> str:
    """Join the chunks, stopping at the first that makes them too many: a loop ends there, not when memory does."""
    kept, size = [], 0
    for chunk in chunks:
        size += len(chunk.encode())
        if size > MAX_RENDERED_BYTES:
            raise TemplateError(Fault(field, f"is longer than {MAX_RENDERED_BYTES // 1024} KB once rendered"))
        kept.append(chunk)
    return "".join(kept)


def _text_of(html: str) -> str:
    from handlers.domain.content.html_text import text_of_html  # here, as it says itself

    return text_of_html(html)


_LINE_BREAKS_AND_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def _one_line(subject: str) -> str:
    return _LINE_BREAKS_AND_CONTROLS.sub(" ", subject).strip()


_EXPLANATIONS: Final[Mapping[type[Exception], str]] = MappingProxyType(
    {
        SecurityError: "does something that a template may not do",
        UnicodeEncodeError: "is not valid Unicode once rendered",
        RecursionError: "is nested too deeply",
        ZeroDivisionError: "divides by zero",
        OverflowError: "makes a number that is too large",
        LookupError: "uses a place or a name that is not there",
        TypeError: "does something with a value of a kind that it is not for, as to add a number to a text",
        ValueError: "does something with a value that it is not for, as to make a number of a word",
    }
)
"""What is told of an error, in our words; the first that it is."""


def _explain(error: Exception) -> str:
    if isinstance(error, RefusedError | UndefinedError):
        return str(error)  # which the sandbox has written
    return next((text for kind, text in _EXPLANATIONS.items() if isinstance(error, kind)), "cannot be rendered")


def _line(error: Exception, template: Template) -> int | None:
    """Return the line of the source that failed: the last one in the traceback of the code it was compiled to."""
    line, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line
