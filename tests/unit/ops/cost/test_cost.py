"""What a million deliveries cost: of a made-up world, whose prices can be reckoned by hand."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest

from ops.cost import model, picture, prices, profiles, quantities
from ops.cost.measured import Case, Measured, Read, Sized, Write
from ops.cost.measured import load as load_measured
from ops.cost.measured import toml as measured_toml
from ops.cost.model import Cost
from ops.cost.profiles import Profile
from ops.cost.quantities import World
from ops.cost.report import over_budget, report
from ops.cost.resources import Resources

LISTED = prices.load()
ONE = Profile(about="", content="inline")
MANY = ONE.model_copy(update={"recipients": 100, "batch": 10})
FUNCTIONS = ("authorizer", "notifications", "observer", "sweeper", "tracking", "worker-email")
RESOURCES = Resources(
    api="rest",
    access_log_bytes=300,
    platform_logs=False,
    log_retention_days=30,
    archive_days=0,
    bus=True,
    index=True,
    replicas=0,
    restorable_tables=5,
    kms_keys=4,
    secrets=7,
    alarm_metrics=9,
    composite_alarms=0,
    dashboards=0,
    web_acls=0,
    web_acl_rules=0,
    polled_queues=4,
    snap_start=False,
    memory_mb=dict.fromkeys(FUNCTIONS, 512),
)


def write(size: int, *, count: int = 1, transaction: bool = False, index: tuple[int, ...] = ()) -> Write:
    return Write(
        table="notifications",
        kind="delivery",
        bytes=size,
        payload=1.0,
        transaction=transaction,
        index=index,
        count=count,
    )


def case(path: str, *, recipients: int = 1, batch: int = 1, writes: tuple[Write, ...] = (), **more: object) -> Case:
    fields = {"channel": "email", "content": "inline", "calls": {}} | more
    sizes = {"log_bytes": 1000, "log_lines": 1, "cpu_ms": 0.0, "stored": Sized(bytes=1000, payload=1.0)}
    return Case.model_validate(
        {"path": path, "recipients": recipients, "batch": batch, "writes": writes, **fields, **sizes}
    )


def accept(recipients: int) -> Case:
    calls = {"s3:ListObjectsV2": 1, "dynamodb:BatchGetItem": 1}
    reads = (Read(table="contacts", kind="item", bytes=300, consistent=True, count=recipients),)
    head = write(200, transaction=True)
    put = write(800, transaction=True, count=recipients, index=(300,))
    return case(
        "accept",
        recipients=recipients,
        batch=recipients,
        calls=calls,
        reads=reads,
        writes=(head, put),
        events=recipients,
        event_bytes=300 * recipients,
    )


MEASURED = Measured(
    date="2026-11-26",
    payload_bytes=200,
    template_bytes=400,
    sweeper_queries=8,
    metrics=("one", "two"),
    case=(
        case("admit", channel="any"),
        accept(1),
        accept(100),
        *(
            case("send", recipients=recipients, batch=batch, writes=(write(900, count=2 * batch),))
            for recipients in (1, 100)
            for batch in (1, 10)
        ),
        *(
            case("observe", batch=batch, writes=(write(600, count=batch, transaction=True, index=(200,)),))
            for batch in (1, 10)
        ),
        case("open", writes=(write(900),)),
        case("click", writes=(write(900),)),
    ),
)
WORLD = World(MEASURED, RESOURCES, profiles.load().assumed)


def changed(profile: Profile = ONE, **resources: Any) -> Cost:
    world = World(MEASURED, RESOURCES.model_copy(update=resources), WORLD.assumed)
    return model.cost(world, LISTED, profile)


def test_a_delivery_of_its_own_request_pays_for_all_of_it() -> None:
    lines = changed().lines
    assert lines["API Gateway"] == pytest.approx(3.50)
    assert lines["DynamoDB writes"] == pytest.approx((2 * 2 + 1 + 2) * 0.625)
    assert lines["DynamoDB reads"] == pytest.approx(0.125)
    assert lines["S3"] == pytest.approx(5.00)
    assert lines["EventBridge"] == pytest.approx(1.00)
    assert lines["SQS"] == pytest.approx(3 * 0.40)


def test_a_hundred_recipients_share_a_request_and_ten_messages_a_batch() -> None:
    lines = changed(MANY).lines
    assert lines["API Gateway"] == pytest.approx(0.035)
    assert lines["S3"] == pytest.approx(0.05)
    assert lines["SQS"] == pytest.approx(1.2 * 0.40)
    assert lines["DynamoDB writes"] == pytest.approx((0.01 * 2 + 2 + 1 + 2) * 0.625)


def test_between_two_sizes_that_were_measured_is_a_straight_line() -> None:
    at = {n: quantities.of(WORLD, ONE.model_copy(update={"recipients": n})).write_units * n for n in (2, 50, 98)}
    assert at[98] - at[50] == pytest.approx(at[50] - at[2])


def test_a_longer_payload_is_paid_by_every_write_of_an_item_that_holds_it() -> None:
    long = changed(ONE.model_copy(update={"payload_bytes": 200 + 2048}))
    assert long.write_units - changed().write_units == 2 * 2 * 2 + 2 * 2


def test_what_the_observer_makes_of_a_delivery_is_told_besides_the_path() -> None:
    alone, ten = changed(), changed(ONE.model_copy(update={"batch": 10}))
    assert alone.statistics["DynamoDB writes"] == pytest.approx((2 + 1) * 0.625)
    assert alone.statistics["API Gateway"] == 0
    assert alone.total == pytest.approx(sum(alone.lines.values()))
    assert ten.statistics["Lambda"] < alone.statistics["Lambda"]


def test_what_lambda_writes_of_each_invocation_is_paid_where_a_stack_keeps_it() -> None:
    """Authorizer, acceptance and worker; and without it the floor has no log at all."""
    kept = changed(platform_logs=True)
    assert kept.lines["CloudWatch Logs"] - changed().lines["CloudWatch Logs"] == pytest.approx(3 * 400 * 0.50 / 1000)
    assert kept.floor["CloudWatch Logs"] == pytest.approx(2 * 400 * 0.50 / 1000)
    assert changed().floor["CloudWatch Logs"] == 0


def test_answers_of_recipients_are_requests_and_writes_of_their_own() -> None:
    answered = changed(ONE.model_copy(update={"open_rate": 0.5, "click_rate": 0.25}))
    assert answered.lines["API Gateway"] == pytest.approx(1.75 * 3.50)
    assert answered.write_units - changed().write_units == pytest.approx(0.75)


def test_a_token_used_again_spares_the_authorizer() -> None:
    reused = changed(ONE.model_copy(update={"requests_a_token": 100}))
    assert reused.choices["authorizer, asked for each token"] == pytest.approx(
        changed().choices["authorizer, asked for each token"] / 100
    )


@pytest.mark.parametrize(
    ("resource", "service", "more"),
    [
        ({"api": "http"}, "API Gateway", -2.50),
        ({"replicas": 2}, "DynamoDB replicas", 2 * 5 * 0.625),
        ({"web_acls": 1}, "WAF", 0.60),
        ({"bus": False}, "EventBridge", -1.00),
        ({"archive_days": 30}, "EventBridge", 300 / 1000 * 0.10),
    ],
    ids=["http", "replicas", "firewall", "no bus", "archive"],
)
def test_the_stacks_own_resources_decide(resource: Mapping[str, Any], service: str, more: float) -> None:
    before, after = changed().lines, changed(**resource).lines
    assert after[service] - before[service] == pytest.approx(more)
    assert {name for name in before if abs(after[name] - before[name]) > 1e-9} == {service}


def test_each_choice_is_told_by_what_it_takes() -> None:
    choices = changed().choices
    assert choices["transactions instead of single writes"] == pytest.approx(2 * 0.625)
    assert choices["index of what is due"] == pytest.approx(0.625)
    assert choices["listing templates in S3"] == pytest.approx(5.00)
    assert choices["REST API instead of HTTP API"] == pytest.approx(2.50)
    assert choices["batches smaller than ten"] > 0
    assert changed(MANY).choices["batches smaller than ten"] == pytest.approx(0)


def test_what_is_paid_each_month_is_apart_from_the_price_of_deliveries() -> None:
    fixed = model.fixed(WORLD, LISTED)
    assert (fixed["KMS keys"], fixed["secrets"], fixed["alarms"]) == pytest.approx((4.00, 2.80, 0.90))
    assert fixed["custom metrics, while there is traffic"] == pytest.approx(0.60)
    assert fixed["SnapStart, one version of each function"] == 0


def test_the_floor_is_one_put_and_one_update_and_content_that_does_not_fit_once_for_a_request() -> None:
    long = {"payload_bytes": 10_000}
    assert quantities.floor(WORLD, ONE).write_units == 2
    assert quantities.floor(WORLD, ONE.model_copy(update=long)).write_units == 12
    assert quantities.floor(WORLD, MANY.model_copy(update=long)).write_units == pytest.approx(2.1)
    assert changed().least < changed().total


def test_over_a_budget_says_by_which_service() -> None:
    said = report({"stack": "dev", "region": "", "prices_dated": "", "measured": ""}, {"one": changed()}, {})
    assert list(over_budget(said, {"one": 1000.0})) == []
    [over] = over_budget(said, {"one": 5.0})
    assert over.startswith(f"one: {changed().total:.2f} USD, over its budget of 5.00 by ")
    assert over.index("S3 5.00") < over.index("API Gateway 3.50") < over.index("SQS 1.20")


def test_the_picture_has_a_bar_for_each_profile_and_its_floor_as_wide_as_it_is_dear() -> None:
    costs = {"one": changed(), "a & b": changed(MANY)}
    drawn = ElementTree.fromstring(picture.svg(costs, "title", "subtitle"))
    titles = [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert "one: S3 5.00 USD" in titles
    assert sum(title.startswith("floor: SQS") for title in titles) == 2
    widths = {
        rect[0].text: float(rect.attrib["width"])
        for rect in drawn.iter("{http://www.w3.org/2000/svg}rect")
        if len(rect)
    }
    assert widths["one: S3 5.00 USD"] == pytest.approx(widths["one: API Gateway 3.50 USD"] * 5 / 3.5, abs=0.2)


def test_what_was_measured_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("cost") / "measured.toml"
    file.write_text(measured_toml(MEASURED))
    assert load_measured(file) == MEASURED
