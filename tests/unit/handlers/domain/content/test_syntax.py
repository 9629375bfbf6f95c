"""What is wrong with a template's source is said in our words."""

import pytest

from handlers.domain.content.rendering import Content, Fault, TemplateError, check

CANNOT_BE_READ = "it cannot be read from here on"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ a", "}} is missing before the template ends"),
        ("{% if %}x{% endif %}", "a value is missing before %}"),
        ("{% foo %}", "foo does not belong here"),
        ("{% endif %}", "endif does not belong here"),
        ("{% if a %}x", "if is not closed before the template ends"),
        ("{% if a %}{% endfor %}", "endfor does not belong here"),
        ("{{ a | }}", "a name is expected, not }}"),
        ("{{ 'a }}", 'the character "\'" does not belong here'),
        ("{{ a b }}", "}} is expected, not b"),
        ("{# x", "a comment is not closed"),
        ("{{ [1,2 }}", "] is expected, not }"),
        ("{{ 1 + }}", "}} does not belong here"),
        ("{{ a..b }}", CANNOT_BE_READ),
        ("{% for loop in x %}{% endfor %}", CANNOT_BE_READ),
    ],
)
def test_what_is_wrong_with_a_source_is_said_in_our_words(source: str, said: str) -> None:
    with pytest.raises(TemplateError) as raised:
        check(Content(body="\n" + source), "sms")
    assert raised.value.faults == (Fault("body", f"is not a valid template: {said}", 2),)
