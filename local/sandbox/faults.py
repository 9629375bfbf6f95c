"""Faults on demand: a provider told to fail does so for the given share of its calls, in its own error format."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["outage", "throttle", "timeout", "reject", "idle_close"]
"""`idle_close` fails no call: connections that become idle are closed soon, whoever of the providers is told so."""

KEPT_SECONDS: Final = 15.0
"""For how long an idle connection is kept: for less than the workers keep theirs, as Apple's servers may."""
KEPT_SECONDS_AT_IDLE_CLOSE: Final = 0.2
"""Enough for who has just connected to send a request."""


class Fault(BaseModel):
    """How a provider fails and what share of its calls, 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode
    rate: float = Field(default=1.0, ge=0, le=1)


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

    def next_failure(self, provider: str) -> Mode | None:
        """How the call that is being served must fail, if it must."""
        fault = self._faults.get(provider)
        if fault is None or fault.mode == "idle_close":
            return None
        self._due[provider] += fault.rate
        if self._due[provider] < 1:
            return None
        self._due[provider] -= 1
        return fault.mode
