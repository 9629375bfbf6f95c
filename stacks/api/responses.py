"""What API Gateway answers by itself, in the same shape as the functions do: problem+json (RFC 9457).

The types are https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html.
"""

import json
from dataclasses import dataclass

from handlers.domain.security_headers import SECURITY_HEADERS

_REALM = "carillon"
_REPEAT = "The request can be sent again; with its Idempotency-Key it is not carried out twice."


@dataclass(frozen=True)
class GatewayResponse:
    """One kind of answer: API Gateway's type, and the problem it becomes."""

    kind: str
    status: int
    slug: str
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    """Fields at fault, each with its message."""

    @property
    def template(self) -> str:
        """The body. Nothing of the request is repeated in it; API Gateway puts in what the authorizer says."""
        body: dict[str, object] = {
            "type": f"urn:carillon:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"field": name, "message": message} for name, message in self.errors]
        return json.dumps(body)

    @property
    def parameters(self) -> dict[str, str]:
        """The headers, as API Gateway wants static values: in single quotes."""
        headers = (("Content-Type", "application/problem+json"), *SECURITY_HEADERS.items(), *self.headers)
        return {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers}


def _not_found(kind: str) -> GatewayResponse:
    # No method takes an AWS signature: a complaint about one means that no method was there to ask for a token.
    return GatewayResponse(kind, 404, "not-found", "Not found", "There is nothing at this path.")


METHOD_NOT_ALLOWED = GatewayResponse(
    "",  # no type of API Gateway's: each path answers it by a method of its own, stacks/api/other_methods.py
    405,
    "method-not-allowed",
    "The path does not take this method",
    "The header Allow says which methods it takes.",
)

RESPONSES = (
    GatewayResponse(
        "UNAUTHORIZED",  # nothing that looks like a token: the authorizer was not asked
        401,
        "unauthorized",
        "The token is missing",
        "Send Authorization: Bearer <JWT>, signed with the app's secret and less than five minutes old.",
        (("WWW-Authenticate", f'Bearer realm="{_REALM}"'),),  # without an error, as nothing was tried: RFC 6750 3
    ),
    GatewayResponse(
        "ACCESS_DENIED",  # the authorizer's answer for every token that it refuses, with what it says of the reason
        401,
        "unauthorized",
        "The token is not valid",
        "The token was refused: $context.authorizer.why.",
        (("WWW-Authenticate", f'Bearer realm="{_REALM}", error="invalid_token"'),),  # RFC 6750 3.1
    ),
    _not_found("MISSING_AUTHENTICATION_TOKEN"),
    _not_found("INVALID_SIGNATURE"),
    _not_found("RESOURCE_NOT_FOUND"),
    GatewayResponse(
        "BAD_REQUEST_BODY",
        400,
        "invalid-request",
        "The request is not valid",
        "The body is not a JSON object.",
        errors=(("body", "must be a JSON object"),),
    ),
    GatewayResponse("REQUEST_TOO_LARGE", 413, "too-large", "The request is too large", "The body is over 10 MB."),
    GatewayResponse(
        "UNSUPPORTED_MEDIA_TYPE",
        415,
        "unsupported-media-type",
        "The request body must be JSON",
        "Send the body as JSON, with Content-Type: application/json.",
    ),
    GatewayResponse(
        "THROTTLED",
        429,
        "too-many-requests",
        "Too many requests",
        f"The API is at its limit of requests per second. {_REPEAT}",
        (("Retry-After", "1"),),
    ),
    GatewayResponse(
        "DEFAULT_4XX", 400, "invalid-request", "The request is not valid", "The request cannot be served as it is."
    ),
    GatewayResponse(
        "DEFAULT_5XX", 500, "internal-error", "Something went wrong on our side", f"Something failed. {_REPEAT}"
    ),
)
