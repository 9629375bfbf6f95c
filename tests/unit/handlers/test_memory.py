"""The log in memory, by which worker, acceptance and sweeper are tested, keeps what the one in DynamoDB keeps."""

import pytest

from tests.unit.handlers.log_contract import LogContract
from tests.unit.handlers.memory import MemoryLog


class TestMemoryLog(LogContract):
    @pytest.fixture
    def log(self) -> MemoryLog:
        return MemoryLog()
