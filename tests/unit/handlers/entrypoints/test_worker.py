"""A batch from the queue: every record at once, each failing alone."""

import json
import threading
import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.domain.alerts import Cause
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.known import ToSend
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.settings import Settings
from handlers.domain.providers.errors import OutcomeUnknownError, ProviderError, ThrottledError, UnavailableError
from handlers.domain.providers.retries import AFTER_UNKNOWN
from handlers.entrypoints.worker import Lanes, batch_handler
from handlers.services.delivering import Worker
from handlers.services.digesting import Gatherer
from handlers.services.failover import Chain
from tests.unit.handlers.domain.notifications.test_events import envelope
from tests.unit.handlers.entrypoints.gateway import LambdaContext
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryDigests,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryQueue,
    MemoryRecipients,
    MemoryTemplates,
)
from tests.unit.handlers.samples import delivery, notification, payload, reached, said

QUEUE = "arn:aws:sqs:eu-central-1:111122223333:carillon-test-email"


def record(number: int, body: str, received: int, queue: str = QUEUE) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(received)}
    handle = {"receiptHandle": f"r-{number}", "messageId": f"m-{number}"}
    return {**handle, "body": body, "eventSource": "aws:sqs", "eventSourceARN": queue, "attributes": attributes}


class Channel:
    """A worker with its queue in hand."""

    def __init__(self, provider: MemoryProvider | None = None, recipients: MemoryRecipients | None = None) -> None:
        self.log, self.recipients = MemoryLog(), recipients or MemoryRecipients()
        self.provider = provider or MemoryProvider()
        clock = Clock(datetime.now(UTC))  # the handler's leases are by the real time
        self.state = MemoryProviderState()
        chain = Chain((self.provider,), self.state, clock)
        worker = Worker(self.log, MemoryTemplates(), LINKS, chain, clock)
        self.queue, self.urgent = MemoryQueue(), MemoryQueue()
        lanes = Lanes(self.queue, self.urgent)
        self.handler = batch_handler(worker, self.recipients, lanes, self.state, "email", timedelta(minutes=3))

    def accept(self, **fields: Any) -> Delivery:
        says, given = said(fields), delivery(**fields)
        assert self.log.accept(notification(given.notification_id), [given], says)
        self.recipients.known = reached(given) | self.recipients.known
        return given

    def receive(self, *bodies: str, received: int = 1, queue: str = QUEUE) -> list[str]:
        """Handle a batch and return which of its records go back to the queue."""
        records = [record(number, body, received, queue) for number, body in enumerate(bodies)]
        answer = self.handler({"Records": records}, LambdaContext())  # type: ignore[arg-type]
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def status(self, given: Delivery) -> Status:
        return self.log.records[given.notification_id, given.delivery_id].delivery.status


def body(given: Delivery) -> str:
    return json.dumps(envelope(given.event()))


@pytest.fixture
def channel() -> Channel:
    return Channel()


def test_a_batch_is_sent_and_leaves_the_queue(channel: Channel) -> None:
    given = [channel.accept() for _ in range(10)]
    assert channel.receive(*map(body, given)) == []
    assert {channel.status(each) for each in given} == {Status.SENT}
    assert len(channel.provider.sent) == 10


def test_what_a_notification_says_is_sent_to_each_of_its_deliveries(channel: Channel) -> None:
    head = notification()
    given = [delivery(head.notification_id, position=position) for position in range(2)]
    assert channel.log.accept(head, given, payload(data={"name": "Bob"}))
    channel.recipients.known = reached(given[0])
    # As when it cannot be read: nobody is sent anything, and nothing is given up.
    assert channel.receive(*map(body, given)) == ["m-0", "m-1"]
    assert channel.provider.sent == []
    channel.recipients.payloads = channel.log.payloads
    assert channel.receive(*map(body, given)) == []
    assert [message.content.subject for message in channel.provider.sent] == ["Hi Bob"] * 2


def test_one_bad_record_goes_back_alone(channel: Channel) -> None:
    good = channel.accept()
    assert channel.receive("not an event", body(good), body(delivery())) == ["m-0", "m-2"]
    assert channel.status(good) is Status.SENT


MALFORMED = [
    "[" * 100_000,
    '{"detail":' * 100_000,
    *(
        json.dumps(envelope(detail={**json.loads(delivery().event().detail()), "user_id": user_id}))
        for user_id in ("u" * 3000, "\ud800", "\u0000", "", 7, ["ada"], {"S": "ada"})
    ),
    json.dumps(envelope(detail={"event_id": "e", "notification_id": "n" * 3000, "delivery_id": "d"})),
]


