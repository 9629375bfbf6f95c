"""What is computed of what was measured. How long anything takes is for `make bench`."""

import pytest

from bench import alone, calls, floor, outage, scale
from bench.alone import Alone
from bench.calls import Calls
from bench.floor import Latency, Rounds, Throughput
from bench.results import Line, p95, ratio, spread
from bench.scale import Probe


def values(lines: list[Line]) -> dict[str, float]:
    return {line.what: line.value for line in lines}


@pytest.mark.parametrize(
    ("line", "met", "target"),
    [
        (Line("a", 1.6, at_most=1.6), True, "≤ 1.6"),
        (Line("a", 1.61, at_most=1.6), False, "≤ 1.6"),
        (Line("a", 0.55, at_least=0.55), True, "≥ 0.55"),
        (Line("a", 0.5, at_least=0.55), False, "≥ 0.55"),
        (Line("a", 7), None, ""),
    ],
    ids=["as much", "more", "as little", "less", "no target"],
)
def test_a_line_is_judged_by_its_target_if_it_has_one(line: Line, met: bool | None, target: str) -> None:
    assert (line.met, line.target) == (met, target)


def test_a_ratio_is_that_of_the_middle_round_so_that_what_slows_one_round_does_not_count() -> None:
    assert ratio([20, 300, 22], [10, 100, 10]) == 2.2
    assert spread([100, 110, 80]) == pytest.approx(0.2)
    assert p95([float(n) for n in range(1, 101)]) == pytest.approx(95.05)


def test_ours_is_divided_by_the_floor_round_by_round() -> None:
    def rounds(factor: float) -> Rounds:
        latency = Latency([10 * factor] * 3, [20 * factor] * 3, 4 * factor)
        return Rounds([latency] * 3, [Throughput(100 / factor, 50 / factor, 4 * factor)] * 3)

    found = values(floor.lines(rounds(2), rounds(1)))
    assert found["POST → 202, p50"] == found["POST → sent, p50"] == found["CPU of handlers"] == 2
    assert found["Throughput to sent, 8 threads"] == 0.5
    assert (found["POST → sent, p50: ours"], found["POST → sent, p50: floor"]) == (40, 20)


def test_handlers_are_told_in_empty_calls_of_their_own_process() -> None:
    accepting = Alone(2, {"one": 7, "many": 50}, [], {})
    delivering = Alone(4, {"delivery": 10}, [], {})
    found = values(alone.lines(accepting, delivering))
    assert found["A single acceptance, in empty calls"] == 3.5
    assert (found["A recipient of 100"], found["A recipient of 100, in empty calls"]) == (0.5, 0.25)
    assert found["A delivery in the worker, in empty calls"] == 2.5


def test_calls_are_told_for_each_delivery_and_reads_for_each_batch() -> None:
    accepting = {("dynamodb", "BatchGetItem"): 20, ("dynamodb", "PutItem"): 20, ("events", "PutEvents"): 20}
    queue = {("sqs", "ReceiveMessage"): 2, ("sqs", "DeleteMessageBatch"): 2}
    delivering = {("dynamodb", "UpdateItem"): 40, ("dynamodb", "BatchGetItem"): 2, **queue}
    counted = Calls(20, {**accepting, ("sqs", "SendMessage"): 20}, delivering)
    found = values(calls.lines({"email": counted}))
    assert found["Calls of a single acceptance"] == 3
    assert found["DynamoDB writes, e-mail"] == 3
    assert found["SQS requests, e-mail in batches of 10"] == 1.2
    assert found["Reads of the worker, each batch"] == 1
    assert found["All calls but SQS, email"] == pytest.approx(5.1)


def test_what_grows_with_the_log_is_seen_as_the_change_from_one_delivery() -> None:
    found = [Probe(size, sent, 5, 80, 6, 0) for size, sent in ((1, 50), (1000, 60))]
    lines = {line.what: line for line in scale.lines(found)}
    grown = lines["Time, POST to sent per delivery, 1 to 1,000: change"]
    assert grown.value == pytest.approx(0.2)
    assert grown.met is False
    assert lines["CPU per delivery, 1 to 1,000: change"].met


def test_a_dead_channel_is_seen_by_the_others_times() -> None:
    well, ill = ([Latency([1], [sent] * 5, 0)] * 2 for sent in (50, 60))
    first, *_ = outage.lines(well, ill, 10)
    assert (first.value, first.met) == (1.2, False)
