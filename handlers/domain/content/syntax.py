"""What is wrong with a template's source, in our words: Jinja's own speak of its lexer's tokens."""

import re
from typing import Final

from jinja2 import TemplateSyntaxError

_SIGNS: Final = {
    "end of print statement": "}}",
    "end of statement block": "%}",
    "begin of print statement": "{{",
    "begin of statement block": "{%",
    "end of template": "the end of the template",
    "name": "a name",
}
# In the order in which they are tried: Jinja's message, and ours with what is in its brackets.
_WORDS: Final = tuple(
    (re.compile(jinja, re.DOTALL), ours)
    for jinja, ours in (
        (r"Encountered unknown tag '([^']+)'\..*", "{0} does not belong here"),
        (r"Unexpected end of template\..* closed is '(\w+)'\.", "{0} is not closed before the template ends"),
        (r"unexpected end of template, expected '(.+)'\.", "{0} is missing before the template ends"),
        (r"Missing end of (\w+).*", "a {0} is not closed"),
        (r"unexpected char (.+) at \d+", "the character {0} does not belong here"),
        (r"[Ee]xpected an expression, got '(.+)'", "a value is missing before {0}"),
        (r"expected token '(.+)', got '(.+)'", "{0} is expected, not {1}"),
        (r"unexpected '(.+)', expected '(.+)'", "{1} is expected, not {0}"),
        (r"unexpected '(.+)'", "{0} does not belong here"),
        (r"block '(.+)' defined twice", "the block {0} is there twice"),
    )
)


class UnavailableSyntaxError(TemplateSyntaxError):
    """The source is a template, but of a kind that is not taken here. Its message is ours."""


def in_words(error: TemplateSyntaxError) -> str:
    """Return what is wrong; the line is the error's own."""
    message = error.message or ""
    if isinstance(error, UnavailableSyntaxError):
        return message
    for jinja, ours in _WORDS:
        if found := jinja.fullmatch(message):
            return ours.format(*(_SIGNS.get(sign, sign) for sign in found.groups()))
    return "it cannot be read from here on"
