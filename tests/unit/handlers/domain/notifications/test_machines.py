"""Who is a machine, and who a person."""

from datetime import timedelta

import pytest

from handlers.domain.notifications.machines import Visit, is_machine
from tests.unit.handlers.samples import NOW

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
LATER = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("agent", "after", "expected"),
    [
        ("Mozilla/5.0", LATER, True),  # Apple's Mail Privacy Protection
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", LATER, True),
        ("BarracudaCentral/1.0 (scanner)", LATER, True),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", LATER, True),
        ("Microsoft Office Existence Discovery", LATER, True),
        (CHROME, timedelta(milliseconds=400), True),
        (CHROME, timedelta(seconds=1), False),
        (CHROME, LATER, False),
        (CHROME, None, False),  # `sent` is not written yet: nobody knows how quick it was
        (GMAIL, LATER, False),  # loads when its reader opens the message
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", LATER, False),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Mobile Safari/537.36", LATER, False),
        ("python-httpx/0.28.1", timedelta(0), False),  # hides nothing: whoever wrote it wants it counted
        ("", LATER, False),
        (None, LATER, False),
    ],
)
def test_the_rule(agent: str | None, after: timedelta | None, expected: bool) -> None:
    assert is_machine(Visit(agent, NOW, None if after is None else NOW - after)) is expected


def test_a_machine_is_what_the_provider_says_is_one() -> None:
    assert is_machine(Visit(CHROME, NOW, NOW - LATER, provider_says_machine=True))
