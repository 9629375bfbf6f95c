"""What was created, by URN: one JSON file per platform, readable by its owner alone."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.engine.errors import DeploymentFailed

_VERSION = 1


@dataclass(frozen=True)
class Resource:
    """A resource as it was created: canonical inputs (assets and secrets are hashes), its id, what it answered."""

    type: str
    inputs: Mapping[str, Any]
    id: str
    outputs: Mapping[str, Any]
    dependencies: tuple[str, ...]

    def changed(self, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the properties in which `inputs`, canonical, differ."""
        names = sorted(self.inputs.keys() | inputs.keys())
        return tuple(name for name in names if self.inputs.get(name) != inputs.get(name))


def load(path: Path) -> dict[str, Resource]:
    """The resources by URN, none when there is no file; `DeploymentFailed` when it cannot be understood."""
    try:
        document = json.loads(path.read_text())
        if document["version"] != _VERSION:
            raise DeploymentFailed(f"{path} was written by another version: run `make down && make up`")
        return {
            urn: Resource(**{**resource, "dependencies": tuple(resource["dependencies"])})
            for urn, resource in document["resources"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeploymentFailed(f"{path} cannot be read ({error}): run `make down && make up`") from error


def save(path: Path, resources: Mapping[str, Resource]) -> None:
    """Replace the file at once, so that whoever reads it never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"version": _VERSION, "resources": {urn: asdict(resource) for urn, resource in resources.items()}}
    written = path.with_suffix(".new")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=1)
    written.replace(path)
