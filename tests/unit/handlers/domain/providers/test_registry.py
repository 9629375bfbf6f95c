"""The registry: that each line of it can be what is derived from it, and that the Pulumi program can read it."""

import re
import subprocess
import sys
from pathlib import Path

from handlers.domain.channels import CHANNELS
from handlers.domain.providers.registry import PROVIDERS, Registered, of_channel

ROOT = Path(__file__).parents[5]


def test_every_provider_has_a_name_of_its_own_that_can_name_a_secret_and_a_file() -> None:
    names = [each.name for each in PROVIDERS]
    assert len(set(names)) == len({each.module for each in PROVIDERS}) == len(names)
    assert [each.name for each in PROVIDERS if not re.fullmatch(r"[a-z][a-z0-9-]*", each.name)] == []
    assert [each.module for each in PROVIDERS if not each.module.isidentifier()] == []


def test_every_channel_has_providers_in_the_order_in_which_they_are_registered() -> None:
    without = [channel for channel in CHANNELS if not of_channel(channel)]
    assert without == [], "these channels have no provider: add its line to the registry"
    assert sorted(PROVIDERS, key=lambda each: CHANNELS.index(each.channel)) == [
        each for channel in CHANNELS for each in of_channel(channel)
    ]


def test_what_is_no_channel_has_no_providers() -> None:
    assert of_channel("") == ()


def test_hosts_are_of_chat_alone_and_have_an_owner_that_a_refusal_can_name() -> None:
    anywhere = Registered("chat", "without-hosts").owner
    assert {each.channel for each in PROVIDERS if each.hosts} == {"chat"}
    for each in PROVIDERS:
        assert bool(each.hosts) == (each.owner != anywhere), each
        assert all(re.fullmatch(r"\.?([a-z0-9-]+\.)+[a-z]{2,}", host) for host in each.hosts), each


def test_it_needs_the_standard_library_alone() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import handlers.domain.providers.registry;"
        "print(*(name for name in sys.modules if name.startswith('handlers.')))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "handlers.domain",
        "handlers.domain.channels",
        "handlers.domain.providers",
        "handlers.domain.providers.registry",
    }
