"""stacks.messaging.observer: how the log is followed, and who is told when it is not."""

from handlers.observability import Metric
from local.recording import Program

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def test_the_log_is_followed_from_its_oldest_record_on_in_order_and_for_hours(deployed: Program) -> None:
    [mapping] = [each.inputs for each in deployed.of(MAPPING) if "startingPosition" in each.inputs]
    assert "-notifications/stream/" in mapping["eventSourceArn"]
    assert mapping["functionName"].endswith("-observer:live")
    assert mapping["startingPosition"] == "TRIM_HORIZON"
    assert mapping["parallelizationFactor"] == 1
    assert mapping["bisectBatchOnFunctionError"] is True
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    # Under the 24 hours that a stream keeps its records, so that what is given up can still be read.
    assert 0 < mapping["maximumRecordAgeInSeconds"] < 24 * 3600
    assert "maximumRetryAttempts" not in mapping


def test_what_is_given_up_is_left_where_an_alarm_watches(deployed: Program) -> None:
    [mapping] = [each.inputs for each in deployed.of(MAPPING) if "startingPosition" in each.inputs]
    assert mapping["destinationConfig"]["onFailure"]["destinationArn"].endswith(":quarantine-queue")


def test_an_alarm_rings_when_the_observer_is_late_and_when_it_skips(local: Program) -> None:
    late = local.named(ALARM, name="carillon-local-observer-late").inputs
    assert (late["namespace"], late["metricName"]) == ("AWS/Lambda", "IteratorAge")
    assert late["dimensions"] == {"FunctionName": "carillon-local-observer"}
    assert late["threshold"] == 15 * 60 * 1000
    skipped = local.named(ALARM, name="carillon-local-observer-skipped").inputs
    assert (skipped["metricName"], skipped["dimensions"]) == (Metric.CHANGE_UNREADABLE, {"service": "observer"})
    assert skipped["threshold"] == 0
