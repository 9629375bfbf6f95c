"""What alarms, widgets and saved queries look for is what the functions really say, in a run of their entrypoints."""

import json
import re
from collections.abc import Iterator

import pytest

from handlers.observability import Metric as Counted
from stacks.api.api import ACCESS_LOG_FORMAT
from stacks.monitoring.queries import QUERIES, SavedQuery
from tests.infrastructure.watching import Seen, dimension_values, of_alarms, of_dashboard
from tests.programs import of_stack
from tests.unit.handlers.entrypoints.lines import Said, run_everything


@pytest.fixture(scope="module")
def said() -> Said:
    return run_everything()


def watched() -> Iterator[Seen]:
    program = of_stack("local")
    for each in (*of_alarms(program), *of_dashboard(program)):
        if each.namespace == "Carillon/local" and each.metric != "ApiThrottled":  # which the API's log is counted for
            yield each


def emitted(said: Said) -> set[tuple[str, str, frozenset[str]]]:
    """The kind of function, metric and names of dimensions of all that was counted in the run."""
    return {(function, *metric) for function in said.lines for metric in said.metrics(function)}


def test_each_metric_of_ours_that_is_watched_was_emitted_by_the_function_that_it_names(said: Said) -> None:
    found = emitted(said)
    functions = {name.split("-", 2)[2] for name in dimension_values(of_stack("local"))["FunctionName"]}
    for each in watched():
        service = each.dimensions.get("service")
        if service is None:  # a search, over all functions
            assert any(metric == each.metric and set(each.names) == names for _, metric, names in found), each
            continue
        assert service in functions, each
        assert (service.partition("-")[0], each.metric, frozenset(each.names)) in found, each


def test_a_circuit_counts_as_open_when_it_opens_and_for_each_probe_that_fails_but_not_for_a_probe_alone(
    said: Said,
) -> None:
    opened = [(line["message"], line["CircuitOpen"]) for line in said.lines["worker"] if "CircuitOpen" in line]
    assert opened == [("circuit opened", 1), ("circuit closed", 1)]


def test_every_metric_that_functions_count_is_told_of_somewhere_or_is_known_not_to_be() -> None:
    """So that whoever adds a metric decides whether somebody looks at it."""
    nobody_looks = {
        "NotificationAccepted",  # deliveries are what is counted on
        "PublishFailed",  # the sweeper publishes again: `republished` and `not-routed` ring when that does not help
        "ScheduleFailed",  # the same
        "Republished",  # ordinary: what was to wait is among them
        "BroadcastPage",  # a broadcast's own state tells how far it is
        "DeliveryRedriven",  # ordinary in an outage
        "DeliveryBounced",  # SES's own rate rings, and the statistics tell of the others
        "MessageQuarantined",  # the quarantine's own alarm rings
    }
    assert set(Counted) - {each.metric for each in watched()} == nobody_looks


# -- saved queries -----------------------------------------------------------------------------------------------------

_OF_INSIGHTS = {
    *("fields", "filter", "stats", "sort", "count", "latest", "sum", "pct", "bin", "by", "as", "in", "and", "or"),
    *("desc", "asc", "limit", "ispresent", "m"),
}


def fields_of(query: SavedQuery) -> set[str]:
    """The fields that a query names: what is no keyword, no text, no number and no name that it gives itself."""
    bare = re.sub(r"'[^']*'", "", query.text)
    given = set(re.findall(r"\bas (\w+)", bare))
    return set(re.findall(r"@?\b[a-z_]\w*", bare)) - _OF_INSIGHTS - given - {"@timestamp", "timestamp"}


def sources(query: SavedQuery) -> set[str]:
    """The kinds of functions whose log groups a query reads, `access log` for the API's."""
    program = of_stack("local")
    name = f"carillon-local/{query.name}"
    groups = program.named("aws:cloudwatch/queryDefinition:QueryDefinition", name=name).inputs["logGroupNames"]
    made = {each.inputs["name"] for each in program.of("aws:cloudwatch/logGroup:LogGroup")}
    assert groups
    assert set(groups) <= made
    return {
        "access log" if group.startswith("/aws/apigateway/") else group.split("-", 2)[2].partition("-")[0]
        for group in groups
    }


@pytest.mark.parametrize("query", QUERIES, ids=lambda each: each.name)
def test_each_saved_query_names_fields_that_the_lines_it_reads_really_have(query: SavedQuery, said: Said) -> None:
    had = {function: said.fields(function) for function in said.lines} | {"access log": set(ACCESS_LOG_FORMAT)}
    read = [had[each] for each in sources(query) & had.keys()]
    assert fields_of(query) <= set().union(*read)


@pytest.mark.parametrize("query", QUERIES, ids=lambda each: each.name)
def test_each_message_result_or_fate_that_a_query_filters_by_was_said(query: SavedQuery, said: Said) -> None:
    for name, several, one in re.findall(r"(message|result|fate) (?:in \[([^\]]*)\]|= '([^']*)')", query.text):
        looked_for = set(re.findall(r"'([^']*)'", several)) or {one}
        were = {line.get(name) for function in sources(query) & said.lines.keys() for line in said.lines[function]}
        assert looked_for - {"on time"} <= were, "on time is said when a schedule invokes: test_sweeper.py"


def test_there_are_ten_questions() -> None:
    assert len({each.question for each in QUERIES}) == len(QUERIES) == 10


# -- from the API to the provider --------------------------------------------------------------------------------------


def test_every_line_of_a_delivery_can_be_found_by_its_notification(said: Said) -> None:
    for function, message in (("notifications", "answered"), ("worker", "delivery"), ("tracking", "answered")):
        lines = [line for line in said.lines[function] if line["message"] == message and line.get("route") != "-"]
        told = [line for line in lines if "result" in line or "became" in line or "deliveries" in line]
        assert told
        assert all(line["notification_id"] for line in told), function


def test_every_line_of_every_function_names_its_invocation(said: Said) -> None:
    assert all(line["request_id"] for lines in said.lines.values() for line in lines)


def test_no_line_holds_an_address(said: Said) -> None:
    assert "@example.com" not in json.dumps(said.lines)
