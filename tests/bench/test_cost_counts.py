"""What was counted of an invocation: what is alike stands once, and grows by what was longer."""

from typing import Any

from bench.cost_counts import metrics, reads, writes


def write(id_: str, size: int, *, kind: str = "delivery") -> dict[str, Any]:
    return {
        "table": "carillon-local-notifications",
        "kind": kind,
        "id": id_,
        "transaction": False,
        "before": 0,
        "after": size,
        "index": [100],
    }


def call(*writes: dict[str, Any]) -> dict[str, Any]:
    return {"service": "dynamodb", "operation": "PutItem", "writes": list(writes), "reads": []}


def test_items_that_are_alike_stand_once_with_their_number() -> None:
    [head, deliveries] = sorted(
        writes([call(write("1", 500), write("2", 500)), call(write("3", 300, kind="notification"))], {}, "email"),
        key=lambda each: each.count,
    )
    assert (head.kind, head.count, head.bytes, head.table) == ("notification", 1, 300, "notifications")
    assert (deliveries.kind, deliveries.count, deliveries.index) == ("delivery", 2, (100,))


def test_what_holds_the_payload_grows_with_it_and_nothing_else() -> None:
    short = [call(write("1", 500), write("2", 300, kind="notification"))]
    long = [call(write("1", 500 + 9000), write("2", 300, kind="notification"))]
    found = {each.kind: each.payload for each in writes(short, {"payload": long}, "email")}
    assert found == {"delivery": 1.0, "notification": 0.0}


def test_a_read_that_finds_nothing_is_a_read() -> None:
    missing = {"table": "carillon-local-settings", "kind": "item", "bytes": 0, "consistent": True}
    [read] = reads([{"reads": [missing, missing], "writes": []}], {}, "email")
    assert (read.count, read.bytes, read.consistent) == (2, 0, True)


def test_a_metric_is_a_name_with_its_dimensions() -> None:
    emf = '{"CloudWatchMetrics": [{"Dimensions": [["service"]], "Metrics": [{"Name": "Sent"}]}]}'
    line = f'{{"_aws": {emf}, "service": "a"}}'
    assert set(metrics(f'{line}\n{line}\n{{"message": "sent"}}')) == {"Sent{service=a}"}
