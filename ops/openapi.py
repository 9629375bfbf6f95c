"""The API's OpenAPI document, generated from the routes and models that answer it: `python -m ops.openapi` writes it.

Each function has its own resolver; this joins what they say of themselves, and replaces Powertools' own error answers
by ours: any failure is a problem (RFC 9457).
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

Finish = Callable[[str, dict[str, Any]], dict[str, Any]]
"""From a method and its operation, the operation as our document has it."""

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "openapi.json"

# Functions read their environment when they are imported. Nothing is called, so any value will do.
_ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "CARILLON_CATEGORIES": "{}",
    "CARILLON_CHANNELS": "[]",
    "CARILLON_LINK_KEY": "unused",
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
            "LIMITS_TABLE",
            "EVENT_BUS",
            "SCHEDULE_GROUP",
            "SCHEDULE_TARGET",
            "SCHEDULER_ROLE",
            "TEMPLATE_BUCKET",
            "SAMPLE_URL",
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
    "description": "Anything else: a problem",
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
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_OF_POWERTOOLS: Final = {"HTTPValidationError", "ResponseValidationError", "ValidationError"}


def document() -> dict[str, Any]:
    """Return the document of all functions behind the API."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    for part, finish in _parts():
        for path, operations in part["paths"].items():
            paths[path] = {method: finish(method, each) for method, each in operations.items()}
        schemas |= part["components"]["schemas"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Carillon",
            "version": "1",
            "description": "One API for every notification: what is answered with 202 is in the log and is never lost.",
        },
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


def _parts() -> Iterator[tuple[dict[str, Any], Finish]]:
    """Yield what each function says of itself, with what to make of each of its operations."""
    with patch.dict(os.environ, _ENVIRONMENT):
        from handlers.entrypoints import contacts, notifications, templates, tracking
    for app in (contacts.app, notifications.app, templates.app):
        yield json.loads(app.get_openapi_json_schema(title="Carillon", version="1")), _with_our_answers
    yield json.loads(tracking.app.get_openapi_json_schema(title="Carillon", version="1")), _for_recipients


def _for_recipients(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that needs no token and answers browsers; of a POST also what a browser sends."""
    answers = {status: {"description": each["description"]} for status, each in operation["responses"].items()}
    known = {status: each for status, each in answers.items() if status in ("200", "302")}
    forms = {kind: {"schema": {"type": "object"}} for kind in _FORMS}
    body = {"requestBody": {"content": forms}} if method == "post" else {}
    failures = {"404": {"description": "A link that is not ours, or of what is gone: a page"}, "default": _FAILURE}
    return {**operation, "security": [], **body, "responses": {**known, **failures}}


def _with_our_answers(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    answers = {status: each for status, each in operation["responses"].items() if status.startswith("2")}
    status, success = next(iter(answers.items()))
    if method == "put":  # it says by its status whether there was one before
        answers = {"200": {**success, "description": "Replaced"}, "201": {**success, "description": "Created"}}
    elif method == "delete":
        answers = {"204": {"description": "Gone"}}
    elif status == "202":
        answers = {
            "200": {**success, "description": "The plan of a dry run"},
            "202": {**success, "description": "Accepted"},
        }
    return {**operation, "responses": {**answers, "default": _FAILURE}}


if __name__ == "__main__":
    DOCUMENT.write_text(text())
