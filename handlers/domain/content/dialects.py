"""How values and links are written for whom reads them: HTML, each chat platform's own formatting, or plain text.

The author's own text is sent as it stands, so that it may hold formatting. A value is escaped: nobody's name can
become a link, call everybody, or be shown in bold.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from handlers.domain.channels import REGISTRY, Channel


class ChatText(Markup):
    """Text in a platform's own formatting, which is escaped no more. Whatever is joined to it is."""

    @classmethod
    def escape(cls, s: Any, /) -> "ChatText":
        """Return a value as text that its reader sees as it is."""
        return s if isinstance(s, cls) else cls(cls.escaped(str(s)))

    @staticmethod
    def escaped(text: str) -> str:
        """Return the text with all that means something to the platform escaped."""
        raise NotImplementedError


class SlackText(ChatText):
    """Slack's mrkdwn. It has no way to escape `*` and `_`, which can show a word in bold and no more."""

    @staticmethod
    def escaped(text: str) -> str:
        """Escape what makes links and mentions: https://docs.slack.dev/messaging/formatting-message-text#escaping."""
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# A url is left as it is, since platforms make it a link by itself, and a backslash in it would break that. Its last
# character is none that ends a sentence or closes a bracket.
_MARKDOWN: Final = re.compile(
    r"(?P<url>https?://[A-Za-z0-9](?:[^\s<>\"'`\\|*~()\[\]{}]*[^\s<>\"'`\\|*~()\[\]{}.,:;!?_])?)"
    r"|(?P<start>^[ \t]*(?:[-+#>=]|\d+(?=[.)])))"
    r"|(?P<sign>[\\`*_~|<>\[\](){}@#!])",
    re.MULTILINE,
)


def _escape_markdown(found: re.Match[str]) -> str:
    if found["url"]:
        return found["url"]
    if found["start"] and found["start"][-1].isdigit():
        return f"{found['start']}\\"
    return f"{found[0][:-1]}\\{found[0][-1]}"


class MarkdownText(ChatText):
    """Markdown, in which a backslash makes a sign of punctuation mean nothing but itself (CommonMark 2.4)."""

    @staticmethod
    def escaped(text: str) -> str:
        """Escape what formats, links or mentions."""
        return _MARKDOWN.sub(_escape_markdown, text)


@dataclass(frozen=True, slots=True)
class Dialect:
    """A way to write. `markup` is the kind of text that values become, None where they stand as they are.

    `link` writes a link of a url, encoded as RFC 3986 has it, and a text that is no markup yet.
    """

    name: str
    markup: type[Markup] | None
    link: Callable[[str, str], str]


def _anchor(url: str, text: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url, text)


def _slack_link(url: str, text: str) -> SlackText:
    return SlackText(f"<{SlackText.escape(url)}|{SlackText.escape(text)}>")


def _markdown_link(url: str, text: str) -> MarkdownText:
    target = url.replace("(", "%28").replace(")", "%29")
    return MarkdownText(f"[{MarkdownText.escape(' '.join(text.split()))}]({target})")


def _beside(url: str, text: str) -> str:
    return f"{text} ({url})"


def _bare(url: str, _text: str) -> str:
    return url


def _text_alone(_url: str, text: str) -> str:
    return text


HTML: Final = Dialect("html", Markup, _anchor)
PLAIN: Final = Dialect("plain", None, _beside)
_SMS: Final = Dialect("sms", None, _bare)
_PUSH: Final = Dialect("push", None, _text_alone)
_CHANNELS: Final[Mapping[Channel, Dialect]] = {"sms": _SMS, "push": _PUSH}
_PLATFORMS: Final = {
    "slack": Dialect("slack", SlackText, _slack_link),
    "teams": Dialect("teams", MarkdownText, _markdown_link),
    "discord": Dialect("discord", MarkdownText, _markdown_link),
}
ALL: Final = (HTML, PLAIN, _SMS, _PUSH, *_PLATFORMS.values())


def dialect_of(channel: Channel, field: str, platform: str | None) -> Dialect:
    """Return how a field is written; for a chat without a platform, or for anybody's own webhook, in plain text."""
    if REGISTRY[channel].is_html:
        return HTML if field == "body" else PLAIN
    return _CHANNELS.get(channel) or _PLATFORMS.get(platform or "", PLAIN)
