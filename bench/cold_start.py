"""What a cold start costs: CPU and peak memory of importing each function from its zip, in a process of its own.

Against the same interpreter importing boto3 and Powertools alone, in the same run, alternated: the ratio counts,
as any absolute time is this machine's. Run it with `python -m bench.cold_start`.

`python -m bench.cold_start --record` writes what a test holds: the size of each zip, and how many modules each imports.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZipFile

from rich.console import Console
from rich.table import Table

from bench.progress import Step
from handlers.domain.channels import CHANNELS
from local import environment
from local.paths import ROOT
from local.recording import of_stack
from stacks.compute.packaging import Package, Target, build_all, functions

TARGET: Final = 1.5
"""How many times the baseline a function may take, in CPU and in memory."""
RUNS: Final = 3
_PATIENCE_SECONDS: Final = 600
"""For one start, however much else the machine does."""

_ALIKE: Final = tuple(f"redriver-{channel}" for channel in CHANNELS[1:])

RECORDED: Final = ROOT / "tests" / "packaging" / "start_sizes.toml"

BASELINE: Final = "import boto3, aws_lambda_powertools"
# Prints what the imports took: CPU in seconds, peak memory in KiB, and which modules there are that were not before.
# The peak is VmHWM, of this program alone: that of getrusage is inherited from who starts it, and it is the larger one
# (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html).
# PyJWT imports cryptography where it finds it: the emulator's interpreter has that, and Lambda's has not.
_MEASURED: Final = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
if not os.path.exists(os.path.join(sys.argv[1], "cryptography")):
    sys.modules["cryptography"] = None
before, began = set(sys.modules), time.process_time()
{imports}
cpu = time.process_time() - began
[peak] = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([cpu, peak, sorted(set(sys.modules) - before)]))
"""


@dataclass(frozen=True)
class Started:
    """One start: CPU in seconds, peak memory in KiB, the modules it imported."""

    cpu: float
    peak: float
    modules: tuple[str, ...]


@dataclass(frozen=True)
class ColdStart:
    """A function's start, the least of the runs, and that of the baseline beside it."""

    function: str
    zip_bytes: int
    start: Started
    baseline: Started

    @property
    def cpu_ratio(self) -> float:
        """The function's CPU in those of the baseline."""
        return self.start.cpu / self.baseline.cpu

    @property
    def memory_ratio(self) -> float:
        """The function's peak memory in those of the baseline."""
        return self.start.peak / self.baseline.peak

    @property
    def is_met(self) -> bool:
        """Whether both are within the target."""
        return max(self.cpu_ratio, self.memory_ratio) <= TARGET


def measure(step: Step, runs: int = RUNS) -> Iterator[ColdStart]:
    """Start every function `runs` times, each beside the baseline; yield the least of each, by name.

    The least, as whatever else the machine does only adds. Of the channels' redrivers one is measured: they differ in
    their environment alone. Raises `CalledProcessError` if it cannot be, `TimeoutExpired` if it is too slow.
    """
    step("cold: building the zips")
    packages = build_all([each for each in functions() if each not in _ALIKE], Target.MACHINE)
    for function in sorted(packages):
        step(f"cold: starting {function}")
        yield _measured(function, packages[function], runs)


def _measured(function: str, package: Package, runs: int) -> ColdStart:
    with TemporaryDirectory(prefix="carillon-") as scratch:
        with ZipFile(package.path) as archive:
            archive.extractall(scratch)
        module = package.handler.rpartition(".")[0]
        starts, bases = [], []
        start(BASELINE, Path(scratch), {})  # what nobody has read yet comes from disk
        for _ in range(runs):
            starts.append(start(f"import {module}", Path(scratch), variables(function)))
            bases.append(start(BASELINE, Path(scratch), variables(function)))
    return ColdStart(function, package.size, _least(starts), _least(bases))


def start(imports: str, directory: Path, environ: dict[str, str]) -> Started:
    """Import once, by the emulator's interpreter, which has boto3 and none of our own dependencies."""
    command = [str(environment.interpreter()), "-c", _MEASURED.format(imports=imports), str(directory)]
    own = {"PATH": os.defpath, "LANG": "C.UTF-8", **environ}
    done = subprocess.run(
        command, env=own, cwd=directory, stdout=subprocess.PIPE, text=True, check=True, timeout=_PATIENCE_SECONDS
    )
    cpu, peak, modules = json.loads(done.stdout.splitlines()[-1])
    return Started(cpu, peak, tuple(modules))


def variables(function: str) -> dict[str, str]:
    """Return what the program sets for a function on this machine, and what Lambda sets of its own accord."""
    [made] = [
        each
        for each in of_stack("local").of("aws:lambda/function:Function")
        if each.inputs["name"].endswith(f"-local-{function}")
    ]
    own = {name: str(value) for name, value in made.inputs["environment"]["variables"].items()}
    lambdas = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    return {**own, **lambdas}


def modules(package: Package, function: str) -> int:
    """Return how many modules a function imports from its zip and from boto3."""
    with TemporaryDirectory(prefix="carillon-") as scratch:
        with ZipFile(package.path) as archive:
            archive.extractall(scratch)
        imported = start(f"import {package.handler.rpartition('.')[0]}", Path(scratch), variables(function)).modules
    return counted(imported)


def counted(modules: Iterable[str]) -> int:
    """Return how many of these modules are not Python's own, which differ by its version."""
    return sum(each.partition(".")[0] not in sys.stdlib_module_names for each in modules)


def record() -> None:
    """Write the table that the test of sizes reads."""
    for_lambda, here = build_all(functions(), Target.AWS), build_all(functions(), Target.MACHINE)
    rows = [
        f"{name} = {{ zip_bytes = {for_lambda[name].size}, modules = {modules(here[name], name)} }}"
        for name in sorted(here)
    ]
    RECORDED.write_text("\n".join(["# Written by `python -m bench.cold_start --record`.", *rows, ""]))


def _least(starts: list[Started]) -> Started:
    return Started(min(each.cpu for each in starts), min(each.peak for each in starts), starts[0].modules)


def main() -> int:
    """Print the table and its verdict, by which it exits; with `--record`, record the sizes instead."""
    if sys.argv[1:] == ["--record"]:
        record()
        return 0
    table = Table("function", "zip MB", "modules", "CPU ms", "x", "memory MiB", "x", f"≤ {TARGET}", box=None)
    console, errors = Console(), Console(stderr=True)
    with errors.status("") as status:
        measured = list(measure(status.update))
    for each in measured:
        table.add_row(
            each.function,
            f"{each.zip_bytes / 1e6:.1f}",
            str(len(each.start.modules)),
            f"{each.start.cpu * 1000:.0f}",
            f"{each.cpu_ratio:.2f}",
            f"{each.start.peak / 1024:.0f}",
            f"{each.memory_ratio:.2f}",
            "yes" if each.is_met else "no",
        )
    missed = [each.function for each in measured if not each.is_met]
    console.print(table)
    console.print("Every cold start is within its target." if not missed else f"Over the target: {', '.join(missed)}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
