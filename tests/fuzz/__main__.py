"""`make fuzz`: two thousand requests and more, made from the API's document, on a platform of its own."""

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from local.platform import Platform
from tests.fuzz.schemas import fuzz

LEAST = 2000
EXAMPLES = 100


def main() -> int:
    """Start a platform and try it; 1 if an answer was none that the document has, or if too little was tried."""
    with tempfile.TemporaryDirectory() as directory, Platform.start(Path(directory)) as platform:
        done = fuzz(platform.local, EXAMPLES, Path(directory))
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(done.said)
    console.print(f"{done.cases} requests in {done.seconds:.0f} s")
    return int(not done.passed or done.cases < LEAST)


if __name__ == "__main__":
    sys.exit(main())
