"""What a delivery costs of AWS: its calls, its writes and DynamoDB's write units, from its acceptance until it is sent.

The numbers are exact. Who makes a delivery dearer finds it here; who makes it cheaper lowers them.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import boto3
import pytest

from bench.ledger import Ledger
from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.adapters.aws.people import DynamoPeople, DynamoPlanning, DynamoRecipients
from handlers.adapters.aws.template_index import DynamoTemplateIndex
from handlers.adapters.aws.templates import S3TemplateStore, S3TemplateVersions
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.notification import NotificationState
from handlers.domain.notifications.payload import SMALL, SMALL_WITH_CONTENT, Payload
from handlers.domain.notifications.statuses import Status
from handlers.services.accepting import NotificationService
from handlers.services.delivering import Result, Worker
from handlers.services.failover import Chain
from ops.cost.dynamodb import Index
from stacks.data import tables
from tests.unit.handlers.memory import LINKS, MemoryProvider, MemoryProviderState, MemoryScheduler
from tests.unit.handlers.samples import DEMO, request

clock = partial(datetime.now, UTC)

ADA: Final = {"email": "ada.lovelace@example.com"}
DATA: Final = {"number": "2026-000042", "name": "Ada Lovelace", "total": "1,234.50 EUR"}
PARAGRAPH: Final = (
    '<tr><td style="padding: 12px 24px; font-family: Helvetica, Arial, sans-serif">Item {n}: {{{{ lines[{n}].name }}}}'
    "</td><td>{{{{ lines[{n}].price }}}}</td></tr>\n"
)


class SesLike(MemoryProvider):
    """A provider whose ids are as long as those of SES."""

    def send(self, message: Any) -> str:
        return f"{super().send(message):0>60}"


@dataclass
class Platform:
    """Accepting and delivering on real tables, bucket and bus."""

    service: NotificationService
    worker: Worker
    recipients: DynamoRecipients
    ledger: Ledger

    def accept(self, **fields: Any) -> tuple[Delivery, ...]:
        asked = {"template": "receipt", "content": None, "data": DATA, "to": [ADA], **fields}
        return self.service.accept(request(**asked), DEMO, None, clock() + timedelta(seconds=60)).logged

    def send(self, *deliveries: Delivery) -> None:
        """Make the deliveries of one batch."""
        events = [each.event() for each in deliveries]
        known, end = self.recipients.find(events), clock() + timedelta(seconds=60)
        for event in events:
            report = self.worker.deliver(event, known.people, end, known.payloads.get(event.notification_id))
            assert report.result is Result.SENT, report

    def state(self, deliveries: tuple[Delivery, ...]) -> NotificationState:
        return self.service.state(deliveries[0].notification_id, DEMO)


@pytest.fixture(scope="module")
def platform(aws: Callable[[str], Any], new_log_table: Callable[[], str]) -> Platform:
    """Warm: the template has been used, as by all but the first notification of a function's life."""
    reader = aws("dynamodb")
    credentials = reader._request_signer._credentials
    session = boto3.Session(credentials.access_key, credentials.secret_key, region_name=reader.meta.region_name)
    client: Callable[[str], Any] = partial(session.client, endpoint_url=reader.meta.endpoint_url)
    dynamodb, s3, events = client("dynamodb"), client("s3"), client("events")
    log, suffix = new_log_table(), uuid.uuid4().hex[:8]
    names = ("contacts", "settings", "templates", "suppressions")
    contacts, settings, templates, suppressions = (f"{name}-{suffix}" for name in names)
    keys_of = {contacts: ("user_id",), settings: ("user_id",), templates: ("folder",)}
    for table, keys in (keys_of | {suppressions: ("shard", "address_key")}).items():
        reader.create_table(
            TableName=table,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    reader.put_item(TableName=contacts, Item={"user_id": {"S": "ada"}, "email": {"S": ADA["email"]}})
    bucket = f"costs-{suffix}"
    region: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = S3TemplateStore(bucket, s3, DynamoTemplateIndex(templates, dynamodb, clock))
    store.put("receipt", "email", "default", Content(subject="Receipt {{ number }}", body="{{ name }}: {{ total }}"))
    people = DynamoPeople(contacts, settings, suppressions, dynamodb)
    included = tables._due_index().non_key_attributes
    keys = ("notification_id", "item")
    index = Index(frozenset({"due_shard", "due_at"}), frozenset(map(str, included)))
    ledger = Ledger(reader, keys, index)
    service = NotificationService(
        people=DynamoPlanning(people, templates),
        templates=store,
        log=DynamoNotificationLog(log, dynamodb),
        publisher=EventBridgePublisher("default", events, clock),
        scheduler=MemoryScheduler(),
        categories={"payment": ("email",)},
        served=("email",),
        clock=clock,
    )
    chain = Chain((SesLike("ses"),), MemoryProviderState(), clock)
    worker = Worker(DynamoDeliveryLog(log, dynamodb), S3TemplateVersions(bucket, s3), LINKS, chain, clock)
    made = Platform(service, worker, DynamoRecipients(people, log, "email"), ledger)
    made.send(*made.accept())
    ledger.watch(dynamodb, s3, events)
    return made


@pytest.fixture(autouse=True)
def _anew(platform: Platform) -> None:
    platform.ledger.clear()


def test_a_template_to_one_address_is_three_calls_and_three_writes_of_five_units(platform: Platform) -> None:
    ledger = platform.ledger
    given = platform.accept()
    assert ledger.calls == ["BatchGetItem", "PutItem", "PutEvents"]
    assert (ledger.table_units, ledger.index_units) == (1, 1)
    platform.send(*given)
    assert ledger.calls[3:] == ["BatchGetItem", "UpdateItem", "UpdateItem"]
    assert (ledger.table_units, ledger.index_units) == (3, 2)
    assert platform.state(given).deliveries[0].status is Status.SENT


def test_a_template_to_a_user_with_an_address_is_one_read_more(platform: Platform) -> None:
    """Of what was refused at the address, which only the contact tells."""
    ledger = platform.ledger
    given = platform.accept(to=[{"user_id": "ada"}])
    assert ledger.calls == ["BatchGetItem", "BatchGetItem", "PutItem", "PutEvents"]
    platform.send(*given)
    assert ledger.calls[4:] == ["BatchGetItem", "UpdateItem", "UpdateItem"]
    assert ledger.units == 5


def test_content_of_ones_own_that_is_small_costs_no_more(platform: Platform) -> None:
    content = {"subject": "Receipt {{ number }}", "body": "<p>Thank you, {{ name }}, for {{ total }}.</p>"}
    platform.send(*platform.accept(template=None, content=content))
    assert (len(platform.ledger.writes), platform.ledger.units) == (3, 5)


def test_a_delivery_with_as_much_to_say_as_it_may_carry_stays_within_a_kilobyte(platform: Platform) -> None:
    """With a user's id that is a uuid."""
    user = str(uuid.uuid4())
    people = platform.service.people
    assert isinstance(people, DynamoPlanning)
    platform.ledger.reader.put_item(
        TableName=people._people._contacts,
        Item={"user_id": {"S": user}, "email": {"S": ADA["email"]}, "locale": {"S": "de-AT"}},
    )
    noise = "".join(uuid.uuid5(uuid.NAMESPACE_URL, str(n)).hex for n in range(20))
    for content, most in ((None, SMALL), (Content(subject="s", body="b"), SMALL_WITH_CONTENT)):
        said = [Payload(content, DATA | {"noise": noise[:length]}) for length in range(500)]
        fullest = max((each for each in said if each.is_small), key=lambda each: len(each.packed))
        assert most - 2 <= len(fullest.packed) <= most
        asked = {"template": "receipt" if content is None else None, "content": content and content.model_dump()}
        platform.send(*platform.accept(**asked, data=dict(fullest.data), to=[{"user_id": user}]))
    assert platform.ledger.largest <= 1024
    assert platform.ledger.units == 10


def order(paragraphs: int) -> dict[str, Any]:
    """A mail with a line for each article: markup that repeats itself, as markup does, and prices that do not."""
    lines = [
        {"name": f"Article {n * 7919 % 1000}", "price": f"{n * 104729 % 10000 / 100:.2f}"} for n in range(paragraphs)
    ]
    body = "".join(PARAGRAPH.format(n=n) for n in range(paragraphs))
    return {"template": None, "content": {"subject": "Order", "body": body}, "data": {"lines": lines}}


def noise() -> dict[str, Any]:
    """Ten kilobytes of hexadecimal digits, which nothing makes shorter than half."""
    text = "".join(uuid.uuid5(uuid.NAMESPACE_URL, str(n)).hex for n in range(320))
    return {"template": None, "content": {"subject": "Noise", "body": text}}


@pytest.mark.parametrize(("content", "units"), [(order(72), 2), (noise(), 7)], ids=["markup", "noise"])
def test_content_of_ten_kilobytes_is_written_once_compressed(
    content: dict[str, Any], units: int, platform: Platform
) -> None:
    """One write more, of as many units as it has KB once compressed: 50 units when each status wrote it again."""
    assert len(content["content"]["body"]) > 10_000
    platform.send(*platform.accept(**content))
    assert platform.ledger.writes == ["BatchWriteItem", "PutItem", "UpdateItem", "UpdateItem"]
    assert platform.ledger.units == 5 + units


def test_of_a_hundred_at_once_each_costs_five_units_and_its_part_of_one(platform: Platform) -> None:
    ledger = platform.ledger
    given = platform.accept(to=[{"email": f"reader-{n}@example.com"} for n in range(100)])
    # A call reads a hundred items: two of each address, what it refuses and whether it is suppressed, and the template.
    assert Counter(ledger.calls) == {
        "BatchGetItem": 3,
        "Query": 1,
        "BatchWriteItem": 4,
        "PutItem": 1,
        "PutEvents": 10,
    }
    assert (ledger.table_units, ledger.index_units) == (101, 100)
    ledger.clear()
    platform.send(*given[:10])
    assert Counter(ledger.calls) == {"BatchGetItem": 1, "UpdateItem": 20}
    assert ledger.units == 30


def test_a_batch_is_read_at_once_whatever_its_notifications_say(platform: Platform) -> None:
    batch = [*(platform.accept() for _ in range(4)), platform.accept(**order(72)), platform.accept(**noise())]
    batch += [platform.accept(to=[ADA, {"email": "bob@example.com"}]) for _ in range(2)]
    platform.ledger.clear()
    platform.send(*(each for given in batch for each in given))
    assert Counter(platform.ledger.calls) == {"BatchGetItem": 1, "UpdateItem": 20}
