"""The table of moves, walked at random: whatever happens to a delivery, it only goes forward."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from handlers.domain.notifications import statuses
from handlers.domain.notifications.statuses import BY_OPERATOR, FINAL, INITIAL, MOVES, RANK, UNSENT, Status, may_move


class Walk(RuleBasedStateMachine):
    """A delivery to which receipts, workers, producers and operators do things in any order.

    What is not allowed is ignored.
    """

    @initialize(start=st.sampled_from(sorted(INITIAL)))
    def begin(self, start: Status) -> None:
        self.path = [start]

    @rule(to=st.sampled_from(Status))
    def try_to_move(self, to: Status) -> None:
        if may_move(self.path[-1], to):
            self.path.append(to)

    @rule()
    def redrive(self) -> None:
        to = BY_OPERATOR.get(self.path[-1])
        if to is not None and self.path[0] in UNSENT and not SENT.intersection(self.path):
            self.path.append(to)

    @invariant()
    def no_status_was_left_for_an_earlier_one(self) -> None:
        for before, after in pairwise(self.path):
            assert RANK[before] < RANK[after] or BY_OPERATOR.get(before) is after

    @invariant()
    def nothing_follows_a_final_status(self) -> None:
        for before, after in pairwise(self.path):
            assert before not in FINAL or BY_OPERATOR.get(before) is after

    @invariant()
    def nothing_that_was_sent_is_to_be_sent_again(self) -> None:
        if SENT.intersection(self.path):
            first = min(self.path.index(status) for status in SENT.intersection(self.path))
            assert not UNSENT.intersection(self.path[first:])

    @invariant()
    def nothing_was_sent_that_no_worker_had_claimed(self) -> None:
        if SENT & set(self.path):
            assert Status.PENDING in self.path


SENT = {Status.SENT, Status.OPENED, Status.CLICKED}
TestWalk = Walk.TestCase


@given(st.sampled_from(Status))
def test_every_status_has_its_moves_and_none_to_itself(status: Status) -> None:
    assert not may_move(status, status)
    assert MOVES[status] <= set(Status)


def test_every_status_can_be_reached() -> None:
    assert set(INITIAL).union(*MOVES.values()) == set(Status)


def test_the_final_ones_are_those_of_the_design() -> None:
    assert {Status.ERROR, Status.UNSUBSCRIBED, Status.CANCELED} == FINAL
    assert all(MOVES[status] for status in UNSENT)


@pytest.mark.parametrize(
    ("current", "to", "allowed"),
    [
        (Status.CREATED, Status.PENDING, True),
        (Status.CREATED, Status.SENT, False),
        (Status.PENDING, Status.CREATED, False),
        (Status.PENDING, Status.CLICKED, True),
        (Status.SENT, Status.CANCELED, False),
        (Status.OPENED, Status.SENT, False),
        (Status.CLICKED, Status.OPENED, False),
        (Status.ERROR, Status.SENT, False),
    ],
)
def test_a_move_is_allowed_or_not(current: Status, to: Status, allowed: bool) -> None:
    assert may_move(current, to) is allowed


def test_the_documented_table_is_the_one_in_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (statuses.__doc__ or "").splitlines()
        if line.startswith("| ")
    ]
    header, *body = rows

    def marked(marks: str) -> dict[Status, set[Status]]:
        cells = {
            Status(row[0]): {Status(to) for to, cell in zip(header[1:], row[1:], strict=True) if re.search(marks, cell)}
            for row in body
        }
        return {status: onward for status, onward in cells.items() if onward}

    assert marked("[a-h]") == {status: set(onward) for status, onward in MOVES.items() if onward}
    assert marked("o") == {status: {to} for status, to in BY_OPERATOR.items()}
