"""Property values between the engine's Python and the wire: protobuf Structs with Pulumi's signatures.

The signatures mark what JSON cannot say (secrets, assets, references, what is not known yet); they are the constants of
the SDK's sdk/go/common/resource/properties.go, published in `pulumi.runtime.rpc`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

SIGNATURE: Final[str] = rpc._special_sig_key


class WireError(Exception):
    """A value on the wire has no meaning to this engine; the message says which kind of value."""


class Unknown:
    """A value that is known only after something is created: in a preview, and never in a deployment."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown."""

    value: Any


@dataclass(frozen=True)
class File:
    """A file asset, or an archive that is one file."""

    path: Path

    def read(self) -> bytes:
        """Its bytes; `WireError` when it is not a readable file."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise WireError(f"the asset {self.path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Text:
    """A text asset."""

    text: str

    def read(self) -> bytes:
        """Its UTF-8 bytes."""
        return self.text.encode()


def decode(struct: struct_pb2.Struct, directory: Path) -> dict[str, Any]:
    """The properties as Python values: whole numbers as ints, nulls left out, paths relative to `directory`."""
    decoded = {name: _decode(value, directory) for name, value in struct.fields.items()}
    return {name: value for name, value in decoded.items() if value is not None}


def _decode(value: struct_pb2.Value, directory: Path) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            return int(value.number_value) if value.number_value.is_integer() else value.number_value
        case "string_value":
            return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(element, directory) for element in value.list_value.values]
        case "struct_value":
            return _decode_struct(value.struct_value, directory)
        case _:
            return None


def _decode_struct(struct: struct_pb2.Struct, directory: Path) -> Any:
    fields = {name: _decode(value, directory) for name, value in struct.fields.items()}
    match fields.pop(SIGNATURE, None), fields:
        case None, _:
            return {name: value for name, value in fields.items() if value is not None}
        case rpc._special_secret_sig, {"value": value}:
            return Secret(value)
        case rpc._special_resource_sig, {"urn": urn}:
            return fields.get("id") or urn
        case ((rpc._special_asset_sig | rpc._special_archive_sig), {"path": str(path)}):
            return File(directory / path)
        case rpc._special_asset_sig, {"text": str(text)}:
            return Text(text)
    raise WireError("assets that are files or text, archives that are one file, secrets and references are supported")


def reveal(value: Any) -> Any:
    """The value with every secret in it as its plain value."""
    match value:
        case Secret():
            return reveal(value.value)
        case dict():
            return {name: reveal(element) for name, element in value.items()}
        case list():
            return [reveal(element) for element in value]
        case _:
            return value


def secrets(value: Any) -> Iterator[Any]:
    """Every secret's plain value in it."""
    match value:
        case Secret():
            yield reveal(value)
        case dict():
            for element in value.values():
                yield from secrets(element)
        case list():
            for element in value:
                yield from secrets(element)


def unknowns(value: Any, path: str = "") -> Iterator[str]:
    """The path of every value in it that is not known."""
    match value:
        case Unknown():
            yield path
        case Secret():
            yield from unknowns(value.value, path)
        case dict():
            for name, element in value.items():
                yield from unknowns(element, f"{path}.{name}" if path else name)
        case list():
            for index, element in enumerate(value):
                yield from unknowns(element, f"{path}[{index}]")


def canonical(value: Any) -> Any:
    """The value as JSON that is equal when, and only when, the value is: assets are their SHA-256, so are secrets."""
    match value:
        case Unknown():
            return {SIGNATURE: "unknown"}
        case Secret():
            plain = json.dumps(canonical(value.value), sort_keys=True)
            return {SIGNATURE: "secret", "sha256": hashlib.sha256(plain.encode()).hexdigest()}
        case File() | Text():
            return {SIGNATURE: "asset", "sha256": hashlib.sha256(value.read()).hexdigest()}
        case dict():
            return {name: canonical(element) for name, element in sorted(value.items())}
        case list():
            return [canonical(element) for element in value]
        case _:
            return value


def answer(inputs: struct_pb2.Struct, outputs: Mapping[str, Any], secret: frozenset[str]) -> struct_pb2.Struct:
    """What a registration answers: the inputs as they came, the outputs beside them, those in `secret` marked so."""
    struct = struct_pb2.Struct()
    struct.CopyFrom(inputs)
    struct.update({name: value for name, value in outputs.items() if value is not None and name not in inputs.fields})
    for name in secret & set(struct.fields):
        value = struct.fields[name]
        if not rpc._is_rpc_struct_secret(value.struct_value):
            marked = struct_pb2.Struct(fields={"value": value})
            marked[SIGNATURE] = rpc._special_secret_sig
            value.struct_value.CopyFrom(marked)
    return struct
