"""The API's OpenAPI document, generated from the routes and models that answer it: `python -m ops.openapi` writes it.

Each function has its own resolver; this joins what they say of themselves, takes the docstring of who answers for the
description, and replaces Powertools' own error answers by ours: any failure is a problem (RFC 9457).
"""

import inspect
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

Finish = Callable[[str, dict[str, Any]], dict[str, Any]]
"""From a method and its operation, the operation as our document has it."""

_SERVER: Final[dict[str, Any]] = {
    "url": "https://{api}.execute-api.{region}.amazonaws.com/live",
    "description": "The stack's output `apiUrl`; on a laptop, `api_url` in `.carillon/local.json`.",
    "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "eu-central-1"}},
}

_TAGS: Final = {
    "Notifications": "Send, see what became of it, cancel.",
    "Broadcasts": "One message to a file of recipients, or to all who have a tag.",
    "Contacts": "How users can be reached: addresses, devices, channels of third-party apps.",
    "Settings": "What users want to be sent, and when.",
    "Templates": "What is said, per channel and language, versioned.",
    "Stats": "How many were sent, read, followed and refused, and how fast.",
    "Webhook": "Where an app is told what becomes of its deliveries.",
    "Receipts": "What apps tell of the messages that they got.",
    "Suppressions": "Addresses that must not be tried, whoever has them.",
    "Delivery receipts": "What providers tell of messages. Signed by each in its own way: no token.",
    "Links in messages": "What recipients and their mail programs call. Signed by the link itself: no token.",
}

EXAMPLES: Final[dict[str, Any]] = {
    "sendNotification": {
        "to a user, by a template": {
            "category": "payment",
            "template": "receipt",
            "data": {"name": "Ada", "invoice": "2026-0042", "amount": "EUR 42.00"},
            "to": [{"user_id": "ada"}],
            "channels": ["email", "push"],
        },
        "to an address, with content of its own, tomorrow": {
            "category": "payment",
            "content": {"subject": "Receipt {{ invoice }}", "body": "<p>Thank you, {{ name }}.</p>"},
            "data": {"name": "Ada", "invoice": "2026-0042"},
            "to": [{"email": "ada@example.com"}],
            "send_at": "2026-11-27T08:00:00Z",
            "expires_at": "2026-11-28T08:00:00Z",
        },
    },
    "broadcast": {
        "to a file, which is uploaded to the url in the answer": {
            "category": "news",
            "template": "spring",
            "audience": {"upload": "csv"},
            "rate": 200,
        },
        "to all who have a tag": {
            "category": "news",
            "content": {"subject": "Spring", "body": "<p>Spring is here.</p>"},
            "audience": {"tag": "newsletter"},
        },
    },
    "putContact": {
        "one who is reached everywhere": {
            "email": "ada@example.com",
            "phone": "+4915123456789",
            "locale": "de-DE",
            "timezone": "Europe/Berlin",
            "device_tokens": [{"deviceToken": "5f1c7a90" * 8, "platform": "apns"}],
            "external_channels": [
                {"platform": "slack", "url": "https://hooks.slack.com/services/T024BE7LD/B024BE7LH/abc", "status": True}
            ],
        }
    },
    "patchContact": {"a new address, and no phone any more": {"email": "ada@example.org", "phone": None}},
    "addDevice": {"an iPhone": {"deviceToken": "5f1c7a90" * 8, "platform": "apns"}},
    "putSettings": {
        "no news by mail, and quiet nights": {
            "categories": {"news": {"email": False}},
            "quiet_hours": {"start": "22:00", "end": "08:00"},
        }
    },
    "noteReceipt": {
        "an app that was opened by its message": {
            "delivery_id": "0190a1b2-0001-8c3d-9e4f-5a6b7c8d9e0f",
            "event": "opened",
        }
    },
    "suppress": {"a mailbox that must not be tried": {"address": "ada@example.com"}},
    "putWebhook": {
        "all that happens": {"url": "https://billing.example.com/carillon"},
        "failures alone": {"url": "https://billing.example.com/carillon", "statuses": ["error"]},
    },
    "putTemplate": {
        "a mail": {
            "subject": "Receipt {{ invoice }}",
            "body": "<h1>Thank you, {{ name }}</h1><p>We received {{ amount }}.</p>",
            "text": "Thank you, {{ name }}. We received {{ amount }}.",
        }
    },
    "previewTemplate": {"with data": {"data": {"name": "Ada", "invoice": "2026-0042", "amount": "EUR 42.00"}}},
}
"""Bodies of requests, by operation, each with what it is."""

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "openapi.json"

# Functions read their environment when they are imported. Nothing is called, so any value will do.
_ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "CARILLON_CATEGORIES": "{}",
    "CARILLON_CHANNELS": "[]",
    "CARILLON_CRITICAL_CATEGORIES": "[]",
    "CARILLON_LINK_KEY": "unused",
    "CARILLON_LOG_KEPT_DAYS": "400",
    "CARILLON_SMS_MAX_SEGMENTS": "10",
    "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
    "POWERTOOLS_SERVICE_NAME": "openapi",
    **{
        f"CARILLON_{name}": "unused"
        for name in (
            "ENVIRONMENT",
            "CONTACTS_TABLE",
            "DEVICES_TABLE",
            "SETTINGS_TABLE",
            "NOTIFICATIONS_TABLE",
            "SUPPRESSIONS_TABLE",
            "PROVIDER_SECRET_PREFIX",
            "LIMITS_TABLE",
            "EVENT_BUS",
            "SCHEDULE_GROUP",
            "SCHEDULE_TARGET",
            "SCHEDULER_ROLE",
            "TEMPLATE_BUCKET",
            "TEMPLATES_TABLE",
            "SAMPLE_URL",
            "AUDIENCE_BUCKET",
            "BROADCASTS_TABLE",
            "BROADCAST_QUEUE_URL",
            "TAGS_TABLE",
            "STATS_TABLE",
        )
    },
}

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Problem details (RFC 9457). docs/errors.md lists the types.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_FAILURE: Final = {
    "description": "Any failure: a problem. A 401 says in WWW-Authenticate whether a token was missing or refused",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": (
        "HS256, signed with the app's secret: `iss` = app key, `iat`, `exp` at most 300 s after `iat`, `jti`. "
        "Clocks may differ by 60 s."
    ),
}
_REPLAYED: Final = {
    "description": "`true` when the request was accepted before, with the same Idempotency-Key: its first answer again",
    "schema": {"type": "string", "const": "true"},
}
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_OF_POWERTOOLS: Final = {"HTTPValidationError", "ResponseValidationError", "ValidationError"}