class StrictRecipients(MemoryRecipients):
    """As DynamoDB, which refuses the whole read for a key that is too long, or is no Unicode or empty."""

    def find(self, events: Collection[DeliveryRequested]) -> ToSend:
        keys = {key for event in events for key in (event.user_id, event.address_key) if key is not None}
        assert all(1 <= len(key.encode()) <= 2048 for key in keys)
        return super().find(events)


@pytest.mark.parametrize("malformed", MALFORMED, ids=range(len(MALFORMED)))
def test_no_record_keeps_the_others_from_being_read(malformed: str, caplog: pytest.LogCaptureFixture) -> None:
    channel = Channel(recipients=StrictRecipients())
    good = [channel.accept() for _ in range(3)]
    assert channel.receive(body(good[0]), malformed, body(good[1]), body(good[2])) == ["m-1"]
    assert {channel.status(each) for each in good} == {Status.SENT}
    told = [vars(line) for line in caplog.records if line.levelname == "ERROR"]
    assert [(line["message"], line["message_id"]) for line in told] == [("not an event", "m-1")]
    assert "uuu" not in str(told)


class OneCannotBeRead(MemoryRecipients):
    """Recipients of whom one cannot be read, in whatever company."""

    def find(self, events: Collection[DeliveryRequested]) -> ToSend:
        if any(event.user_id == "broken" for event in events):
            raise ValueError("broken: no such time zone")
        return super().find(events)


def test_whose_settings_cannot_be_read_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    channel = Channel(recipients=OneCannotBeRead())
    good, broken, bare = channel.accept(), channel.accept(user_id="broken"), channel.accept(user_id=None)
    out = channel.accept(user_id="out")
    channel.recipients.known |= reached(out, Settings(categories={"payment": {"email": False}}))
    assert channel.receive(*map(body, (good, broken, bare, out))) == ["m-1"]
    assert [channel.status(each) for each in (good, bare, out)] == [Status.SENT, Status.SENT, Status.UNSUBSCRIBED]
    # Not sent against what the user may have said.
    assert channel.status(broken) is Status.CREATED
    assert [set(told) for told in channel.queue.told] == [{"r-1"}]
    assert "no such time zone" not in caplog.text


def test_what_fails_goes_back_to_the_queue_that_it_is_from(channel: Channel) -> None:
    channel.provider.raises = UnavailableError("503")
    channel.receive(body(channel.accept()), queue=f"{QUEUE}-high")
    assert (len(channel.queue.told), len(channel.urgent.told)) == (0, 1)
    channel.receive(body(channel.accept()))
    assert (len(channel.queue.told), len(channel.urgent.told)) == (1, 1)


def test_a_batch_that_fails_whole_goes_back_whole(channel: Channel) -> None:
    channel.provider.raises = UnavailableError("503")
    assert channel.receive(body(channel.accept()), body(channel.accept())) == ["m-0", "m-1"]


def test_the_same_delivery_twice_in_a_batch_is_sent_once(channel: Channel) -> None:
    given = channel.accept()
    channel.receive(body(given), body(given))
    assert len(channel.provider.sent) == 1
    assert channel.receive(body(given)) == []


