"""What a run leaves: a table for people, `.carillon/bench/report.json` for programs, a page and pictures for docs."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from bench.results import Line, Part
from local.paths import CACHE, ROOT

DIRECTORY: Final = CACHE / "bench"
KEPT: Final = ROOT / "docs" / "performance"
_HEAD: Final = "| measured | value | target | met |\n|---|---:|---:|---|"


def write(parts: Mapping[Any, Part]) -> Path:
    """Write the report; where it is."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    path = DIRECTORY / "report.json"
    content = {**_machine(), "parts": {str(name): part.as_json() for name, part in parts.items()}}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False))
    return path


def keep(parts: Mapping[Any, Part], plots: Sequence[Path]) -> None:
    """Write the page that the documentation shows, and copy the plots beside it: after a run of everything."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "table.md").write_text(page(parts, _machine()))
    for plot in plots:
        shutil.copyfile(plot, KEPT / plot.name)


def page(parts: Mapping[Any, Part], machine: Mapping[str, Any]) -> str:
    """The last run as Markdown."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    texts = ["# The last run", f"Written by `make bench`: {about}."]
    for part in parts.values():
        rows = [f"| {line.what} | {shown(line)} | {line.target} | {_word(line)} |" for line in part.lines]
        texts += [f"## {part.title}", "\n".join([_HEAD, *rows])]
    return "\n\n".join(texts) + "\n"


def table(parts: Mapping[Any, Part]) -> Table:
    """All lines of all parts."""
    made = Table("measured", title="Carillon, measured")
    for column in ("value", "target", "met"):
        made.add_column(column, justify="right")
    for part in parts.values():
        made.add_section()
        made.add_row(f"[bold]{part.title}[/]")
        for line in part.lines:
            colour = {True: "green", False: "red", None: "default"}[line.met]
            made.add_row(line.what, shown(line), line.target, f"[{colour}]{_word(line)}[/]")
    return made


def shown(line: Line) -> str:
    """The value as people read it: three digits that count."""
    digits = 0 if line.value >= 100 else 1 if line.value >= 10 else 2
    return f"{line.value:,.{digits}f} {line.unit}".strip()


def _word(line: Line) -> str:
    return {True: "yes", False: "no", None: ""}[line.met]


def _machine() -> dict[str, Any]:
    """What the numbers hang on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
