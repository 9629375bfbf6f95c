"""The log in memory, by which worker, acceptance and sweeper are tested, keeps what the one in DynamoDB keeps."""

from datetime import datetime

import pytest
from hypothesis import given

from tests.unit.handlers.log_contract import LogContract
from tests.unit.handlers.log_walk import EXPIRIES, WALKS, Move, walked
from tests.unit.handlers.memory import MemoryLog


class TestMemoryLog(LogContract):
    @pytest.fixture
    def log(self) -> MemoryLog:
        return MemoryLog()


@given(moves=WALKS, expires_at=EXPIRIES)
def test_nothing_expires_that_has_not_and_what_does_not_expire_can_always_be_sent(
    moves: list[Move], expires_at: datetime | None
) -> None:
    walked(MemoryLog(), moves, expires_at)
