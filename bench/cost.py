"""Measures what `carillon cost` reckons with: `python -m bench.cost` writes ops/cost/measured.toml and resources.toml,
and the picture in the documentation.

Starts a platform of its own in a temporary directory, and stops it. Run it when a change makes deliveries dearer or
cheaper; tests/emulator/test_cost.py and tests/infrastructure/test_cost.py fail until then.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.cost_cases import PAYLOAD_BYTES, TEMPLATE_BYTES, measure, stage
from bench.cost_resources import write as write_resources
from handlers.domain.notifications.due import SHARDS
from local.paths import ROOT
from local.platform import Platform
from ops.cost.command import draw
from ops.cost.measured import MEASURED, Measured, toml

PICTURE = ROOT / "docs" / "cost.svg"

_TIMES = 3
"""How often processor time is taken; the median counts."""


def main() -> None:
    """Measure and write."""
    console = Console()
    write_resources()
    cases = []
    with (
        TemporaryDirectory() as directory,
        Platform.start(Path(directory)) as platform,
        stage(platform, times=_TIMES) as measuring,
    ):
        for case in measure(measuring):
            cases.append(case)
            console.print(f"{case.path} {case.channel} {case.content} {case.recipients}/{case.batch}")
    measured = Measured(
        date=datetime.now(UTC).date().isoformat(),
        payload_bytes=PAYLOAD_BYTES,
        template_bytes=TEMPLATE_BYTES,
        sweeper_queries=sum(map(len, SHARDS.values())) + 1,  # and who is to be erased
        metrics=tuple(sorted(measuring.metrics)),
        case=tuple(cases),
    )
    MEASURED.write_text(toml(measured))
    PICTURE.write_text(draw())
    console.print(f"{MEASURED}: {len(cases)} cases")


if __name__ == "__main__":
    main()
