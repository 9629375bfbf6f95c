"""Every link of an HTML body through the click redirect, for categories that ask for it (`track: links`).

Only the value of `href` in `<a>` and `<area>` is touched, and only where it leads to http or https: anchors, `mailto:`,
`tel:` and an app's own schemes stay as they are, byte for byte, and so does all else of the body. Links that lead to
us already (`tracked(url)`, the settings page) are not led through us twice. What is no url, or too long for one, stays.

Comments are left alone, what Outlook reads in them too, and so is what is no markup: `<style>`, `<script>`, `<title>`.
The body is read once from its beginning to its end, however it is made: no pattern goes back over what was read.
"""

import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from typing import Final

from handlers.domain.content.budget import RefusedError
from handlers.domain.content.urls import encoded

_MARKUP: Final = re.compile(r"<!--|<(?:style|script|title|textarea)\b|<(?:a|area)(?=[\s/])", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"[\s/]*([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>][^\s>]*)))?")
_TAG_END: Final = re.compile(r"[\s/]*>")


def with_tracked_links(html: str, own: str, track: Callable[[str], str]) -> str:
    """Return the HTML with its links as `track` makes them of the urls; `own` begins the urls that are ours already."""
    parts: list[str] = []
    done = 0
    for start, end, value in _links(html):
        url = unescape(value)
        target = None if url.startswith(own) else _followed(url)
        if target is not None:
            parts += [html[done:start], f'"{escape(track(target))}"']
            done = end
    return "".join([*parts, html[done:]])


def _followed(url: str) -> str | None:
    """Return an http url encoded; None for what leads elsewhere, or cannot be followed as it stands."""
    try:
        return encoded(url.strip(), "track: links")
    except RefusedError:
        return None


def _links(html: str) -> Iterator[tuple[int, int, str]]:
    """Yield where the value of each link's `href` begins and ends, quotes included, and the value as it is written."""
    place = 0
    while (found := _MARKUP.search(html, place)) is not None:
        opening = found.group().lower()
        if opening == "<!--":
            place = _after(html, "-->", found.end())
        elif opening[1:] in ("style", "script", "title", "textarea"):
            place = _after(html, f"</{opening[1:]}", found.end())
        else:
            href, place = _href(html, found.end())
            if href is not None:
                yield href


def _after(html: str, closing: str, place: int) -> int:
    """Return where the text goes on after what is closed by this, in any case; its end, if it never is."""
    found = re.compile(re.escape(closing), re.IGNORECASE).search(html, place)
    return len(html) if found is None else found.end()


def _href(html: str, place: int) -> tuple[tuple[int, int, str] | None, int]:
    """Return a tag's first `href`, if it has one, and where the tag ends; a tag that does not end has none."""
    href: tuple[int, int, str] | None = None
    while (end := _TAG_END.match(html, place)) is None:
        attribute = _ATTRIBUTE.match(html, place)
        if attribute is None:
            return None, max(place, len(html) if place >= len(html) else place + 1)
        place = attribute.end()
        group = next((each for each in (2, 3, 4) if attribute[each] is not None), None)
        if attribute[1].lower() == "href" and href is None and group is not None:
            quotes = 0 if group == 4 else 1
            start, stop = attribute.span(group)
            href = start - quotes, stop + quotes, attribute[group]
    return href, end.end()
