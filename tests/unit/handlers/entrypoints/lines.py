"""What the functions say when each kind of thing happens to them: their log lines, from a run of their entrypoints."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from handlers.adapters.aws.provider_state import DynamoProviderState
from handlers.domain.content.links import Purpose
from handlers.domain.notifications.due import AFTER_ACCEPTANCE
from handlers.domain.notifications.redrives import Fate
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.people.settings import Settings
from handlers.domain.providers.errors import OutcomeUnknownError, UnavailableError
from handlers.domain.providers.routing import FAILURES_TO_OPEN, Event, Signal
from handlers.entrypoints import authorizer, fanout, notifications, observer, sweeper, tracking, webhooks
from handlers.entrypoints import channel_redriver as redriver
from handlers.observability import invocation, logger
from handlers.services.sweeping import Sweeper
from handlers.services.tracking import Recipients
from handlers.services.webhooks import Telling
from tests.unit.handlers.entrypoints import (
    test_channel_redriver,
    test_fanout,
    test_observer,
    test_sweeper,
    test_tracking,
    test_webhooks,
)
from tests.unit.handlers.entrypoints.gateway import LambdaContext, call
from tests.unit.handlers.entrypoints.test_authorizer import Apps, authorize, bearer
from tests.unit.handlers.entrypoints.test_notifications import BODY
from tests.unit.handlers.entrypoints.test_worker import Channel, body
from tests.unit.handlers.log_contract import accepted
from tests.unit.handlers.memory import Clock, MemoryBus, MemoryLog, MemoryPeople, MemoryProviderState, MemoryScheduler
from tests.unit.handlers.samples import NOW, reached
from tests.unit.handlers.services import test_fanning_out

Line = dict[str, Any]


@dataclass
class Said:
    """The lines of a run, by the kind of function: `worker` stands for each channel's."""

    lines: dict[str, list[Line]] = field(default_factory=dict)

    @contextmanager
    def by(self, function: str) -> Iterator[None]:
        """Keep what is said meanwhile as this function's."""
        with redirect_stdout(StringIO()) as out:
            yield
        said = [json.loads(line) for line in out.getvalue().splitlines()]
        assert said, f"{function} said nothing"
        self.lines.setdefault(function, []).extend(said)

    def fields(self, function: str) -> set[str]:
        """Every field that a line of this kind of function had."""
        return {name for line in self.lines[function] for name in line}

    def metrics(self, function: str) -> set[tuple[str, frozenset[str]]]:
        """Every metric that a line of it carried, with the names of its dimensions."""
        return {
            (metric["Name"], frozenset(dimensions))
            for line in self.lines[function]
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ())
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
        }


def run_everything() -> Said:
    """Let each thing that an alarm, a widget or a saved query is about happen once."""
    said = Said()
    for function, happen in _HAPPENINGS:
        with said.by(function), pytest.MonkeyPatch.context() as patched:
            happen(patched)
    return said