def document() -> dict[str, Any]:
    """Return the document of all functions behind the API."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    for part, descriptions, finish in _parts():
        for path, operations in part["paths"].items():
            # Two functions may answer at one path, each to other methods.
            paths.setdefault(path, {}).update(
                (method, _told(path, finish(method, each), descriptions[each["operationId"]]))
                for method, each in operations.items()
            )
        schemas |= part["components"]["schemas"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Carillon",
            "version": "1",
            "description": "One API for every notification: what is answered with 202 is in the log and is never lost.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [_SERVER],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"token": _TOKEN},
            "schemas": {name: schema for name, schema in sorted(schemas.items()) if name not in _OF_POWERTOOLS},
        },
    }


def text() -> str:
    """Return the document as the file has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _parts() -> Iterator[tuple[dict[str, Any], dict[str, str], Finish]]:
    """Yield what each function says of itself, its operations' descriptions, and what to make of each of them."""
    with patch.dict(os.environ, _ENVIRONMENT):
        from handlers.entrypoints import broadcasts, contacts, hooks, notifications, reports, templates, tracking
    finishes = {tracking.app: _for_recipients, broadcasts.app: _of_broadcasts, hooks.app: _for_providers}
    for app in (
        broadcasts.app,
        contacts.app,
        hooks.app,
        notifications.app,
        templates.app,
        reports.app,
        tracking.app,
    ):
        routes = app._static_routes + app._dynamic_routes  # no public way to the functions
        descriptions = {each.operation_id: inspect.getdoc(each.func) or "" for each in routes}
        schema = json.loads(app.get_openapi_json_schema(title="Carillon", version="1"))
        yield schema, descriptions, finishes.get(app, _with_our_answers)


def _told(path: str, operation: dict[str, Any], description: str) -> dict[str, Any]:
    """Return the operation with its description, the tag that its path gives it, and examples of its body."""
    public = "delivery receipts" if path.startswith("/hooks/") else "links in messages"
    part = path.split("/")[2] if path.startswith("/v1/") else public
    tag = "Settings" if path.endswith("/settings") else part.capitalize()
    body, examples = operation.get("requestBody"), EXAMPLES.get(operation["operationId"])
    if body and examples:
        shown = {name: {"value": value} for name, value in examples.items()}
        content = {kind: {**each, "examples": shown} for kind, each in body["content"].items()}
        operation = {**operation, "requestBody": {**body, "content": content}}
    return {**operation, "tags": [tag], "description": description}


def _for_recipients(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that needs no token and answers browsers; of a POST also what a browser sends."""
    answers = {status: {"description": each["description"]} for status, each in operation["responses"].items()}
    known = {status: each for status, each in answers.items() if status in ("200", "302")}
    forms = {kind: {"schema": {"type": "object"}} for kind in _FORMS}
    body = {"requestBody": {"content": forms}} if method == "post" else {}
    failures = {"404": {"description": "A link that is not ours, or of what is gone: a page"}, "default": _FAILURE}
    return {**operation, "security": [], **body, "responses": {**known, **failures}}


def _of_broadcasts(_: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that is answered alike whenever it is asked for: with how far the broadcast is."""
    answers = {status: each for status, each in operation["responses"].items() if status.startswith("2")}
    accepted = {"202": {**answers["202"], "description": "Accepted"}} if "202" in answers else {"200": answers["200"]}
    return {**operation, "responses": {**accepted, "default": _FAILURE}}


def _for_providers(method: str, operation: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Return an operation that needs no token: each provider posts what it posts, signed in its own way."""
    bodies = {
        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
    }
    known = {"204": {"description": operation["responses"]["204"]["description"]}}
    refused = {"403": {**_FAILURE, "description": "Not signed by the provider, or not lately: a problem"}}
    return {
        **operation,
        "security": [],
        "requestBody": {"content": bodies},
        "responses": {**known, **refused, "default": _FAILURE},
    }


def _with_our_answers(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    answers = {status: each for status, each in operation["responses"].items() if status.startswith("2")}
    status, success = next(iter(answers.items()))
    if method == "put":  # it says by its status whether there was one before
        answers = {"200": {**success, "description": "Replaced"}, "201": {**success, "description": "Created"}}
    elif method == "delete":
        answers = {"204": {"description": "Gone"}}
    elif operation["operationId"] == "noteReceipt":
        answers = {"204": {"description": "Noted"}}
    elif status == "202":
        answers = {
            "200": {**success, "description": "The plan of a dry run"},
            "202": {**success, "description": "Accepted", "headers": {"Idempotency-Replayed": _REPLAYED}},
        }
    return {**operation, "responses": {**answers, "default": _FAILURE}}


if __name__ == "__main__":
    DOCUMENT.write_text(text())
