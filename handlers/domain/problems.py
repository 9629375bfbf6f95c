"""Everything a caller can be told is wrong, as one exception tree with one body: RFC 9457 problem details.

A problem's `detail` and `errors` are written for the caller who sent the request, and never repeat what they sent:
the field's name says where to look, and the value may be personal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final, get_args

from pydantic_core.core_schema import ErrorType

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
        return cls.fields([FieldError(field, message)])

    @classmethod
    def fields(cls, errors: Iterable[FieldError]) -> "InvalidRequest":
        """Return the problem of these fields, the first three of them in its detail."""
        listed = tuple(errors)
        return cls("; ".join(f"{each.field}: {each.message}" for each in listed[:3]), listed)


class ScopeNotGranted(Problem):
    """The app is known, and may not do this."""

    slug = "scope-not-granted"
    status = HTTPStatus.FORBIDDEN
    title = "The app does not have this scope"


class NotSigned(Problem):
    """Who sent it is not established by its signature. Why is not told: who forges one should not learn from it."""

    slug = "not-signed"
    status = HTTPStatus.FORBIDDEN
    title = "The signature is not that of the sender"


class NotFound(Problem):
    """There is no such thing, or it is not this caller's."""

    slug = "not-found"
    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class Contended(Problem):
    """What is to be changed was being changed by others, as often as it was tried."""

    slug = "contended"
    status = HTTPStatus.CONFLICT
    title = "Others are changing the same thing"


class Conflict(Problem):
    """What is asked for is possible, but not in the state in which it is."""

    slug = "conflict"
    status = HTTPStatus.CONFLICT
    title = "Not possible in this state"


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


class TooManyRequests(Problem):
    """The app calls more often than it may."""

    slug = "too-many-requests"
    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many requests"


class InternalError(Problem):
    """Our fault. The detail says nothing of the cause: that is in the log, under the request id."""

    slug = "internal-error"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = "Something went wrong on our side"


# -- in our words ------------------------------------------------------------------------------------------------------

_TEXT: Final = "must be text"
_OBJECT: Final = "must be an object"
_LIST: Final = "must be a list"
_TRUTH: Final = "must be true or false"
_WHOLE: Final = "must be a whole number"
_NUMBER: Final = "must be a number"
_WORDS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": _TEXT,
    "string_too_short": "must have at least {min_length} character{s}",
    "string_too_long": "must have at most {max_length} character{s}",
    "too_short": "must have at least {min_length} item{s}",
    "too_long": "must have at most {max_length} item{s}",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "finite_number": _WHOLE,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}
NOT_AS_DOCUMENTED: Final = "is not what the API's description asks for"
"""Of what has no words of its own, which a test looks for."""

_OF_PYDANTIC: Final = frozenset(get_args(ErrorType)) | {"invalid-json-value"}


def refusal_in_words(error: Mapping[str, Any]) -> str:
    """Return why a field was refused, of an item of `pydantic.ValidationError.errors()`, in our words alone.

    Pydantic's own would show producers patterns and names of classes. A `PydanticCustomError` is raised by our models,
    and its words are ours.
    """
    kind, context = error["type"], error.get("ctx") or {}
    if kind not in _OF_PYDANTIC:
        return str(error["msg"])
    bound = context.get("min_length", context.get("max_length"))
    words = {**context, "s": "" if bound == 1 else "s", "expected": str(context.get("expected", "")).replace("'", "")}
    return _WORDS.get(kind, NOT_AS_DOCUMENTED).format_map(words)
