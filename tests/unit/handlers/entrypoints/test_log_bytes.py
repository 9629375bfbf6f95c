"""What the lines of a delivery weigh: CloudWatch Logs is paid by the byte, and was a tenth of a delivery's price."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import handlers
from handlers.entrypoints import authorizer, notifications
from handlers.observability import Metric, count, invocation, logger
from stacks.api.api import ACCESS_LOG_FORMAT
from tests.unit.handlers.entrypoints.gateway import LambdaContext, call
from tests.unit.handlers.entrypoints.test_authorizer import Apps, authorize, bearer
from tests.unit.handlers.entrypoints.test_notifications import BODY
from tests.unit.handlers.entrypoints.test_worker import Channel, body
from tests.unit.handlers.memory import MemoryBus, MemoryLog, MemoryPeople, MemoryScheduler

AT_MOST = 1_600
"""Bytes for one delivery by e-mail: authorizer, acceptance, worker and the API's access log."""

REQUEST_ID = "3b1a7c1e-5f0e-4b1c-9f65-1c4f6f1e2a77"
# What API Gateway puts in the place of each variable of a request that is answered.
ACCESS = {
    "$context.requestId": REQUEST_ID,
    "$context.requestTimeEpoch": "1795712343083",
    "$context.httpMethod": "POST",
    "$context.resourcePath": "/v1/notifications",
    "$context.status": "202",
    "$context.error.responseType": "-",
    "$context.responseLatency": "48",
    "$context.integrationLatency": "44",
    "$context.authorizer.app_key": "billing",
    "$context.tlsVersion": "TLSv1.3",
}

Said = Callable[[str], list[str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """The lines since it was asked last, as the function of this name would have written them."""

    def lines(function: str) -> list[str]:
        text = capsys.readouterr().out.replace('"6f1c"', f'"{REQUEST_ID}"')
        return text.replace('"service":"test"', f'"service":"{function}"').splitlines()

    return lines


def weight(lines: list[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def test_the_lines_of_a_delivery_weigh_what_they_may(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizer, "apps", Apps())
    in_memory: dict[str, Any] = {
        "people": MemoryPeople(),
        "log": MemoryLog(),
        "publisher": MemoryBus(),
        "scheduler": MemoryScheduler(),
    }
    monkeypatch.setattr(notifications, "service", replace(notifications.service, **in_memory))
    written = {}
    access_line = json.dumps(ACCESS_LOG_FORMAT, separators=(",", ":"))
    authorize(bearer())
    written["authorizer"] = said("authorizer")
    assert call(notifications.handler, "POST", "/v1/notifications", BODY).status == 202
    written["accept"] = said("notifications")
    channel = Channel()
    given = channel.accept()
    said("")
    assert channel.receive(body(given)) == []
    written["worker"] = said("worker-email")
    written["access log"] = [re.sub(r"\$[\w.]+", lambda variable: ACCESS[variable[0]], access_line)]
    assert {part: len(lines) for part, lines in written.items()} == dict.fromkeys(written, 1)
    weights = {part: weight(lines) for part, lines in written.items()}
    assert sum(weights.values()) <= AT_MOST, weights
    [line] = map(json.loads, written["accept"])
    assert {"notification_id", "app_key", "category", "request_id"} <= line.keys()
    [line] = map(json.loads, written["worker"])
    assert (line["delivery_id"], line["result"], line["DeliverySent"]) == (given.delivery_id, "sent", 1)


# -- counts ------------------------------------------------------------------------------------------------------------


def emf(line: str) -> dict[tuple[str, ...], Any]:
    """The values of a line's metrics by their name and the values of their dimensions, as CloudWatch reads them."""
    document = json.loads(line)
    return {
        (metric["Name"], *(document[name] for name in directive["Dimensions"][0])): document[metric["Name"]]
        for directive in document.get("_aws", {"CloudWatchMetrics": []})["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


def test_counts_of_other_dimensions_than_a_line_has_wait_for_another_and_none_outlives_the_invocation(
    said: Said,
) -> None:
    @invocation
    def handler(event: Any, context: Any) -> None:
        count(Metric.NOTIFICATION_ACCEPTED)
        for channel, deliveries in (("email", 2), ("sms", 1), ("email", 3)):
            count(Metric.DELIVERY_PLANNED, deliveries, channel=channel)
        logger.info("answered", status=202)
        count(Metric.PUBLISH_FAILED, 4)
        raise KeyError

    with pytest.raises(KeyError):
        handler({}, LambdaContext())  # type: ignore[arg-type]
    first, rest = said("notifications")
    assert emf(first) == {
        ("NotificationAccepted", "notifications"): 1,
        ("DeliveryPlanned", "notifications", "email"): 5,
    }
    assert emf(rest) == {("DeliveryPlanned", "notifications", "sms"): 1, ("PublishFailed", "notifications"): 4}


def test_what_an_invocation_says_of_itself_is_not_said_by_the_next(said: Said) -> None:
    @invocation
    def handler(event: Any, context: Any) -> None:
        logger.info("first" if event else "second")
        logger.append_keys(notification_id="n-1")

    handler({"a": 1}, LambdaContext())  # type: ignore[arg-type]
    handler({}, LambdaContext())  # type: ignore[arg-type]
    assert [json.loads(line).get("notification_id") for line in said("test")] == [None, None]


def test_no_function_repeats_its_lambda_context_in_each_line() -> None:
    sources = Path(handlers.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if "inject_lambda_context" in path.read_text()] == []
