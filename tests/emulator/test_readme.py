"""What the README tells a producer to run does what it says."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from local.platform import Platform
from tests.emulator.producer import Producer, until

README = Path(__file__).parents[2] / "README.md"


def test_the_first_request_in_python_is_accepted_and_sent(
    platform: Platform, producer: Producer, tmp_path: Path
) -> None:
    [program] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / ".carillon").mkdir()
    (tmp_path / ".carillon" / "local.json").write_text(json.dumps(asdict(platform.local)))

    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("202 ")
    until(producer.messages, lambda messages: any(message.get("subject") == "Receipt 43" for message in messages))
