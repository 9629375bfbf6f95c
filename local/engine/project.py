"""The project and stack files of a Pulumi program, read as the Pulumi CLI reads them.

https://www.pulumi.com/docs/iac/concepts/projects/project-file/ and .../concepts/config/: a key without a namespace is
the project's, a structured value reaches the program as JSON, and `secure:` values are encrypted with a key that only
the CLI has, so on this machine they must be given as overrides.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from local.engine.errors import DeploymentFailed

_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}

# The CLI takes these as text too: `pulumi stack init` and `pulumi config set` write them so.
_QUOTED: Final[Mapping[str, str]] = {
    "integer": r"-?\d+",
    "number": r"-?\d+(\.\d+)?",
    "boolean": "true|false",
}


@dataclass(frozen=True)
class Project:
    """A program, the stack it runs as, and its configuration as the program's process gets it."""

    directory: Path
    name: str
    stack: str
    config: Mapping[str, str]
    secret_keys: frozenset[str]


def load(directory: Path, stack: str, overrides: Mapping[str, Any]) -> Project:
    """Read Pulumi.yaml and Pulumi.<stack>.yaml in `directory`, with `overrides` winning over both.

    Raises `DeploymentFailed` for a missing or wrong file, key or value, naming it.
    """
    document = _mapping(directory / "Pulumi.yaml", required=True)
    name = document.get("name")
    if not isinstance(name, str):
        raise DeploymentFailed(f"{directory / 'Pulumi.yaml'}: `name` is missing")
    in_file = _mapping(directory / f"Pulumi.{stack}.yaml", required=False).get("config") or {}
    given = {_qualified(name, key): value for key, value in [*in_file.items(), *overrides.items()]}
    secret_keys = frozenset(_qualified(name, key) for key, value in in_file.items() if _is_encrypted(value))
    if locked := sorted(key for key, value in given.items() if _is_encrypted(value)):
        raise DeploymentFailed(f"encrypted configuration cannot be read here; override {', '.join(locked)}")
    declared = {_qualified(name, key): rule for key, rule in (document.get("config") or {}).items()}
    values = _with_defaults(declared, given, stack)
    return Project(directory, name, stack, {key: _text(value) for key, value in values.items()}, secret_keys)


def _mapping(path: Path, *, required: bool) -> dict[str, Any]:
    if not path.exists() and not required:
        return {}
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DeploymentFailed(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise DeploymentFailed(f"{path} is not a mapping")
    return document


def _with_defaults(declared: Mapping[str, Any], given: Mapping[str, Any], stack: str) -> dict[str, Any]:
    """The given values and the declared defaults, each of its declared type."""
    values = dict(given)
    for key, rule in declared.items():
        if not isinstance(rule, dict):  # the short form: the value itself
            values.setdefault(key, rule)
        elif key not in values:
            default = rule.get("value", rule.get("default"))
            if default is None:
                raise DeploymentFailed(f"stack {stack} is missing configuration value {key}")
            values[key] = default
        if isinstance(rule, dict) and not _has_type(values[key], rule.get("type")):
            raise DeploymentFailed(f"configuration value {key} must be of type {rule['type']}")
    return values


def _has_type(value: Any, declared: str | None) -> bool:
    if declared is None:
        return True
    expected = _TYPES.get(declared)
    if expected is None:
        raise DeploymentFailed(f"configuration type {declared} is none of {', '.join(_TYPES)}")
    if isinstance(value, str) and (quoted := _QUOTED.get(declared)):
        return re.fullmatch(quoted, value) is not None
    return isinstance(value, expected) and (declared == "boolean" or not isinstance(value, bool))


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
