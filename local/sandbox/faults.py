"""Faults on demand: a provider told to fail does so for the given share of its calls, in its own error format."""

import asyncio
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.types import Receive

Mode = Literal["outage", "throttle", "timeout", "reject", "idle_close"]
"""`idle_close` fails no call: connections that become idle are closed soon, whoever of the providers is told so."""

KEPT_SECONDS: Final = 15.0
"""For how long an idle connection is kept: for less than the workers keep theirs, as Apple's servers may."""
KEPT_SECONDS_AT_IDLE_CLOSE: Final = 0.2
"""Enough for who has just connected to send a request."""


class Fault(BaseModel):
    """How a provider fails and what share of its calls, 0 to 1: with 0.5 it fails every other one.

    With `timeout`, it may take the message all the same (`accepts`) and never answer, or answer after `seconds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode
    rate: float = Field(default=1.0, ge=0, le=1)
    accepts: bool = Field(default=False, exclude_if=lambda accepts: not accepts)
    seconds: float | None = Field(default=None, ge=0, le=900, exclude_if=lambda seconds: seconds is None)

    @property
    def words(self) -> str:
        """`outage at 50 %`, as people read it."""
        taken = ", message taken," if self.accepts else ""
        return f"{self.mode}{taken} at {round(self.rate * 100)} %"

    @model_validator(mode="after")
    def _only_what_accepts_is_late(self) -> Self:
        if self.accepts and self.mode != "timeout":
            raise PydanticCustomError("accepts", "accepts is for the mode timeout alone")
        if self.seconds is not None and not self.accepts:
            raise PydanticCustomError("seconds", "seconds is for a timeout that accepts alone")
        return self


class Faults:
    """The faults in force, by provider. The share is kept exactly, not by chance, so that tests can count."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._due: dict[str, float] = {}

    @property
    def active(self) -> dict[str, Fault]:
        """What was asked for, by provider."""
        return dict(self._faults)

    @property
    def idle_connections_kept_seconds(self) -> float:
        """For how long a connection is kept that is idle from now on."""
        closing = any(fault.mode == "idle_close" for fault in self._faults.values())
        return KEPT_SECONDS_AT_IDLE_CLOSE if closing else KEPT_SECONDS

    def put(self, provider: str, fault: Fault) -> None:
        """Make a provider fail from its next call on."""
        self._faults[provider] = fault
        self._due[provider] = 0.0

    def delete(self, provider: str) -> None:
        """Let a provider work again."""
        self._faults.pop(provider, None)

    def next_failure(self, provider: str) -> Fault | None:
        """How the call that is being served must fail, if it must."""
        fault = self._faults.get(provider)
        if fault is None or fault.mode == "idle_close":
            return None
        self._due[provider] += fault.rate
        if self._due[provider] < 1:
            return None
        self._due[provider] -= 1
        return fault


async def until_disconnected(receive: Receive) -> None:
    """Never answer: return when the caller has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def is_still_there_after(seconds: float | None, receive: Receive) -> bool:
    """Wait for so long, for ever if None, and say whether the caller waits still."""
    try:
        async with asyncio.timeout(seconds):
            await until_disconnected(receive)
    except TimeoutError:
        return True
    return False
