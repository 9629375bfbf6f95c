"""What the README and the page for producers tell to run does what it says, as typed, with what `make up` installs."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from local.paths import ROOT
from local.platform import Platform
from tests.emulator.producer import Producer, until

README = (ROOT / "README.md").read_text()
PRODUCERS = (ROOT / "docs" / "readers" / "producer.md").read_text()


@pytest.fixture(scope="module")
def checkout(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as `make up` leaves it: the runtime's environment, without the tools to test it, and local.json."""
    directory = tmp_path_factory.mktemp("checkout")
    (directory / ".carillon").mkdir()
    (directory / ".carillon" / "local.json").write_text(json.dumps(asdict(platform.local)))
    [recipe] = re.findall(r"^\.venv/\.runtime:.*\n\t@\$\(BIN\)/uv (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = [sys.executable, "-m", "uv", *recipe.split()]
    venv = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(directory / ".venv")}
    subprocess.run([*command, "--python", sys.executable], cwd=ROOT, env=venv, check=True)
    return directory


def typed(script: str, checkout: Path) -> str:
    """What a shell prints of these lines, each of which must succeed."""
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=checkout, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_first_request_with_curl_is_accepted_and_sent(checkout: Path, producer: Producer) -> None:
    [block] = re.findall(r"With curl, .*?:\n\n((?:    .*\n|\n)+)", README)
    printed = typed(re.sub(r"^    ", "", block, flags=re.MULTILINE).replace("curl ", "curl --silent --fail "), checkout)
    assert '"notification_id"' in printed
    until(producer.messages, lambda messages: any(message.get("subject") == "Receipt 42" for message in messages))


def test_the_first_request_in_python_is_accepted_and_sent(checkout: Path, producer: Producer) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PRODUCERS, re.DOTALL)
    (checkout / "first.py").write_text(program)
    assert typed(".venv/bin/python first.py", checkout).startswith("202 ")
    until(producer.messages, lambda messages: any(message.get("subject") == "Receipt 43" for message in messages))


def test_every_command_of_the_operators_can_be_asked_for_help_without_the_tools_to_test_it(checkout: Path) -> None:
    script = (
        "from typer.testing import CliRunner; from typer.main import get_command; from ops.cli import app\n"
        "def walk(command, words):\n"
        "    asked = CliRunner().invoke(app, [*words, '--help']); assert asked.exit_code == 0, (words, asked.output)\n"
        "    for name, each in getattr(command, 'commands', {}).items(): walk(each, [*words, name])\n"
        "walk(get_command(app), [])\n"
    )
    typed(f".venv/bin/python - <<'END'\n{script}END", checkout)
    assert typed(".venv/bin/carillon providers list sms --help", checkout)
