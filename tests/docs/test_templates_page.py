"""Whatever a template may use stands on its page, and every example there can be sent."""

import re
from pathlib import Path

from handlers.domain.channels import REGISTRY
from handlers.domain.content import budget
from handlers.domain.content.dialects import HTML, dialect_of
from handlers.domain.content.links import VARIABLES
from handlers.domain.content.rendering import MAX_RENDERED_BYTES, Content
from handlers.domain.content.sandbox.environment import environment as sandboxed
from handlers.domain.content.sandbox.filters import FILTERS
from handlers.domain.content.sizes import LIMITS
from handlers.domain.content.sms import MAX_SEGMENTS
from handlers.domain.content.writing import sample

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()


def listed(what: str) -> set[str]:
    """The names in the item of the list that begins with this word, up to its first full stop."""
    [item] = re.findall(rf"^- {what}: (.*?)\.(?:\s|$)", PAGE, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([a-z]+)`", item))


def test_every_variable_filter_and_function_is_on_the_page_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z_]+)(?:\(url\))?` \|", PAGE, re.MULTILINE)) == set(VARIABLES)
    assert listed("Filters") == set(FILTERS)
    assert listed("Functions") == set(sandboxed(HTML).globals)


def test_the_bounds_are_those_that_are_kept() -> None:
    for bound in (
        f"{MAX_RENDERED_BYTES // 1024} KB",
        f"{budget.MAX_STEPS:,}",
        f"{budget.MAX_CHARACTERS:,}",
    ):
        assert f"| {bound} |" in PAGE


def test_how_long_a_message_may_be_is_on_the_page() -> None:
    rows = {
        (cells[0].strip(), cells[1].strip())
        for line in PAGE.splitlines()
        if line.startswith("|") and len(cells := line.split("|")[1:-1]) == 3
    }
    named = {"apns": "a push by APNs", "fcm": "a push by FCM"}
    for limit in LIMITS:
        if limit.platform is None and REGISTRY[limit.channel].max_characters == limit.most:
            continue  # in the table of channels, which is generated
        what = named.get(limit.platform or "", f"a message in {limit.taker}" if limit.platform else limit.taker)
        assert (what, f"{limit.most:,}") in rows
    assert ("a text message", f"{MAX_SEGMENTS} parts (`sms.maxSegments`)") in rows


def test_the_example_can_be_sent() -> None:
    [source] = re.findall(r"```jinja\n(.*?)```", PAGE, re.DOTALL)
    data = {"name": "Ada", "items": [{"title": "Tea", "price": 3}], "order_url": "https://shop.example.com/42"}
    body = sample(Content(subject="Hi", body=source), "email", data).body
    assert "<li>Tea: 3</li>" in body


def test_a_link_is_written_as_the_page_says() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| (`[^`]+`|the url|the text) \|$", PAGE.replace("\\|", "¦"), re.MULTILINE))
    places = {
        "Slack": dialect_of("chat", "body", "slack"),
        "Teams, Discord": dialect_of("chat", "body", "teams"),
        "e-mail, the `body`": HTML,
        "a text message": dialect_of("sms", "body", None),
        "a push": dialect_of("push", "body", "fcm"),
        "webhook, preview of chat, e-mail's `text`": dialect_of("chat", "body", "webhook"),
    }
    for place, dialect in places.items():
        said = rows[place].strip("`").replace("¦", "|").removeprefix("the ")
        assert dialect.link("url", "text") == said
