"""What a stack's own resources say about its price: resources.toml, written by `python -m bench.cost` from a run of the
program, and held to it by tests/infrastructure/test_cost.py. So an operator needs neither Pulumi nor the program.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

RESOURCES: Final = Path(__file__).with_name("resources.toml")


class Resources(BaseModel):
    """One stack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: Literal["rest", "http"]
    access_log_bytes: int
    """Of one request's line; 0 without an access log."""
    platform_logs: bool
    """Whether Lambda writes a start and a report of each invocation into a function's log."""
    log_retention_days: int
    archive_days: int
    """0 without an archive of the bus."""
    bus: bool
    index: bool
    replicas: int
    restorable_tables: int
    kms_keys: int
    secrets: int
    alarm_metrics: int
    """What alarms watch: one by arithmetic over several metrics is paid for each of them."""
    composite_alarms: int
    dashboards: int
    web_acls: int
    web_acl_rules: int
    polled_queues: int
    snap_start: bool
    memory_mb: Mapping[str, int]
    """By function."""


@cache
def load(path: Path = RESOURCES) -> Mapping[str, Resources]:
    """Return what each stack has. Raises OSError, or ValueError when the file is not of this form."""
    return {stack: Resources.model_validate(each) for stack, each in tomllib.loads(path.read_text()).items()}


def toml(stacks: Mapping[str, Resources]) -> str:
    """Return the text of a file that `load` reads."""
    lines = ["# Written by `.venv/bin/python -m bench.cost`, and read by `carillon cost`: docs/cost.md"]
    for stack, resources in stacks.items():
        lines += ["", f"[{stack}]"]
        lines += [f"{name} = {_value(value)}" for name, value in resources.model_dump().items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{name} = {each}" for name, each in value.items()) + " }"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case _:
            return str(value)
