"""stacks.monitoring: each alarm and widget looks at something that is really emitted, by something that is there."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from local import recording as program
from local.recording import Program
from stacks.compute.functions import specs
from stacks.data.tables import SPECS, TableSpec
from stacks.monitoring.alarms import FALLING_BEHIND, PARTS, alarms
from stacks.monitoring.estate import Estate
from stacks.monitoring.queries import QUERIES
from stacks.monitoring.widgets import Graph, Row
from stacks.naming import Naming
from stacks.settings import SettingsError, load
from tests import programs
from tests.infrastructure.otherwise import otherwise
from tests.infrastructure.test_settings import configured
from tests.infrastructure.watching import ALARM, Seen, dimension_values, of_alarms, of_dashboard, widgets

PUBLISHED = Path(__file__).with_name("published_metrics.toml")
DOCS = Path(__file__).parents[2] / "docs"
OF_THE_ACCOUNT = {"AWS/Lambda", "AWS/SES", "AWS/SNS"}
"""Of which there are metrics without any dimension."""
USD_FOR_A_METRIC, USD_FOR_A_COMPOSITE = 10, 50  # cents a month

each_stack = pytest.mark.parametrize("stack", program.STACKS)


@cache
def published() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(PUBLISHED.read_text())


def watched(deployed: Program) -> list[Seen]:
    return [*of_alarms(deployed), *of_dashboard(deployed)]


# -- the contract ------------------------------------------------------------------------------------------------------


def test_aws_emits_each_metric_that_is_watched_by_the_dimensions_that_it_is_watched_by(deployed: Program) -> None:
    """Those of ours: tests/unit/handlers/entrypoints/test_watched.py."""
    for each in watched(deployed):
        if not each.namespace.startswith("Carillon"):
            sets = published()[each.namespace][each.metric]
            assert list(each.names) in [sorted(names) for names in sets], each


def test_what_is_watched_is_of_something_that_the_stack_makes(deployed: Program) -> None:
    made = dimension_values(deployed)
    for each in watched(deployed):
        for name, value in each.dimensions.items():
            assert name in ("service", "channel") or value in made[name], each
        assert each.dimensions or each.any_of or each.namespace in OF_THE_ACCOUNT or "/" in each.namespace, each


def test_what_the_access_log_is_counted_for_is_in_it(local: Program) -> None:
    [counted] = local.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    made = counted.inputs["metricTransformation"]
    [watching] = [each for each in of_alarms(local) if each.metric == made["name"]]
    assert watching.namespace == made["namespace"]
    [stage] = [each for each in local.of("aws:apigateway/stage:Stage") if not each.name.startswith("links")]
    log = json.loads(stage.inputs["accessLogSettings"]["format"])
    [(field, status)] = re.findall(r"^\{ \$\.(\w+) = \"(\d+)\" \}$", counted.inputs["pattern"])
    assert (log[field], status) == ("$context.status", "429")
    groups = {each.inputs["name"] for each in local.of("aws:cloudwatch/logGroup:LogGroup")}
    assert counted.inputs["logGroupName"] in groups


def test_the_table_of_what_aws_emits_is_dated_has_sources_and_nothing_that_nobody_watches() -> None:
    seen = {(each.namespace, each.metric) for stack in program.STACKS for each in watched(programs.of_stack(stack))}
    listed = {(space, name) for space, told in published().items() for name in told if name not in ("page", "read")}
    for told in published().values():
        assert told["page"].startswith("https://docs.aws.amazon.com/")
        assert told["read"] > date(2026, 1, 1)
    assert listed - seen == set()


def test_every_alarm_tells_the_alert_topic_but_the_parts_of_another(deployed: Program) -> None:
    topic = [deployed.exports["alertTopicArn"]]
    composites = deployed.of("aws:cloudwatch/compositeAlarm:CompositeAlarm")
    for alarm in (*deployed.of(ALARM), *composites):
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == topic, alarm.name
        assert alarm.inputs.get("actionsEnabled", True) == (alarm.name not in PARTS), alarm.name


def test_silence_means_what_it_must_for_each_alarm(local: Program) -> None:
    silence = {each.name: each.inputs["treatMissingData"] for each in local.of(ALARM)}
    assert {name for name, what in silence.items() if what == "breaching"} == {"sweeper-idle"}
    assert {name for name, what in silence.items() if what == "ignore"} == {"bounces", "complaints", "sms-spend"}
    assert set(silence.values()) == {"breaching", "ignore", "notBreaching"}


# -- alarms follow from what there is ----------------------------------------------------------------------------------


def estate(stack: str = "local", **tables: TableSpec) -> Estate:
    settings = load(stack, configured(stack))
    naming = Naming(stack, program.REGION, program.ACCOUNT)
    return Estate(naming, settings, specs(settings, naming), (*SPECS, *tables.values()))


def test_a_new_function_and_a_new_table_have_their_alarms_at_once() -> None:
    before = estate()
    new = replace(before.functions["sweeper"], function="counter", timeout_seconds=100, concurrency=None)
    after = replace(
        before,
        functions={**before.functions, "counter": new},
        tables=(*before.tables, TableSpec("counts", hash_key="id")),
    )
    added = {each.name: each for each in alarms(after)}.keys() - {each.name for each in alarms(before)}
    assert added == {"counter-errors", "counter-slow", "table-counts-throttles", "table-counts-errors"}
    [slow] = [each for each in alarms(after) if each.name == "counter-slow"]
    assert slow.above == 80_000


def test_every_queue_function_table_and_rule_of_ours_is_watched_by_an_alarm(deployed: Program) -> None:
    seen = list(of_alarms(deployed))
    for dimension in ("QueueName", "FunctionName", "TableName", "EventBusName", "ApiName", "ScheduleGroup"):
        are = {each.dimensions[dimension] for each in seen if dimension in each.dimensions}
        assert are == dimension_values(deployed)[dimension], dimension


def test_a_channel_that_is_not_there_has_no_alarm_nor_row() -> None:
    sms_alone = program.run(
        "dev",
        {
            "carillon:channels": json.dumps({name: {"enabled": name == "sms"} for name in program.CHANNELS}),
            "carillon:categories": json.dumps({"security": {"channels": ["sms"]}}),
        },
    )
    names = {each.name for each in sms_alone.of(ALARM)}
    assert "sms-late" in names
    assert not [each for each in names if "email" in each or each in ("bounces", "complaints")]
    headings = [each["properties"]["markdown"] for each in widgets(sms_alone) if each["type"] == "text"]
    assert [each for each in headings if "Channel" in each] == ["## Channel sms"]


def test_no_name_of_an_alarm_is_longer_than_cloudwatch_takes(deployed: Program) -> None:
    assert max(len(each.inputs["name"]) for each in deployed.of(ALARM)) <= 255
    assert len({each.inputs["name"] for each in deployed.of(ALARM)}) == len(deployed.of(ALARM))


def test_the_arithmetic_of_an_alarm_is_what_cloudwatch_takes(deployed: Program) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html."""
    for alarm in deployed.of(ALARM):
        queries = alarm.inputs.get("metricQueries") or []
        if not queries:
            continue
        assert sum("metric" in each for each in queries) <= 10, alarm.name
        assert [each["id"] for each in queries if each.get("returnData")] == ["all"], alarm.name
        assert all(re.fullmatch(r"[a-z][a-zA-Z0-9_]*", each["id"]) for each in queries), alarm.name
        [expression] = [each["expression"] for each in queries if each.get("expression")]
        ids = {each["id"] for each in queries if "metric" in each}
        used = set(re.findall(r"FILL\((\w+),", expression))
        assert used == ids, alarm.name


