"""What the API answers to: each method of each path, and the function behind it. Nothing else reaches a function.

A path answers to other methods without a function: `stacks.api.other_methods`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """One method of one path. Segments in braces are the path's parameters.

    `bare` is a request that says all it has to say by its path, whatever its method. A `public` one needs no token:
    its path holds a signature, which the function verifies; and it takes a form where it has a body.
    """

    method: str
    path: str
    function: str
    bare: bool = False
    public: bool = False

    @property
    def has_body(self) -> bool:
        """Whether the request carries a JSON object."""
        return self.method in {"POST", "PUT", "PATCH"} and not (self.bare or self.public)

    @property
    def identifier(self) -> str:
        """A name for it, unique among routes: `get-v1-contacts-user_id`."""
        return f"{self.method.lower()}{path_identifier(self.path)}"

    @property
    def arn_suffix(self) -> str:
        """What ends the ARN of a call to it, after the stage: a parameter may be anything."""
        segments = ("*" if segment.startswith("{") else segment for segment in self.path.split("/"))
        return f"{self.method}{'/'.join(segments)}"


def path_identifier(path: str) -> str:
    """Return a resource name for a path: `-v1-contacts-user_id` for `/v1/contacts/{user_id}`."""
    return path.replace("/", "-").replace("{", "").replace("}", "")


_TEMPLATE = "/v1/templates/{name}/{channel}/{locale}"

ROUTES = (
    Route("POST", "/v1/notifications", "notifications"),
    Route("GET", "/v1/notifications", "reports"),
    Route("GET", "/v1/notifications/{notification_id}", "notifications"),
    Route("POST", "/v1/notifications/{notification_id}/cancel", "notifications", bare=True),
    Route("POST", "/v1/broadcasts", "broadcasts"),
    Route("GET", "/v1/broadcasts/{broadcast_id}", "broadcasts"),
    *(
        Route("POST", f"/v1/broadcasts/{{broadcast_id}}/{move}", "broadcasts", bare=True)
        for move in ("start", "pause", "resume", "cancel")
    ),
    Route("GET", "/v1/contacts/{user_id}", "contacts"),
    Route("PUT", "/v1/contacts/{user_id}", "contacts"),
    Route("PATCH", "/v1/contacts/{user_id}", "contacts"),
    Route("DELETE", "/v1/contacts/{user_id}", "contacts"),
    Route("POST", "/v1/contacts/{user_id}/devices", "contacts"),
    Route("DELETE", "/v1/contacts/{user_id}/devices", "contacts"),
    Route("DELETE", "/v1/contacts/{user_id}/devices/{token}", "contacts"),
    Route("GET", "/v1/contacts/{user_id}/settings", "contacts"),
    Route("PUT", "/v1/contacts/{user_id}/settings", "contacts"),
    Route("GET", "/v1/contacts/{user_id}/deliveries", "reports"),
    Route("GET", "/v1/stats", "reports"),
    *(Route(method, "/v1/webhook", "reports") for method in ("GET", "PUT", "DELETE")),
    Route("POST", "/v1/receipts", "notifications"),
    Route("GET", "/v1/suppressions", "contacts"),
    Route("POST", "/v1/suppressions", "contacts"),
    Route("DELETE", "/v1/suppressions/{address}", "contacts"),
    Route("GET", _TEMPLATE, "templates"),
    Route("PUT", _TEMPLATE, "templates"),
    Route("POST", f"{_TEMPLATE}/preview", "templates"),
    Route("POST", "/hooks/{provider}", "hooks", public=True),
    Route("GET", "/t/o/{token}", "tracking", public=True),
    Route("HEAD", "/t/o/{token}", "tracking", public=True),
    Route("GET", "/t/c/{token}", "tracking", public=True),
    Route("HEAD", "/t/c/{token}", "tracking", public=True),
    Route("GET", "/u/{token}", "tracking", public=True),
    Route("HEAD", "/u/{token}", "tracking", public=True),
    Route("POST", "/u/{token}", "tracking", public=True),
)


def allowed(path: str) -> tuple[str, ...]:
    """Return the methods that a path takes, OPTIONS last, as its header `Allow` has them."""
    return (*(route.method for route in ROUTES if route.path == path), "OPTIONS")


def paths(routes: tuple[Route, ...] = ROUTES) -> tuple[str, ...]:
    """Return every path on the way to a route, each after its parent: `/v1`, `/v1/notifications`, …"""
    found: dict[str, None] = {}
    for route in routes:
        segments = route.path.strip("/").split("/")
        found |= {f"/{'/'.join(segments[: depth + 1])}": None for depth in range(len(segments))}
    return tuple(found)
