"""Every provider has its row in both tables of the page, and no other has one."""

import re
from pathlib import Path

from handlers.adapters.providers import registry
from handlers.domain.channels import CHANNELS

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
REGISTERED = [name for channel in CHANNELS for name in registry(channel)]


def test_every_provider_is_described_once_and_no_other() -> None:
    rows = re.findall(r"^\| (email|sms|push|chat)[^|]* \| `([a-z-]+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((channel, name) for channel in CHANNELS for name in registry(channel))


def test_what_every_provider_answers_is_explained() -> None:
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == sorted(REGISTERED)