# -- thresholds --------------------------------------------------------------------------------------------------------


def test_thresholds_are_the_settings() -> None:
    made = {each.name: each.inputs for each in otherwise("dev").of(ALARM)}
    assert made["email-late"]["threshold"] == 360
    assert made["sweeper-errors"]["threshold"] == 7
    assert made["worker-sms-slow"]["threshold"] == 15_000
    assert made["sms-spend"]["threshold"] == 160
    assert made["api-errors"]["threshold"] == 0.025


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"errorRatePercent": 0}, "alarms.errorRatePercent"),
        ({"functionErrors": -1}, "alarms.functionErrors: must be from 0"),
        ({"functionError": 1}, "alarms.functionError: is not a setting: did you mean functionErrors?"),
    ],
)
def test_an_impossible_threshold_is_refused_naming_it(told: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        load("dev", {**configured("dev"), "alarms": json.dumps(told)})


def test_nobody_to_tell_is_refused_in_production() -> None:
    with pytest.raises(SettingsError, match="alertEmails names nobody"):
        load("prod", {**configured("prod"), "alertEmails": "[]"})


# -- workers that fall behind ------------------------------------------------------------------------------------------


def test_the_composite_alarm_rings_when_both_key_metrics_are_high_and_says_what_to_raise(local: Program) -> None:
    [composite] = local.of("aws:cloudwatch/compositeAlarm:CompositeAlarm")
    assert composite.inputs["alarmName"] == f"carillon-local-{FALLING_BEHIND}"
    assert composite.inputs["alarmRule"] == 'ALARM("carillon-local-bus-busy") AND ALARM("carillon-local-queues-full")'
    assert "channels.<channel>.maximumConcurrency" in composite.inputs["alarmDescription"]
    totals = {part: [each for each in of_alarms(local) if each.by == f"carillon-local-{part}"] for part in PARTS}
    bus, queues = totals["bus-busy"], totals["queues-full"]
    lanes = {f"carillon-local-{channel}{lane}" for channel in program.CHANNELS for lane in ("", "-high")}
    assert {each.dimensions["RuleName"] for each in bus} == lanes
    assert {each.metric for each in bus} == {"MatchedEvents"}
    assert {each.dimensions["QueueName"] for each in queues} == lanes
    assert {each.metric for each in queues} == {"ApproximateNumberOfMessagesVisible"}


def consumer(channel: str) -> dict[str, Any]:
    mappings = otherwise("dev").of("aws:lambda/eventSourceMapping:EventSourceMapping")
    [mapping] = [each for each in mappings if each.name == f"{channel}-consumer"]
    return mapping.inputs


def test_without_a_floor_lambda_scales_by_itself_up_to_the_ceiling() -> None:
    made = consumer("email")
    assert made["scalingConfig"] == {"maximumConcurrency": 7}
    assert "provisionedPollerConfig" not in made


def test_with_a_floor_pollers_are_ready_between_the_two() -> None:
    made = consumer("sms")
    assert made["provisionedPollerConfig"] == {"minimumPollers": 2, "maximumPollers": 5}
    assert "scalingConfig" not in made


@pytest.mark.parametrize(
    ("floor", "ceiling", "says"),
    [
        (30, 20, "minimumConcurrency is over maximumConcurrency, 20"),
        (25, 30, "minimumConcurrency must be a multiple of 10"),
        (20, 35, "maximumConcurrency must be a multiple of 10"),
        (10, 30, "must be from 20 to 1000"),
    ],
)
def test_an_impossible_floor_is_refused(floor: int, ceiling: int, says: str) -> None:
    channels = {"sms": {"minimumConcurrency": floor, "maximumConcurrency": ceiling}}
    with pytest.raises(SettingsError, match=says):
        load("dev", {**configured("dev"), "channels": json.dumps(channels)})


# -- the dashboard -----------------------------------------------------------------------------------------------------
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html

MOST_WIDGETS, MOST_METRICS_OF_A_WIDGET, MOST_METRICS = 500, 500, 2500
NEEDED = {
    "metric": {"metrics", "region", "title", "view"},
    "log": {"query", "region", "title", "view"},
    "text": {"markdown"},
}


def test_the_dashboard_keeps_to_cloudwatchs_structure_and_limits(deployed: Program) -> None:
    found = widgets(deployed)
    assert 0 < len(found) <= MOST_WIDGETS
    for each in found:
        assert each.keys() == {"type", "x", "y", "width", "height", "properties"}
        assert 0 <= each["x"] < each["x"] + each["width"] <= 24, each
        assert 0 <= each["y"] < each["y"] + each["height"] <= each["y"] + 1000, each
        assert each["properties"].keys() >= NEEDED[each["type"]], each
    lines = [len(each["properties"].get("metrics", ())) for each in found]
    assert max(lines) <= MOST_METRICS_OF_A_WIDGET
    assert sum(lines) <= MOST_METRICS


def test_each_graph_has_ids_of_its_own_and_shows_something(deployed: Program) -> None:
    for each in widgets(deployed):
        if each["type"] == "metric":
            options = [line[-1] for line in each["properties"]["metrics"]]
            ids = [option["id"] for option in options if "id" in option]
            assert len(ids) == len(set(ids))
            assert all(re.fullmatch(r"[a-z][a-zA-Z0-9_]*", id_) for id_ in ids)
            assert any(option.get("visible", True) for option in options)


def test_no_widget_lies_on_another(local: Program) -> None:
    def cells(widget: Mapping[str, Any]) -> set[tuple[int, int]]:
        xs = range(widget["x"], widget["x"] + widget["width"])
        return {(x, y) for x in xs for y in range(widget["y"], widget["y"] + widget["height"])}

    assert all(not cells(one) & cells(other) for one, other in combinations(widgets(local), 2))


def test_a_row_that_is_too_wide_is_refused() -> None:
    with pytest.raises(ValueError, match="The row too much is 25 columns wide"):
        Row("too much", [Graph("a", {}, width=12), Graph("b", {}, width=13)])


def test_the_two_key_metrics_stand_first_side_by_side(local: Program) -> None:
    bus, queued = [each for each in widgets(local) if each["type"] == "metric"][:2]
    assert (bus["y"], bus["x"], queued["x"]) == (queued["y"], 0, 12)
    assert (bus["properties"]["title"], queued["properties"]["title"]) == (
        "Events on the bus, a minute",
        "Queued notifications",
    )


def test_each_channel_has_a_row_with_the_limit_of_its_workers(local: Program) -> None:
    for channel in program.CHANNELS:
        most = load("local", configured("local")).channels[channel].maximum_concurrency
        limits = [
            line
            for each in widgets(local)
            for line in each["properties"].get("annotations", {}).get("horizontal", ())
            if line["label"] == f"channels.{channel}.maximumConcurrency"
        ]
        assert limits == [{"label": f"channels.{channel}.maximumConcurrency", "value": most}]


def test_the_funnel_goes_from_created_to_clicked(local: Program) -> None:
    [funnel] = [each for each in widgets(local) if each["properties"].get("title") == "Deliveries, step by step"]
    assert [line[-1]["label"] for line in funnel["properties"]["metrics"]] == ["created", "sent", "opened", "clicked"]


# -- the budget, and what monitoring costs -----------------------------------------------------------------------------


def test_a_budget_is_made_only_if_it_is_set(prod: Program) -> None:
    assert prod.of("aws:budgets/budget:Budget") == []
    [budget] = otherwise("prod").of("aws:budgets/budget:Budget")
    assert (budget.inputs["limitAmount"], budget.inputs["limitUnit"]) == ("250.5", "USD")
    told = load("prod", configured("prod")).alert_emails
    assert all(each["subscriberEmailAddresses"] == list(told) for each in budget.inputs["notifications"])


def test_a_budget_that_tells_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match="monthlyBudgetUsd tells alertEmails, which are 0"):
        load("dev", {**configured("dev"), "monthlyBudgetUsd": "10"})


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_what_monitoring_costs_is_what_the_page_says(stack: str) -> None:
    made = programs.of_stack(stack)
    paid = sum(
        max(1, sum("metric" in query for query in each.inputs.get("metricQueries") or ())) for each in made.of(ALARM)
    )
    cents = paid * USD_FOR_A_METRIC + len(made.of("aws:cloudwatch/compositeAlarm:CompositeAlarm")) * USD_FOR_A_COMPOSITE
    page = (DOCS / "monitoring.md").read_text()
    said = f"{len(made.of(ALARM))} alarms on {paid} metrics and a composite one: {cents / 100:.2f} USD a month"
    assert said in " ".join(page.split()), f"docs/monitoring.md must say: {said}"


