"""A url is taken only if there is one way to read it, and is then read alike by whoever calls it."""

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.urls import UrlError, https_url


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", None),
        ("HTTPS://Hooks.Slack.COM:443/Services", "https://hooks.slack.com/Services"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?a=b", "https://example.com/?a=b"),
        ("https://xn--mnchen-3ya.de/a;b=c,d@e:f$g&h+~", None),
        ("https://a_b.example.com/%7Bx%7D?sp=%2Ftriggers%2Fmanual&sv=1.0&sig=a-_", None),
        ("https://1.1.1.1/x", None),
        ("https://[2606:4700::1111]/x", None),
        ("https://example.com/...?x=/../", None),
    ],
)
def test_a_plain_url_is_kept_as_it_is_called(text: str, kept: str | None) -> None:
    assert str(https_url(text)) == (kept or text)


CREDENTIALS, HOST, ASCII = "must not hold credentials", "must have a host", "printable ASCII"
PORT, ADDRESS, NAME = "must have no port but 443", "on the public internet", "a name for its host, or an address"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://example.com/", "begins with https://"),
        ("https:example.com/", "begins with https://"),
        ("https:\\\\example.com/", "begins with https://"),
        ("//example.com/", "begins with https://"),
        ("javascript:alert(1)", "begins with https://"),
        ("", "begins with https://"),
        # the backslash, which is a slash to browsers and a character to RFC 3986
        ("https://evil.example\\@hooks.slack.com/x", "backslash"),
        ("https://hooks.slack.com\\.evil.example/x", "backslash"),
        ("https://hooks.slack.com/a\\b", "backslash"),
        # userinfo
        ("https://hooks.slack.com@evil.example/x", CREDENTIALS),
        ("https://user:password@hooks.slack.com/x", CREDENTIALS),
        ("https://@hooks.slack.com/x", CREDENTIALS),
        ("https://:@hooks.slack.com/x", CREDENTIALS),
        ("https://a@b@hooks.slack.com/x", CREDENTIALS),
        # white space and control characters, which some remove and some keep
        (" https://hooks.slack.com/x", ASCII),
        ("https://hooks.slack.com/x\n", ASCII),
        ("https://hooks.sla\tck.com/x", ASCII),
        ("https://hooks.slack.com/a b", ASCII),
        ("https://hooks.slack.com/\x00", ASCII),
        ("https://hooks.slack.com/\x7f", ASCII),
        # other letters: IDNA has several versions, and some signs become a dot or a slash
        ("https://münchen.de/x", ASCII),
        ("https://hooks。slack.com/x", ASCII),
        ("https://evil.example／.hooks.slack.com/x", ASCII),
        ("https://hooks.slack.com/ü", ASCII),
        ("https://xn--a.com/", "must be a url"),
        # the host
        ("https://hooks.slack.com%2eevil.example/x", HOST),
        ("https://%68ooks.slack.com/x", HOST),
        ("https:///x", HOST),
        ("https://", HOST),
        ("https://?x", HOST),
        ("https://ho*ks.slack.com/x", HOST),
        ("https://hooks.slack.com./x", HOST),
        ("https://hooks..slack.com/x", HOST),
        ("https://.slack.com/x", HOST),
        (f"https://{'a' * 64}.com/x", HOST),
        ("https://-a.example.com/x", HOST),
        ("https://[hooks.slack.com]/x", HOST),
        ("https://[fe80::1%25lo]/x", HOST),
        ("https://2606:4700::1111/x", HOST),
        # ports
        ("https://hooks.slack.com:8443/x", PORT),
        ("https://hooks.slack.com:80/x", PORT),
        ("https://hooks.slack.com:/x", PORT),
        ("https://hooks.slack.com:0443/x", PORT),
        ("https://hooks.slack.com:65979/x", PORT),
        ("https://hooks.slack.com:port/x", HOST),
        # addresses in the forms that only some know
        ("https://2130706433/x", NAME),
        ("https://0x7f000001/x", NAME),
        ("https://0x7f.0.0.1/x", NAME),
        ("https://0177.0.0.1/x", NAME),
        ("https://127.1/x", NAME),
        ("https://1.1.1.1./x", HOST),
        ("https://1.1.1.08/x", NAME),
        ("https://example.0x/x", NAME),
        ("https://[::]:443/x", ADDRESS),
        ("https://[::1]/x", ADDRESS),
        ("https://[::ffff:8.8.8.8]/x", ADDRESS),
        ("https://[::ffff:7f00:1]/x", ADDRESS),
        ("https://[64:ff9b::a9fe:a9fe]/x", ADDRESS),
        ("https://[2002:a9fe:a9fe::1]/x", ADDRESS),
        ("https://[1::2::3]/x", NAME),
        ("https://127.0.0.1/x", ADDRESS),
        ("https://10.0.0.1/x", ADDRESS),
        ("https://169.254.169.254/latest/meta-data", ADDRESS),
        # path and query
        ("https://hooks.slack.com/%zz", "percent-encode"),
        ("https://hooks.slack.com/100%", "percent-encode"),
        ("https://hooks.slack.com/{id}", "percent-encode"),
        ("https://hooks.slack.com/?a=|", "percent-encode"),
        ("https://hooks.slack.com/a/../b", "a segment . or .."),
        ("https://hooks.slack.com/a/%2E%2e/b", "a segment . or .."),
        ("https://hooks.slack.com/.%2e", "a segment . or .."),
        ("https://hooks.slack.com/a#b", "fragment"),
        ("https://evil.example#@hooks.slack.com/", "fragment"),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(UrlError) as error:
        https_url(text)
    assert reason in f"must {error.value}"


PIECES = ["https://", "hooks.slack.com", "evil.example", "a", "\\", "@", ":", "443", ":8443", "/", "//", ".", "..", "?"]
PIECES += ["#", "%2e", "%40", "%5c", "[::1]", "127.0.0.1", "0x7f.1", "\t", "\n", " ", "é", "。", ";", "&", "xn--", "_"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join).map("https://".__add__))
def test_whatever_is_taken_is_the_same_url_to_three_parsers(text: str) -> None:
    try:
        url = https_url(text)
    except UrlError:
        return
    called, split = httpx.URL(str(url)), urlsplit(str(url))
    assert str(called) == str(url)
    assert url.host is not None
    assert called.raw_host.decode() == split.hostname == url.host.strip("[]")
    assert (url.port, called.port, split.port) == (443, None, None)
    assert called.raw_path.decode() == f"{split.path}?{split.query}".removesuffix("?") or "?" in text
    assert (called.userinfo, split.username, url.username) == (b"", None, None)
