"""What a cold start has to read, in bytes; how many modules, test_local_zips.py counts.

`python -m bench.cold_start --record` writes the table anew: do so when a function needs more for a good reason.
"""

import tomllib

import pytest

from bench.cold_start import RECORDED
from stacks.compute.packaging import Package, functions

ROOM = 1.1
SIZES = tomllib.loads(RECORDED.read_text())


def test_every_function_has_its_sizes_recorded() -> None:
    assert SIZES.keys() == set(functions()), "run `python -m bench.cold_start --record`"


@pytest.mark.parametrize("function", functions())
def test_a_zip_has_not_grown(function: str, packages_for_lambda: dict[str, Package]) -> None:
    size, recorded = packages_for_lambda[function].size, SIZES[function]["zip_bytes"]
    assert size <= recorded * ROOM, f"{function}: its zip has {size} bytes, and had {recorded}"
