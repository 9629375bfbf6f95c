"""What a cold start has to read, counted: no time is measured here (`python -m bench.cold_start` does that).

`python -m bench.cold_start --record` writes the table anew: do so when a function needs more for a good reason.
"""

import tomllib

import pytest

from bench.cold_start import RECORDED, modules
from stacks.compute.packaging import Package, functions

ROOM = 1.1
SIZES = tomllib.loads(RECORDED.read_text())


def test_every_function_has_its_sizes_recorded() -> None:
    assert SIZES.keys() == set(functions()), "run `python -m bench.cold_start --record`"


@pytest.mark.parametrize("function", functions())
def test_a_zip_has_not_grown(function: str, packages_for_lambda: dict[str, Package]) -> None:
    size, recorded = packages_for_lambda[function].size, SIZES[function]["zip_bytes"]
    assert size <= recorded * ROOM, f"{function}: its zip has {size} bytes, and had {recorded}"


@pytest.mark.parametrize("function", functions())
def test_a_function_imports_no_more_than_it_did(function: str, packages_for_this_machine: dict[str, Package]) -> None:
    imported, recorded = modules(packages_for_this_machine[function], function), SIZES[function]["modules"]
    assert imported <= recorded * ROOM, f"{function}: it imports {imported} modules, and imported {recorded}"
