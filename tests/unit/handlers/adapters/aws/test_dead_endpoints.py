from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from handlers.adapters.aws.dead_endpoints import DeadDevices
from handlers.adapters.aws.devices import DynamoDevices
from tests.unit.handlers.samples import delivery

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
PUSH: dict[str, Any] = {"channel": "push", "platform": "apns", "endpoint": "a" * 64}


@dataclass
class Forgetting:
    """Devices, of which it keeps those it was told to forget."""

    forgotten: list[tuple[str, ...]] = field(default_factory=list)

    def forget(self, *device: str) -> None:
        self.forgotten.append(device)


@pytest.mark.parametrize(("user", "forgotten"), [("ada", [("ada", "apns", "a" * 64)]), (None, [])])
def test_a_dead_device_is_removed_from_its_user_and_one_of_no_user_is_nobodys(
    user: str | None, forgotten: list[tuple[str, ...]]
) -> None:
    devices = Forgetting()
    DeadDevices(cast(DynamoDevices, devices)).put_aside(delivery(user_id=user, **PUSH), NOW)
    assert devices.forgotten == forgotten
