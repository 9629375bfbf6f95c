"""A producer that follows what it has sent."""

import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from local.directory import LocalInfo
from ops.client import Client, Credentials

_PATIENCE_SECONDS: Final = 120.0
_LOOK_AGAIN_SECONDS: Final = 0.05


class Producer(Client):
    """The one app of a platform."""

    def __init__(self, local: LocalInfo) -> None:
        super().__init__(local.api_url, Credentials(local.app_key, local.app_secret))
        self._http.timeout = httpx.Timeout(_PATIENCE_SECONDS)  # eight threads may start eight processes at once

    def until_sent(self, notification_id: str) -> dict[str, Any]:
        """The notification once all its deliveries are sent. Raises `RuntimeError` if they are not in two minutes."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while waiting := _waiting(found := self.notification(notification_id)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not sent within {_PATIENCE_SECONDS:.0f} s: {waiting[0]}")
            time.sleep(_LOOK_AGAIN_SECONDS)
        return found


def _waiting(notification: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for each in notification["deliveries"] if each["status"] != "sent"]
