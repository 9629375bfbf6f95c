from collections.abc import Iterator
from pathlib import Path

import pytest

from local import emulator
from local.engine.aws import Aws
from local.engine.emulator import Emulator
from tests.engine.programs import Program


@pytest.fixture(scope="session")
def running_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator.running(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(scope="session")
def aws(running_emulator: Emulator) -> Aws:
    return Aws(running_emulator, parallel=4)


@pytest.fixture
def program(tmp_path: Path, running_emulator: Emulator) -> Program:
    return Program(tmp_path, running_emulator)
