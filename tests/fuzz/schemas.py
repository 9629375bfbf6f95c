"""Schemathesis against a running platform: requests made from the API's document, right ones and wrong ones.

Whatever is sent, the answer is one that the document has: never a 5xx, never another content type or form.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from local.directory import LocalInfo
from local.paths import ROOT

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_CASES = re.compile(r"(\d+) generated")


@dataclass(frozen=True)
class Fuzzed:
    """How many requests there were, in how many seconds, what schemathesis says, and whether all was well."""

    cases: int
    seconds: float
    said: str
    passed: bool


def fuzz(local: LocalInfo, examples: int, directory: Path, seed: int = 1) -> Fuzzed:
    """Make so many examples of each operation at most, the same for one seed, and send them as the demo app."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "docs" / "openapi.json")),
        *("--url", local.api_url),
        *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--mode", "all"),
        *("--max-examples", str(examples), "--seed", str(seed), "--generation-deterministic"),
        *("--request-timeout", "60", "--no-color", "--continue-on-failure", "--no-shrink"),
    ]
    variables = {
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "PYTHONPATH": str(ROOT),
        "FUZZ_APP_KEY": local.app_key,
        "FUZZ_APP_SECRET": local.app_secret,
    }
    begun = time.monotonic()
    # One worker: what Hypothesis keeps of sources is not safe between threads, and breaks a run at random.
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    counted = _CASES.search(said)
    return Fuzzed(int(counted[1]) if counted else 0, time.monotonic() - begun, said, done.returncode == 0)
