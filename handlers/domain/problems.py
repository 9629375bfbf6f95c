"""Everything a caller can be told is wrong, as one exception tree with one body: RFC 9457 problem details.

A problem's `detail` and `errors` are written for the caller who sent the request, and never repeat what they sent:
the field's name says where to look, and the value may be personal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

MEDIA_TYPE = "application/problem+json"
"""RFC 9457 3."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused: its dotted path in the request (`to.0.email`, `dry_run`), and why."""

    field: str
    message: str


class Problem(Exception):  # noqa: N818 - RFC 9457's own word, as are its subclasses' titles
    """A request that is answered with an error. Subclasses fix `slug`, `status` and `title`."""

    slug: ClassVar[str]
    status: ClassVar[HTTPStatus]
    title: ClassVar[str]

    def __init__(self, detail: str, errors: Iterable[FieldError] = (), *, retry_after: int | None = None) -> None:
        """`retry_after` is in seconds (RFC 9110 10.2.3)."""
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """Return `{"type", "title", "status", "detail", "errors"?: [{"field", "message"}]}`."""
        body: dict[str, Any] = {
            "type": f"urn:carillon:problem:{self.slug}",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return body

    def headers(self) -> dict[str, str]:
        """Return the headers that go with the body, besides its content type."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class InvalidRequest(Problem):
    """The request does not say something that can be done; `errors` names each field at fault."""

    slug = "invalid-request"
    status = HTTPStatus.BAD_REQUEST
    title = "The request is not valid"

    @classmethod
    def field(cls, field: str, message: str) -> "InvalidRequest":
        """Return the problem of a single field."""
        return cls(f"{field}: {message}", [FieldError(field, message)])


class ScopeNotGranted(Problem):
    """The app is known, and may not do this."""

    slug = "scope-not-granted"
    status = HTTPStatus.FORBIDDEN
    title = "The app does not have this scope"


class NotFound(Problem):
    """There is no such thing, or it is not this caller's."""

    slug = "not-found"
    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class InProgress(Problem):
    """The same idempotency key is being answered at this moment."""

    slug = "in-progress"
    status = HTTPStatus.CONFLICT
    title = "A request with this Idempotency-Key is in progress"


class Contended(Problem):
    """What is to be changed was being changed by others, as often as it was tried."""

    slug = "contended"
    status = HTTPStatus.CONFLICT
    title = "Others are changing the same thing"


class TooLarge(Problem):
    """The body, or what it would put in the log, is over the limit."""

    slug = "too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "The request is too large"


class UnsupportedMediaType(Problem):
    """The body is not said to be JSON."""

    slug = "unsupported-media-type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "The request body must be JSON"


class IdempotencyMismatch(Problem):
    """The idempotency key was used with another body."""

    slug = "idempotency-mismatch"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "The Idempotency-Key was used with another body"


class InternalError(Problem):
    """Our fault. The detail says nothing of the cause: that is in the log, under the request id."""

    slug = "internal-error"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = "Something went wrong on our side"
