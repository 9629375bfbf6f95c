# ruff: noqa: ARG002 - markdownify gives each method all it may want
"""HTML as plain text: for who reads mail without HTML, and for HTML that is sent where nobody reads it.

Import it where it is used: it takes a tenth of a second, which most messages do without.
"""

import re
from typing import Any, Final

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

# Python's own parser, below, reads on to the end for each tag or comment that is never closed, so that 250 KB of
# `<a <a <a` take it minutes. So it is given none: each of these patterns goes on where it has stopped.
_UNSHOWN: Final = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script|title)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_DECLARATION: Final = re.compile(r"<[!?][^<>]*>?")
_NO_TAG: Final = re.compile(r"<(?!/?[A-Za-z][^<>]*>)")

_BLANK_LINES: Final = re.compile(r"\n\s*\n\s*")


class _Converter(MarkdownConverter):
    """markdownify without the signs of Markdown, as nobody renders the text, and with urls beside their text."""

    def convert_a(self, el: Any, text: str, parent_tags: set[str]) -> str:
        url, shown = str(el.get("href") or "").strip(), text.strip()
        says_it_itself = shown in (url, url.partition(":")[2]) or url.startswith("#") or not url
        return shown if shown and says_it_itself else f"{shown} ({url})" if shown else ""

    def convert_img(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return str(el.get("alt") or "")

    def convert_br(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return "\n"

    def convert_hN(self, n: int, el: Any, text: str, parent_tags: set[str]) -> str:  # noqa: N802 (markdownify's name)
        return f"\n\n{text.strip()}\n\n"

    def convert_tr(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"{text.rstrip()}\n"

    def convert_td(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"{text.strip()} " if text.strip() else ""

    def convert_table(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    def _as_it_is(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return text

    convert_th = convert_td
    convert_b = convert_strong = convert_em = convert_i = convert_del = convert_s = _as_it_is
    convert_code = convert_kbd = convert_samp = _as_it_is

    def convert_pre(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text}\n\n"


_CONVERTER: Final = _Converter(bullets="-", escape_asterisks=False, escape_underscores=False)


def closed(html: str) -> str:
    """Return the HTML without what is not shown, and with a `<` as such wherever it begins no whole tag."""
    return _NO_TAG.sub("&lt;", _DECLARATION.sub("", _UNSHOWN.sub("", html)))


def text_of_html(html: str) -> str:
    """Return what a reader would see: blocks on lines of their own, lists, each link's url in brackets after its text.

    HTML that is nested more deeply than Python may call is shown without any of that.
    """
    soup = BeautifulSoup(closed(html), "html.parser")
    try:
        text = _CONVERTER.convert_soup(soup)
    except RecursionError:
        text = soup.get_text(" ", strip=True)
    return _BLANK_LINES.sub("\n\n", text).strip()
