"""The API's OpenAPI document, generated from the routes and models that answer it: `python -m ops.openapi` writes it.

Each function has its own resolver; this joins what they say of themselves, and replaces Powertools' own error answers
by ours: any failure is a problem (RFC 9457).
"""

import json
import os
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "openapi.json"

# Functions read their environment when they are imported. Nothing is called, so any value will do.
_ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "CARILLON_CATEGORIES": "{}",
    "CARILLON_CHANNELS": "[]",
    "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
    "POWERTOOLS_SERVICE_NAME": "openapi",
    **{
        f"CARILLON_{name}": "unused"
        for name in (
            "ENVIRONMENT",
            "CONTACTS_TABLE",
            "SETTINGS_TABLE",
            "NOTIFICATIONS_TABLE",
            "LIMITS_TABLE",
            "EVENT_BUS",
            "TEMPLATE_BUCKET",
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
_OF_POWERTOOLS: Final = {"HTTPValidationError", "ResponseValidationError", "ValidationError"}


def document() -> dict[str, Any]:
    """Return the document of all functions behind the API."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    for part in _parts():
        for path, operations in part["paths"].items():
            paths[path] = {method: _with_our_answers(method, each) for method, each in operations.items()}
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


def _parts() -> list[dict[str, Any]]:
    with patch.dict(os.environ, _ENVIRONMENT):
        from handlers.entrypoints import contacts, notifications, templates
    apps = (contacts.app, notifications.app, templates.app)
    return [json.loads(app.get_openapi_json_schema(title="Carillon", version="1")) for app in apps]


def _with_our_answers(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    status, success = next((status, each) for status, each in operation["responses"].items() if status.startswith("2"))
    answers = {status: success}
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
