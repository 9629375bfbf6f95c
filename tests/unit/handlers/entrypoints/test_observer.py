"""The observer's handler: what it answers of a batch, and what it says of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from handlers.adapters.aws.log_items import delivery_item
from handlers.domain.stats.changes import Change
from handlers.entrypoints import observer
from tests.unit.handlers.adapters.aws.test_log_stream import one_of_several, record
from tests.unit.handlers.entrypoints.gateway import LambdaContext

CONTEXT: Any = LambdaContext()


class Failing:
    """A follower that fails at some of the changes."""

    def __init__(self, *places: int) -> None:
        self._places = places
        self.seen: list[Change] = []

    def follow(self, changes: Sequence[Change]) -> Sequence[Change]:
        self.seen += changes
        return [changes[place] for place in self._places]


def records() -> list[dict[str, Any]]:
    return [record(sequence, None, delivery_item(one_of_several())) for sequence in (8, 9, 10)]


def test_every_follower_is_told_of_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    followers = (Failing(), Failing())
    monkeypatch.setattr(observer, "followers", followers)
    assert observer.handler({"Records": records()}, CONTEXT) == {"batchItemFailures": []}
    assert [len(each.seen) for each in followers] == [3, 3]


def test_a_batch_comes_again_from_the_first_record_on_that_somebody_failed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "followers", (Failing(2), Failing(1, 2)))
    assert observer.handler({"Records": records()}, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "9"}]}


def test_a_batch_of_which_nothing_was_followed_is_a_failed_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "followers", (Failing(0),))
    with pytest.raises(observer.NothingFollowedError):
        observer.handler({"Records": records()}, CONTEXT)


def test_what_cannot_be_read_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(observer, "followers", ())
    broken = records()
    broken[1]["dynamodb"]["NewImage"]["status"] = {"S": "lost"}
    assert observer.handler({"Records": broken}, CONTEXT) == {"batchItemFailures": []}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ChangeUnreadable"] for line in lines if "ChangeUnreadable" in line] == [1]
