"""What ends a deployment."""

from local.errors import PlatformError


class DeploymentFailed(PlatformError):  # noqa: N818 it reads as what happened, and others know it by this name
    """The program could not be deployed; the message has every reason, each naming the resource it is about."""


class ResourceError(Exception):
    """One resource cannot be registered; the message says why, without naming the resource."""
