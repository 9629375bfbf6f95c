"""What all the data that come in or go out as JSON have in common."""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function


class Model(BaseModel):
    """Frozen data with no unknown field, whose errors do not repeat what was refused: it may be personal, or secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_absent(value: object) -> bool:
    """Say whether an optional field has no value and is to be left out of the JSON: for pydantic's `exclude_if`."""
    return value is None


def is_zero(value: object) -> bool:
    """Say whether a count is nothing worth telling, and is to be left out of the JSON: for pydantic's `exclude_if`."""
    return value == 0


def is_empty(value: object) -> bool:
    """Say whether a list has nothing in it, and is to be left out of the JSON: for pydantic's `exclude_if`."""
    return not value


def compact(document: Any) -> str:
    """Return a document as JSON without needless spaces, each character as itself: as requests to providers are."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Form:
    """Annotates a text that has to match a pattern as a whole, and says in words what it must be.

    The pattern is in the JSON schema alone: pydantic's own constraint would show it in its error.
    """

    pattern: str
    words: str

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise PydanticCustomError("form", "{words}", {"words": self.words})
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}
