"""What all the data that come in or go out as JSON have in common."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen data with no unknown field, whose errors do not repeat what was refused: it may be personal, or secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_absent(value: object) -> bool:
    """Say whether an optional field has no value and is to be left out of the JSON: for pydantic's `exclude_if`."""
    return value is None


def is_zero(value: object) -> bool:
    """Say whether a count is nothing worth telling, and is to be left out of the JSON: for pydantic's `exclude_if`."""
    return value == 0


def compact(document: Any) -> str:
    """Return a document as JSON without needless spaces, each character as itself: as requests to providers are."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
