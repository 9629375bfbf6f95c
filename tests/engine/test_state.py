from pathlib import Path

import pytest

from local.engine import state
from local.engine.deployment import DeploymentFailed
from local.engine.state import Resource

QUEUE = Resource("aws:sqs/queue:Queue", {"name": "q", "delay": 1}, "http://q", {"arn": "a"}, ("urn:other",))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "made" / "state.json"
    state.save(path, {"urn": QUEUE})
    assert state.load(path) == {"urn": QUEUE}
    assert [left.name for left in path.parent.iterdir()] == ["state.json"]


def test_nothing_is_known_without_a_file(tmp_path: Path) -> None:
    assert state.load(tmp_path / "state.json") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 1, "resources": {"urn": {}}}', '{"version": 0}'])
def test_a_file_that_cannot_be_understood_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(DeploymentFailed, match="make down && make up"):
        state.load(path)


def test_added_removed_and_different_properties_are_changes() -> None:
    assert QUEUE.changed({"name": "q", "delay": 1}) == ()
    assert QUEUE.changed({"name": "other", "size": 1}) == ("delay", "name", "size")
