"""The digests in memory keep the contract."""

import pytest

from tests.unit.handlers.digest_contract import DigestContract
from tests.unit.handlers.memory import MemoryDigests, MemoryLog


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def digests(log: MemoryLog) -> MemoryDigests:
    return MemoryDigests(log)


class TestInMemory(DigestContract):
    pass
