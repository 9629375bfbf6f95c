from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

from local.engine import wire
from local.engine.wire import UNKNOWN, File, Secret, Text, WireError

HERE = Path("/program")


def struct(**properties: Any) -> Struct:
    made = Struct()
    made.update(properties)
    return made


def signed(signature: str, **fields: Any) -> dict[str, Any]:
    return {wire.SIGNATURE: signature, **fields}


def decoded(value: Any) -> Any:
    return wire.decode(struct(value=value), HERE).get("value", "absent")


@pytest.mark.parametrize(
    ("on_the_wire", "expected"),
    [
        (5, 5),
        (0.5, 0.5),
        (True, True),
        ("text", "text"),
        (None, "absent"),
        ([1, {"a": None, "b": "c"}], [1, {"b": "c"}]),
        (rpc.UNKNOWN, UNKNOWN),
        (signed(rpc._special_secret_sig, value={"a": 1}), Secret({"a": 1})),
        (signed(rpc._special_resource_sig, urn="urn", id="id"), "id"),
        (signed(rpc._special_resource_sig, urn="urn"), "urn"),
        (signed(rpc._special_archive_sig, path="code.zip"), File(HERE / "code.zip")),
        (signed(rpc._special_archive_sig, path="/elsewhere/code.zip"), File(Path("/elsewhere/code.zip"))),
        (signed(rpc._special_asset_sig, text="inline"), Text("inline")),
    ],
)
def test_each_kind_of_value_is_decoded(on_the_wire: Any, expected: Any) -> None:
    assert decoded(on_the_wire) == expected
    assert type(decoded(on_the_wire)) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        signed(rpc._special_archive_sig, assets={}),
        signed(rpc._special_asset_sig, uri="https://example.com"),
        signed("another signature"),
    ],
)
def test_a_value_without_a_meaning_here_is_refused(value: Any) -> None:
    with pytest.raises(WireError, match="are supported"):
        decoded(value)


def test_secrets_are_found_and_revealed_at_any_depth() -> None:
    value = {"a": [Secret({"b": Secret("inner")})], "c": "open"}
    assert wire.reveal(value) == {"a": [{"b": "inner"}], "c": "open"}
    assert list(wire.secrets(value)) == [{"b": "inner"}]


def test_unknowns_are_found_by_their_path() -> None:
    value = {"a": [1, {"b": UNKNOWN}], "c": Secret(UNKNOWN), "d": UNKNOWN}
    assert list(wire.unknowns(value)) == ["a[1].b", "c", "d"]


def test_a_canonical_value_differs_only_when_the_value_does(tmp_path: Path) -> None:
    one, same, other = tmp_path / "one", tmp_path / "same", tmp_path / "other"
    for path, content in ((one, b"1"), (same, b"1"), (other, b"2")):
        path.write_bytes(content)
    assert wire.canonical(File(one)) == wire.canonical(File(same)) != wire.canonical(File(other))
    assert wire.canonical({"b": 1, "a": 2}) == wire.canonical({"a": 2, "b": 1})
    assert wire.canonical(Secret("x")) == wire.canonical(Secret("x")) != wire.canonical("x")
    assert wire.canonical(UNKNOWN) != wire.canonical("<unknown>")


def test_an_answer_echoes_what_was_set_and_marks_what_must_stay_secret() -> None:
    secret_name = signed(rpc._special_secret_sig, value="hidden")
    inputs = struct(name=secret_name, size=1)
    answered = wire.answer(inputs, {"arn": "a", "size": 2, "nothing": None}, frozenset({"arn", "name", "absent"}))
    assert wire.decode(answered, HERE) == {"name": Secret("hidden"), "size": 1, "arn": Secret("a")}