def test_the_page_lists_every_question_and_every_runbook_of_an_alarm() -> None:
    page = (DOCS / "monitoring.md").read_text()
    for query in QUERIES:
        assert f"| `{query.name}` | {query.question} |" in page
    for alarm in alarms(estate()):
        assert f"[{alarm.runbook}](runbooks/{alarm.runbook}.md)" in page, alarm.name


# -- tracing -----------------------------------------------------------------------------------------------------------


def traced(made: Program) -> tuple[set[str], set[bool], set[str]]:
    """How functions are traced, whether the stage is, and which roles may write traces."""
    functions = made.of("aws:lambda/function:Function")
    modes = {(each.inputs.get("tracingConfig") or {}).get("mode", "off") for each in functions}
    stages = {bool(each.inputs.get("xrayTracingEnabled")) for each in made.of("aws:apigateway/stage:Stage")}
    roles = {
        each.inputs["role"]
        for each in made.of("aws:iam/rolePolicy:RolePolicy")
        for statement in each.statements()
        if any(action.startswith("xray:") for action in statement["Action"])
    }
    return modes, stages, roles


def test_nothing_is_traced_nor_may_be_unless_it_is_asked_for(deployed: Program) -> None:
    assert traced(deployed) == ({"off"}, {False}, set())


def test_with_tracing_the_api_and_every_function_are_traced_and_may_write_traces() -> None:
    made = otherwise("prod")
    functions = {each.inputs["name"] for each in made.of("aws:lambda/function:Function")}
    assert traced(made) == ({"Active"}, {True}, functions)
