"""The judge is judged: what is lost, or sent twice in silence, must be seen."""

from collections import Counter

import pytest

from tests.chaos import flows, matrix
from tests.chaos.commands import verdict, why
from tests.chaos.faults import EVERY, PARTIAL, WHOLE, Fault, Kind
from tests.chaos.matrix import Scenario, Verdict
from tests.chaos.stage import Delivery

SCENARIO = Scenario(flows.FLOWS[0])


def judged(status: str, reason: str | None, doubts: int, copies: int) -> Verdict:
    delivery = Delivery("d", "n", "email", status, reason, doubts)
    return matrix.judged(SCENARIO, [delivery], Counter({"d": copies}), "sent", parked=False, healed=True, met=True)


@pytest.mark.parametrize(
    ("status", "reason", "doubts", "copies", "says"),
    [
        ("sent", None, 0, 1, ""),
        ("sent", None, 1, 2, ""),
        ("pending", "outcome_unknown", 2, 0, ""),
        ("sent", None, 0, 0, "said to be sent, and nobody has it"),
        ("sent", None, 0, 2, "1 duplicates that the log does not know of"),
        ("sent", None, 1, 3, "1 duplicates that the log does not know of"),
        ("error", "unavailable", 0, 0, "error (unavailable), not sent"),
        ("created", None, 0, 0, "created (None), not sent"),
    ],
)
def test_what_is_lost_or_sent_twice_in_silence_is_seen(
    status: str, reason: str | None, doubts: int, copies: int, says: str
) -> None:
    found = judged(status, reason, doubts, copies)
    assert (why(found), found.is_good) == (says, not says)


def test_the_line_counts_what_was_lost_and_what_was_sent_twice() -> None:
    found = [judged("sent", None, 1, 2), judged("created", None, 0, 0)]
    assert verdict(found) == "2 scenarios, 2 deliveries, lost 1, duplicates 1 (unknown-outcome windows 1)"


def test_every_call_fails_in_every_way_that_it_can_and_each_occurrence_of_it_by_itself() -> None:
    calls = Counter({"events:PutEvents": 2, "dynamodb:Query": 37})
    found = {each.fault for each in matrix.scenarios(flows.FLOWS[0], calls)}
    assert {Fault(kind, "events:PutEvents", n) for kind in Kind for n in (1, 2)} < found
    assert {each.kind for each in found if each and each.operation == "dynamodb:Query"} == set(Kind) - {Kind.PARTIAL}
    assert Fault(Kind.KILLED_AFTER, "dynamodb:Query", 18) in found
    assert Fault(Kind.THROTTLED, "dynamodb:Query", EVERY) in found


def test_who_is_to_die_at_all_of_its_calls_does() -> None:
    [flow] = [flow for flow in flows.FLOWS if flow.dies_at_all]
    found = list(matrix.scenarios(flow, Counter({"dynamodb:UpdateItem": 11})))
    died = [each.fault.occurrence for each in found if each.fault and each.fault.kind is Kind.KILLED_AFTER]
    assert died == list(range(1, 12))
    assert [each.fault.occurrence for each in found if each.fault and each.fault.kind is Kind.ERROR] == [1, EVERY]


def test_a_call_of_which_nobody_has_said_how_it_fails_is_no_scenario_but_an_error() -> None:
    matrix.require_known("accept", Counter([*PARTIAL, *WHOLE]))
    with pytest.raises(matrix.UnknownCallError, match=r"accept makes calls without a scenario: dynamodb:Scan"):
        matrix.require_known("accept", Counter(["dynamodb:Scan"]))
