"""`/hooks/{provider}` over API Gateway's events, and SES's over EventBridge's."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from handlers.adapters.receipts import ForgedError, Sent, Told
from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.receipts import Receipt
from handlers.domain.notifications.statuses import Status
from handlers.domain.providers.errors import CredentialsMissingError
from handlers.entrypoints import hooks
from handlers.services.receiving import Receiver
from handlers.services.tracking import Recipients
from tests.unit.handlers.entrypoints.gateway import Answer, LambdaContext, call
from tests.unit.handlers.log_contract import SENT, claimed
from tests.unit.handlers.memory import Clock, MemoryChoices, MemoryLog, MemorySuppressions
from tests.unit.handlers.samples import NOW, delivery, notification, payload


@dataclass
class Bench:
    log: MemoryLog = field(default_factory=MemoryLog)
    choices: MemoryChoices = field(default_factory=MemoryChoices)
    suppressions: MemorySuppressions = field(default_factory=MemorySuppressions)
    told: list[Told] = field(default_factory=list)

    def sent(self) -> tuple[Delivery, Link]:
        given = delivery(user_id=None)
        assert self.log.accept(notification(given.notification_id), [given], payload())
        self.log.conclude(claimed(self.log, given), SENT)
        return given, Link(given.notification_id, given.delivery_id)

    def status(self, link: Link) -> Status | None:
        found = self.log.look(link)
        return None if found is None else found.status


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench, clock = Bench(), Clock(NOW)
    monkeypatch.setattr(hooks, "receiver", Receiver(bench.log, clock, bench.suppressions))
    monkeypatch.setattr(hooks, "recipients", Recipients(bench.log, bench.choices, clock))
    monkeypatch.setattr(hooks, "READERS", {"sendgrid": lambda _: bench.told})
    return bench


def post(provider: str = "sendgrid", body: str = "[]") -> Answer:
    return call(hooks.handler, "POST", f"/hooks/{provider}", body, resource="/hooks/{provider}")


def test_what_a_provider_tells_is_noted(bench: Bench) -> None:
    (_, one), (_, other) = bench.sent(), bench.sent()
    bench.told += [Told(one, Receipt(Event.BOUNCED)), Told(other, Receipt(Event.OPENED))]
    assert post().status == 204
    assert (bench.status(one), bench.status(other)) == (Status.ERROR, Status.OPENED)
    assert len(bench.suppressions.kept) == 1


def test_what_is_told_of_no_delivery_of_ours_is_no_failure(bench: Bench) -> None:
    bench.told.append(Told(Link("no", "such"), Receipt(Event.BOUNCED)))
    assert post().status == 204


def test_one_that_cannot_be_noted_lets_all_come_again_and_stops_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, good = bench.sent()
    bench.told += [Told(Link("bad", "one"), Receipt(Event.OPENED)), Told(good, Receipt(Event.OPENED))]
    look = bench.log.look

    def fail(link: Link) -> Delivery | None:
        if link.notification_id == "bad":
            raise ConnectionError
        return look(link)

    monkeypatch.setattr(bench.log, "look", fail)
    assert post().status == 500
    assert bench.status(good) is Status.OPENED


def test_who_unsubscribes_at_the_provider_is_opted_out(bench: Bench) -> None:
    _, link = bench.sent()
    bench.told.append(Told(link, Receipt(Event.UNSUBSCRIBED)))
    assert post().status == 204
    told = hooks.recipients.look(link)
    assert told is not None
    assert not told.wanted
    assert bench.status(link) is Status.UNSUBSCRIBED


@pytest.mark.parametrize("why", [ForgedError(), CredentialsMissingError("off")])
def test_what_cannot_be_verified_is_refused_without_a_reason(
    why: Exception, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Sent) -> list[Told]:
        raise why

    monkeypatch.setattr(hooks, "READERS", {"sendgrid": refuse})
    answer = post()
    assert (answer.status, answer.body["type"]) == (403, "urn:carillon:problem:not-signed")
    assert "errors" not in answer.body


def test_an_unknown_provider_is_not_there(bench: Bench) -> None:
    assert post("nobody").status == 404


def test_a_body_of_over_a_megabyte_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert post(body="x" * 1024 * 1024).status == 204
    assert post(body="x" * (1024 * 1024 + 1)).status == 413


def test_ses_tells_by_eventbridge(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    given, link = bench.sent()
    tags = {"notification_id": [link.notification_id], "delivery_id": [link.delivery_id]}
    mail = {"messageId": "m", "tags": tags, "destination": [given.endpoint]}
    event: dict[str, Any] = {
        "source": "aws.ses",
        "detail-type": "Email Complaint Received",
        "detail": {"eventType": "Complaint", "mail": mail},
    }
    context: Any = LambdaContext()
    assert hooks.handler(event, context) == {}
    assert len(bench.suppressions.kept) == 1
    lines = capsys.readouterr().out
    assert [json.loads(line)["message"] for line in lines.splitlines()] == ["receipt", "answered"]
    assert str(given.endpoint) not in lines