def _admit_and_refuse(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(authorizer, "apps", Apps())
    authorize(bearer())
    authorize("Bearer nonsense")


def _accept(patched: pytest.MonkeyPatch) -> None:
    in_memory: dict[str, Any] = {
        "people": MemoryPeople(),
        "log": MemoryLog(),
        "publisher": MemoryBus(),
        "scheduler": MemoryScheduler(),
    }
    patched.setattr(notifications, "service", replace(notifications.service, **in_memory))
    assert call(notifications.handler, "POST", "/v1/notifications", BODY).status == 202


def _deliver(_patched: pytest.MonkeyPatch) -> None:
    channel = Channel()
    sent = channel.accept()
    channel.receive(body(sent))
    channel.receive(body(sent), body(channel.accept(data={})), "not an event")
    quiet = channel.accept(user_id="asleep")
    now = datetime.now(UTC)
    hours = QuietHours(start=(now - timedelta(hours=2)).time(), end=(now + timedelta(hours=2)).time())
    channel.recipients.known |= reached(quiet, Settings(quiet_hours=hours))
    channel.receive(body(quiet))
    channel.provider.raises = ClientError({"Error": {"Code": "AccessDenied"}}, "SendEmail")
    channel.receive(body(channel.accept()))
    channel.provider.raises = UnavailableError("503")
    channel.receive(body(channel.accept()))
    channel.provider.raises = OutcomeUnknownError("no_answer")
    unknown = channel.accept()
    for _ in range(2):
        channel.receive(body(unknown))


def _open_and_close_a_circuit(_: pytest.MonkeyPatch) -> None:
    client = boto3.client("dynamodb", region_name="eu-central-1")
    provider, now = "twilio", datetime.now(UTC)
    with Stubber(client) as table:
        state = DynamoProviderState("limits", "email", client)
        table.add_response("get_item", {})
        circuits: dict[str, Any] = {}

        def tell(event: Event, at: datetime, stored: dict[str, Any]) -> None:
            table.add_response("update_item", {"Attributes": {"circuits": {"M": stored}}})
            assert state.signal(provider, Signal(event), at)

        def stored(failures: int, **times: datetime) -> dict[str, Any]:
            told = {name: {"S": at.isoformat(timespec="milliseconds")} for name, at in times.items()}
            return {provider: {"M": {"failures": {"N": str(failures)}, **told}}}

        @invocation
        def handler(_: object, __: object) -> None:
            for failures in range(1, FAILURES_TO_OPEN):
                tell(Event.FAILED, now, stored(failures))
            out = {"opened_at": now, "probe_at": now + timedelta(seconds=30)}
            tell(Event.FAILED, now, stored(FAILURES_TO_OPEN, **out))
            for minute, answer in enumerate((Event.PROBE_FAILED, Event.PROBE_ANSWERED), start=1):
                at = now + timedelta(minutes=minute)
                tell(Event.PROBE, at, stored(FAILURES_TO_OPEN, **out))
                tell(answer, at, stored(FAILURES_TO_OPEN, **out) if answer is Event.PROBE_FAILED else circuits)
            logger.info("delivery")

        handler({}, LambdaContext())  # type: ignore[arg-type]


def _lead_back(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(redriver, "redriver", test_channel_redriver.Deciding())
    patched.setattr(redriver, "tallies", MemoryProviderState())
    records = [test_channel_redriver.record(number, fate) for number, fate in enumerate(Fate)]
    redriver.handler({"Records": records}, test_channel_redriver.Patient())  # type: ignore[arg-type]


def _sweep(patched: pytest.MonkeyPatch) -> None:
    class OneUnreadable(MemoryLog):
        def set_apart(self) -> int:
            return 1

    log = OneUnreadable()
    clock = Clock(datetime.now(UTC) - 10 * AFTER_ACCEPTANCE)
    patched.setattr(sweeper, "sweeper", Sweeper(log, MemoryBus(), MemoryProviderState(), clock))
    patched.setattr(sweeper, "eraser", test_sweeper.Nobody())
    accepted(log, created_at=clock())
    for _ in range(2):
        clock.advance(3 * AFTER_ACCEPTANCE)
        sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]


def _fan_out(patched: pytest.MonkeyPatch) -> None:
    """Release one broadcast, and stall another."""
    desk = test_fanning_out.Desk()
    patched.setattr(fanout, "fan_out", desk.fan_out)
    for queue in (test_fanout.QUEUE, f"{test_fanout.QUEUE}-dlq"):
        desk.begin(test_fanning_out.csv("ada@example.com"))
        step, _ = desk.around.steps.pop()
        test_fanout.call(json.dumps(step.message()), queue)


def _follow_the_log(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(observer, "followers", ())
    records = test_observer.records()
    records[1]["dynamodb"]["NewImage"]["status"] = {"S": "lost"}
    observer.handler({"Records": records}, test_observer.CONTEXT)


def _tell_apps(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(webhooks, "queue", test_webhooks.Back())
    patched.setattr(webhooks, "teller", test_webhooks.Deciding())
    test_webhooks.handle(*map(test_webhooks.record, Telling))


def _hear_from_the_recipient(patched: pytest.MonkeyPatch) -> None:
    bench = test_tracking.Bench()
    bench.send()
    patched.setattr(tracking, "secret", lambda: test_tracking.KEY)
    heard = Recipients(bench.log, bench.choices, Clock(NOW), frozenset())
    patched.setattr(tracking, "recipients", heard)
    test_tracking.ask("GET", bench.path(Purpose.OPEN))
    test_tracking.ask("GET", bench.path(Purpose.CLICK, "https://shop.example.com/"))
    test_tracking.ask("POST", bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click")


_HAPPENINGS: tuple[tuple[str, Callable[[pytest.MonkeyPatch], None]], ...] = (
    ("authorizer", _admit_and_refuse),
    ("notifications", _accept),
    ("worker", _deliver),
    ("worker", _open_and_close_a_circuit),
    ("redriver", _lead_back),
    ("sweeper", _sweep),
    ("fanout", _fan_out),
    ("observer", _follow_the_log),
    ("webhooks", _tell_apps),
    ("tracking", _hear_from_the_recipient),
)
