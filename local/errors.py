"""What can go wrong with the platform on this machine, each said in one message that needs no traceback."""

import os


class PlatformError(Exception):
    """The platform could not do what it was asked; the message says why and, where there is one, the way out."""


class EnvironmentBuildError(PlatformError):
    """The emulator's environment could not be built; the message ends with what uv said."""


class ProcessError(PlatformError):
    """A process of the platform did not start, or ended by itself; the message ends with its last lines."""


class PortTakenError(ProcessError):
    """Somebody else listens on a port that was asked for."""

    @classmethod
    def of(cls, port: int | None, error: OSError, variable: str) -> "PortTakenError":
        """For `port`, which the environment's `variable` may set to another."""
        why = os.strerror(error.errno or 0)
        return cls(f"port {port} cannot be listened on ({why}): free it, or set {variable} to another")
