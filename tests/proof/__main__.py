"""`make proof`: use the whole platform with IAM enforced, and put what its roles were granted against what they used.

The traffic is what `test_least_privilege` sees work with every statement there, and what that leaves out. A role that
nobody exercises shows as unused: its traffic belongs into that test's lists, or into `tests/proof/traffic.py`.
"""

import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console

from local import proof
from local.paths import CACHE
from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer
from tests.proof.traffic import EXERCISES

PREFIX = "carillon-local-"


def main() -> int:
    """Start a platform, use it, judge; 1 if a grant is unused or missing."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory() as directory, Platform.start(Path(directory)) as platform:
        emulator, local = platform.emulator, platform.local
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        create: Any = session.client  # by a name that is no literal
        aws = cache(partial(create, endpoint_url=emulator.endpoint_url))
        operator = Operator(platform, aws)
        producer = Producer(local.api_url, local.app_key, local.app_secret, local.inbox_url)
        failed = [name for name, works in EXERCISES.items() if not _tried(console, name, works, producer, operator)]
        granted = proof.granted(aws("iam"), PREFIX)
        used = proof.used(platform.directory / "logs" / "emulator.log", PREFIX)
    found = proof.judge(granted, used)
    console.print(proof.table(found))
    page = CACHE / "proof" / "proof.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(proof.html(found))
    console.print(
        f"{len(found.rows)} grants: {len(found.unused)} unused, {len(found.missing)} missing, "
        f"{len(found.needless)} needless exceptions; {len(failed)} exercises failed {failed or ''}"
    )
    console.print(f"file://{page}", soft_wrap=True)
    return int(bool(failed) or not found.holds)


def _tried(console: Console, name: str, works: Any, producer: Producer, operator: Operator) -> bool:
    worked = bool(works(producer, operator))
    if not worked:
        console.print(f"[red]did not work:[/] {name}")
    return worked


if __name__ == "__main__":
    sys.exit(main())
