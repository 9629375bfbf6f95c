"""What `carillon cost` reckons with is what the functions really ask of AWS, so neither can drift from the other.

Every call, item and write of an index is counted; sizes may differ by little, as ids of providers do.
"""

from collections.abc import Iterator

import pytest

from bench.cost_cases import measure, stage
from local.platform import Platform
from ops.cost.dynamodb import read_units, write_units
from ops.cost.measured import Case, load

HOW_TO = "a delivery asks AWS for something else now; if that is meant, run `.venv/bin/python -m bench.cost`"
CLOSE = 0.03


@pytest.fixture(scope="module")
def counted(platform: Platform) -> Iterator[list[Case]]:
    """E-mail, by itself and a hundred at once: the channel of the targets. `python -m bench.cost` measures all."""
    with stage(platform, ["email"]) as measuring:
        yield list(measure(measuring, ["email"]))


def recorded(case: Case) -> Case:
    return next(
        each
        for each in load().of(case.path, case.channel, case.content)
        if (each.recipients, each.batch) == (case.recipients, case.batch)
    )


def requests(case: Case) -> object:
    """What is charged for by its number."""
    writes = sorted(
        (each.table, each.kind, each.transaction, len(each.index), each.count, write_units(each.bytes))
        for each in case.writes
    )
    reads = sorted(
        (each.table, each.kind, each.consistent, each.count, read_units(each.bytes, consistent=each.consistent))
        for each in case.reads
    )
    return case.calls, writes, reads, case.events, case.log_lines


def written(case: Case) -> int:
    """Return the bytes of all items but counters, which grow with what was counted before."""
    return sum(each.bytes * each.count for each in case.writes if each.kind != "counts")


def test_calls_items_and_units_are_those_that_are_reckoned_with(counted: list[Case]) -> None:
    for case in counted:
        where = f"{case.path} {case.content} {case.recipients}/{case.batch}"
        assert requests(case) == requests(recorded(case)), f"{where}: {HOW_TO}"


def test_sizes_are_those_that_are_reckoned_with(counted: list[Case]) -> None:
    for case in counted:
        known = recorded(case)
        for now, then in (
            (case.log_bytes, known.log_bytes),
            (case.event_bytes, known.event_bytes),
            (written(case), written(known)),
            (case.stored.bytes if case.stored else 0, known.stored.bytes if known.stored else 0),
        ):
            assert now == pytest.approx(then, rel=CLOSE), f"{case.path} {case.content} {case.recipients}: {HOW_TO}"
        for now_written, then_written in zip(case.writes, known.writes, strict=True):
            assert now_written.payload == pytest.approx(then_written.payload, abs=CLOSE), HOW_TO
            assert now_written.template == then_written.template, HOW_TO
