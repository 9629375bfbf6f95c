from pathlib import Path
from typing import Any

import pytest
import yaml

from local.engine import project
from local.engine.deployment import DeploymentFailed
from local.engine.project import Project


def load(
    directory: Path,
    declared: dict[str, Any],
    stack: dict[str, Any] | None = None,
    overrides: dict[str, Any] | None = None,
) -> Project:
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "small", "runtime": "python", "config": declared}))
    if stack is not None:
        (directory / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": stack}))
    return project.load(directory, "test", overrides or {})


def test_the_program_gets_text_and_json_of_anything_else(tmp_path: Path) -> None:
    stack = {"small:text": "x", "small:flag": True, "small:count": 3, "small:map": {"a": [1]}, "aws:region": "r"}
    assert load(tmp_path, {}, stack).config == {
        "small:text": "x",
        "small:flag": "true",
        "small:count": "3",
        "small:map": '{"a": [1]}',
        "aws:region": "r",
    }


def test_overrides_win_over_the_stack_and_the_stack_over_defaults(tmp_path: Path) -> None:
    declared = {name: {"type": "string", "default": "default"} for name in ("one", "two", "three")}
    loaded = load(tmp_path, declared, {"small:two": "stack", "three": "stack"}, {"three": "override"})
    assert loaded.config == {"small:one": "default", "small:two": "stack", "small:three": "override"}


def test_a_value_of_another_namespace_is_taken_from_the_project_file(tmp_path: Path) -> None:
    assert load(tmp_path, {"aws:region": {"value": "eu-west-1"}, "short": "form"}).config == {
        "aws:region": "eu-west-1",
        "small:short": "form",
    }


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="missing configuration value small:needed"):
        load(tmp_path, {"needed": {"type": "string"}})


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("string", 1),
        ("integer", "one"),
        ("integer", True),
        ("integer", 1.5),
        ("integer", "1.5"),
        ("number", "one"),
        ("boolean", "yes"),
        ("array", {}),
        ("object", []),
    ],
)
def test_a_value_of_the_wrong_type_is_named(tmp_path: Path, declared: str, value: Any) -> None:
    with pytest.raises(DeploymentFailed, match=f"small:key must be of type {declared}"):
        load(tmp_path, {"key": {"type": declared}}, {"small:key": value})


@pytest.mark.parametrize(
    ("declared", "plain", "quoted"),
    [("integer", 14, "14"), ("number", 0.5, "0.5"), ("boolean", False, "false"), ("boolean", True, "true")],
)
def test_a_value_that_the_cli_has_quoted_is_the_same_value(
    tmp_path: Path, declared: str, plain: Any, quoted: str
) -> None:
    rule = {"key": {"type": declared}}
    assert load(tmp_path, rule, {"key": quoted}).config == load(tmp_path, rule, {"key": plain}).config


def test_an_encrypted_value_must_be_overridden_and_stays_secret(tmp_path: Path) -> None:
    stack = {"small:password": {"secure": "v1:abc"}}
    with pytest.raises(DeploymentFailed, match="override small:password"):
        load(tmp_path, {}, stack)
    loaded = load(tmp_path, {}, stack, {"password": "hidden"})
    assert loaded.config == {"small:password": "hidden"}
    assert loaded.secret_keys == {"small:password"}


@pytest.mark.parametrize("text", ["- a list", "name: [", "runtime: python"])
def test_a_project_file_that_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(DeploymentFailed, match=r"Pulumi\.yaml"):
        project.load(tmp_path, "test", {})


def test_a_directory_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match=r"Pulumi\.yaml cannot be read"):
        project.load(tmp_path, "test", {})
