"""Links of an HTML body through the click redirect, and nothing else of it changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.content.link_tracking import with_tracked_links

OURS = "https://api.example.com/live"


def tracked(html: str) -> str:
    return with_tracked_links(html, OURS, lambda url: f"{OURS}/t/c/[{url}]")


def link(url: str) -> str:
    return f'"{OURS}/t/c/[{url}]"'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://x.test/a?b=1&amp;c=2">x</a>', f"<a href={link('https://x.test/a?b=1&amp;c=2')}>x</a>"),
        ("<A class='b' HREF='http://x.test/'>x</A>", f"<A class='b' HREF={link('http://x.test/')}>x</A>"),
        ("<a href=https://x.test/y>x</a>", f"<a href={link('https://x.test/y')}>x</a>"),
        ('<a\nhref = "https://x.test/a b"\n>', f"<a\nhref = {link('https://x.test/a%20b')}\n>"),
        ('<a href="https://bücher.example/ö">', f"<a href={link('https://xn--bcher-kva.example/%C3%B6')}>"),
        ('<a href="https://x.test/{a}|b">', f"<a href={link('https://x.test/%7Ba%7D%7Cb')}>"),
        ('<a href="https://x.test/100%">', f"<a href={link('https://x.test/100%25')}>"),
        ('<a href="https://x.test/a%20b#part-2">', f"<a href={link('https://x.test/a%20b#part-2')}>"),
        ('<a href=" https://x.test/ ">', f"<a href={link('https://x.test/')}>"),
        ('<area href="https://x.test/" alt="x"/>', f'<area href={link("https://x.test/")} alt="x"/>'),
        ('<a title="a > b" href="https://x.test/">', f'<a title="a > b" href={link("https://x.test/")}>'),
        (
            '<a data-href="https://x.test/1" href="https://x.test/2">',
            f'<a data-href="https://x.test/1" href={link("https://x.test/2")}>',
        ),
    ],
)
def test_what_leads_to_a_page_is_led_through_us(html: str, expected: str) -> None:
    assert tracked(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        '<a href="#top">up</a>',
        '<a href="mailto:ada@example.com?subject=a b">mail</a>',
        "<a href='tel:+442079460123'>call</a>",
        '<a href="myapp://orders/42">app</a>',
        '<a href="">nothing</a>',
        "<a name='here'>no link</a>",
        "<a href>no value</a>",
        f'<a href="{OURS}/t/c/abc">tracked</a><a href="{OURS}/u/abc">out</a>',
        '<!-- <a href="https://x.test/">x</a> -->',
        "<!--[if mso]><a href='https://x.test/'>x</a><![endif]-->",
        '<style>a[href="https://x.test/"] { color: red }</style>',
        '<title><a href="https://x.test/"></title>',
        '<img src="https://x.test/a.png"><link href="https://x.test/b.css">',
        "<abbr href='https://x.test/'>",
        '<a href="https://">no host</a>',
        '<a href="not a url">',
        f'<a href="https://x.test/{"a" * 2100}">too long</a>',
        '<a href="https://x.test/',
        "text with https://x.test/ and < signs > & more",
    ],
)
def test_all_else_stays_as_it_is(html: str) -> None:
    assert tracked(html) == html


def test_each_link_of_a_body_is_found_after_whatever_stands_before() -> None:
    parts = ["<p>1 < 2 <b>", "<a ", "<!-- ", "<a href='https://x.test/1'>", "<a =>", "<style>", "</style"]
    assert tracked("<p>a < b</p><a href='https://x.test/1'>") == f"<p>a < b</p><a href={link('https://x.test/1')}>"
    assert tracked("<a =\"><a href='https://x.test/1'>").count("/t/c/") == 1
    assert all(tracked(part * 3) for part in parts)


@given(st.text(alphabet="<a href='\">=!-/ x:t", max_size=60))
def test_nothing_is_lost_whatever_the_body_is(html: str) -> None:
    assert tracked(html) == html  # no url in it has a scheme, so nothing may change


@pytest.mark.parametrize("piece", ["<a ", "<a href='", '<a "', "<!--", "<a href=x ", "<style>", "<a =", "<a  /"])
def test_a_body_that_never_closes_what_it_opens_is_read_to_its_end(piece: str) -> None:
    """A quarter of a megabyte: who goes back over what was read takes minutes for it, and all of the suite's time."""
    body = piece * (256 * 1024 // len(piece))
    assert tracked(body) == body