class Meeting(MemoryProvider):
    """A provider that answers nobody until everybody has asked."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.everybody = threading.Barrier(size, timeout=60)

    def send(self, message: Message) -> str:
        self.everybody.wait()
        return super().send(message)


def test_a_slow_answer_holds_up_nobody_elses() -> None:
    channel = Channel(Meeting(10))
    assert channel.receive(*(body(channel.accept()) for _ in range(10))) == []


def test_settings_are_those_of_now_and_of_each_user(channel: Channel) -> None:
    out, asked, gone = channel.accept(user_id="out"), channel.accept(user_id="ada"), channel.accept(user_id="gone")
    channel.recipients.known |= reached(out, Settings(categories={"payment": {"email": False}}))
    del channel.recipients.known["gone"]
    bare = channel.accept(user_id=None, endpoint="bob@example.com")
    assert channel.receive(*map(body, (out, asked, gone, bare))) == []
    statuses = [channel.status(each) for each in (out, asked, gone, bare)]
    assert statuses == [Status.UNSUBSCRIBED, Status.SENT, Status.ERROR, Status.SENT]


def test_what_became_of_a_batch_is_counted_by_channel(channel: Channel, capsys: pytest.CaptureFixture[str]) -> None:
    given = [channel.accept() for _ in range(2)]
    failing = channel.accept(data={})
    channel.receive(*map(body, (*given, failing)), "not an event")
    channel.receive(body(given[0]))
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    counted = [
        (metric["Name"], document[metric["Name"]], document["channel"], document["delivery_id"])
        for document in documents
        for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]
    sent, again = [each.delivery_id for each in given]
    assert sorted(counted[:3]) == sorted(
        [
            ("DeliverySent", 1, "email", sent),
            ("DeliverySent", 1, "email", again),
            ("DeliveryFailed", 1, "email", failing.delivery_id),
        ]
    )
    assert counted[3:] == [("DuplicateDropped", 1, "email", sent)]


def test_what_nobody_foresaw_is_told_loudly_and_nothing_personal_with_it(
    channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    given = channel.accept(endpoint="grace@example.com")
    channel.provider.raises = ZeroDivisionError("grace@example.com")
    channel.receive(body(given), body(delivery()), "not an event")
    lines = [vars(record) for record in caplog.records]
    assert {line["levelname"] for line in lines} == {"ERROR"}
    assert any(line.get("error") == "ZeroDivisionError" for line in lines)
    assert any(line.get("why") == "missing" for line in lines)
    assert "grace@example.com" not in str(lines)


# -- when what failed comes back ---------------------------------------------------------------------------------------


def test_what_failed_comes_back_soon_by_one_call_for_the_batch(channel: Channel) -> None:
    channel.provider.raises = UnavailableError("503")
    channel.receive(body(channel.accept()), "not an event", body(channel.accept()))
    [told] = channel.queue.told
    assert set(told) == {"r-0", "r-2"}
    assert all(timedelta(seconds=8) <= wait <= timedelta(seconds=10) for wait in told.values())


def test_what_is_held_of_a_batch_is_counted_once_for_the_alert(channel: Channel) -> None:
    channel.provider.raises = OutcomeUnknownError("no_answer")
    batch = [body(channel.accept()) for _ in range(2)]
    channel.receive(*batch)
    assert channel.state.tallies == {}
    channel.receive(*batch)
    tally = channel.state.tallies[Cause.HELD]
    assert (tally.total, tally.why) == (2, "no_answer")


def test_what_failed_often_comes_back_late(channel: Channel) -> None:
    channel.provider.raises = UnavailableError("503")
    channel.receive(body(channel.accept()), received=5)
    [[wait]] = [told.values() for told in channel.queue.told]
    assert timedelta(seconds=128) <= wait <= timedelta(seconds=160)


@pytest.mark.parametrize(
    ("error", "patience"),
    [
        (ThrottledError("429", retry_after=90), timedelta(seconds=90)),
        (OutcomeUnknownError("no_answer"), AFTER_UNKNOWN),
    ],
)
def test_what_asks_for_patience_comes_back_no_sooner(
    error: ProviderError, patience: timedelta, channel: Channel
) -> None:
    channel.provider.raises = error
    channel.receive(body(channel.accept()))
    assert [list(told.values()) for told in channel.queue.told] == [[patience]]


def test_when_nothing_failed_the_queue_is_told_nothing(channel: Channel) -> None:
    channel.receive(body(channel.accept()))
    assert channel.queue.told == []


# -- what is one message of several deliveries -------------------------------------------------------------------------


@pytest.fixture
def gathering() -> Channel:
    """A channel on which a digest's entries wait, who find each other."""
    channel = Channel()
    news = Content(subject="{{ count }} news", body="{% for item in items %}{{ item.subject }}{% endfor %}")
    templates = MemoryTemplates({("news", "email", "default"): news})
    chain = Chain((channel.provider,), channel.state, Clock(datetime.now(UTC)))
    worker = Worker(channel.log, templates, LINKS, chain, chain.clock)
    gatherer = Gatherer(worker, MemoryDigests(channel.log), channel.recipients)
    channel.handler = batch_handler(
        gatherer,
        channel.recipients,
        Lanes(channel.queue, channel.urgent),
        channel.state,
        "email",
        timedelta(minutes=3),
    )
    return channel


def entries(channel: Channel, number: int) -> list[Delivery]:
    pinned = {"name": "news", "key": "news/email/default", "version_id": "v1"}
    digest_id = str(uuid.uuid4())
    return [channel.accept(digest_id=digest_id, digest_template=pinned, reason="digest") for _ in range(number)]


def test_each_entry_of_a_digest_is_counted_and_told_of_though_one_was_asked_for(
    gathering: Channel, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, alone = entries(gathering, 3), gathering.accept()
    assert gathering.receive(body(digest[1]), body(alone)) == []
    assert sorted(message.content.subject or "" for message in gathering.provider.sent) == ["3 news", "Hi Ada"]
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    counted = sorted(document["delivery_id"] for document in documents if "DeliverySent" in document)
    assert counted == sorted(each.delivery_id for each in (*digest, alone))


def test_a_digest_of_unknown_outcome_counts_each_of_its_entries_for_the_alert(gathering: Channel) -> None:
    gathering.provider.raises = OutcomeUnknownError("no_answer")
    [asked, *_] = entries(gathering, 3)
    assert [gathering.receive(body(asked)) for _ in range(2)] == [["m-0"], []]
    assert gathering.state.tallies[Cause.HELD].total == 3
