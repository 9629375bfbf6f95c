"""Webhooks of apps in a real table, their keys from a real KMS, and their messages in a real queue."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Signature

from handlers.adapters.aws.webhooks import DynamoWebhooks, KmsWebhookKeys, Remembered, SqsOutbox
from handlers.adapters.status_webhook import HttpStatusEndpoint
from handlers.domain.notifications.deliveries import Step
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import StatusChanged, Webhook, WebhookRequest
from handlers.services.webhooks import Announcer, Teller, Telling, WebhookDesk
from tests.unit.handlers.adapters.providers.chat import url_client
from tests.unit.handlers.adapters.providers.webserver import says, serving
from tests.unit.handlers.samples import NOW, delivery

URL, OTHER = "https://billing.example/statuses", "https://other.example/statuses"


@pytest.fixture
def webhooks(new_table: Callable[..., str], aws: Callable[[str], Any]) -> DynamoWebhooks:
    return DynamoWebhooks(new_table("limits", "id"), aws("dynamodb"))


def test_it_is_there_until_it_ends_and_no_version_comes_twice(webhooks: DynamoWebhooks) -> None:
    assert webhooks.find("billing") is None
    webhooks.end("billing")
    first = webhooks.put("billing", URL, frozenset({Status.SENT, Status.ERROR}))
    assert webhooks.find("billing") == first == Webhook("billing", URL, frozenset({Status.SENT, Status.ERROR}), 1)
    webhooks.end("billing")
    assert webhooks.find("billing") is None
    assert webhooks.put("billing", OTHER, frozenset()) == Webhook("billing", OTHER, frozenset(), 2)


def test_how_it_does_is_kept_and_a_put_forgets_it(webhooks: DynamoWebhooks) -> None:
    made = webhooks.put("billing", URL, frozenset())
    failing = made.after_failure(NOW)
    webhooks.note(made, failing)
    assert webhooks.find("billing") == failing
    suspended = failing.after_failure(NOW + timedelta(days=1))
    webhooks.note(failing, suspended)
    assert webhooks.find("billing") == suspended
    assert webhooks.put("billing", URL, frozenset()) == Webhook("billing", URL, frozenset(), 2)


def test_a_success_takes_the_failure_back(webhooks: DynamoWebhooks) -> None:
    made = webhooks.put("billing", URL, frozenset())
    webhooks.note(made, made.after_failure(NOW))
    webhooks.note(made.after_failure(NOW), made)
    assert webhooks.find("billing") == made


def test_what_is_known_of_an_older_one_is_not_written(webhooks: DynamoWebhooks) -> None:
    old = webhooks.put("billing", URL, frozenset())
    new = webhooks.put("billing", OTHER, frozenset())
    webhooks.note(old, old.after_failure(NOW, for_good=True))
    assert webhooks.find("billing") == new
    webhooks.note(new, new.after_failure(NOW))
    webhooks.note(new, new.after_failure(NOW + timedelta(hours=3)))
    assert webhooks.find("billing") == new.after_failure(NOW)
    webhooks.end("billing")
    webhooks.note(new.after_failure(NOW), new)
    assert webhooks.find("billing") is None


def test_an_app_s_webhook_is_read_once_in_some_seconds_also_that_it_has_none(webhooks: DynamoWebhooks) -> None:
    now: list[datetime] = [NOW]
    known = Remembered(webhooks, lambda: now[0])
    assert known.find("billing") is None
    made = webhooks.put("billing", URL, frozenset())
    assert known.find("billing") is None
    now[0] += timedelta(seconds=5)
    assert known.find("billing") == made
    known.note(made, made.after_failure(NOW))
    assert known.find("billing") == made.after_failure(NOW)


def test_each_app_and_version_has_a_key_of_its_own_that_stays(aws: Callable[[str], Any]) -> None:
    key_id = aws("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    keys, elsewhere = KmsWebhookKeys(key_id, aws("kms")), KmsWebhookKeys(key_id, aws("kms"))
    found = [keys.key("billing", 1), keys.key("billing", 2), keys.key("other", 1), keys.key("1 billing", 1)]
    assert {len(each) for each in found} == {32}
    assert len(set(found)) == 4
    assert elsewhere.key("billing", 1) == found[0]


def test_messages_go_ten_at_a_time_and_are_read_as_they_were(aws: Callable[[str], Any]) -> None:
    url = aws("sqs").create_queue(QueueName=f"webhooks-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    told = [StatusChanged.of(Change(ordered(str(number)), None, delivery())) for number in range(23)]
    messages = [each for each in told if each is not None]
    assert SqsOutbox(url, aws("sqs")).put(messages) == []
    received: dict[str, StatusChanged] = {}
    while some := aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in some:
            message = StatusChanged.model_validate_json(each["Body"])
            received[message.event_id] = message
    assert received == {each.event_id: each for each in messages}


def test_what_the_queue_does_not_take_is_named(aws: Callable[[str], Any]) -> None:
    message = StatusChanged.of(Change(ordered("1"), None, delivery()))
    assert message is not None
    url = aws("sqs").create_queue(QueueName=f"webhooks-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    aws("sqs").delete_queue(QueueUrl=url)
    assert SqsOutbox(url, aws("sqs")).put([message]) == [message.event_id]


def test_a_move_of_the_log_reaches_the_app_signed_with_the_secret_it_was_given_and_in_an_order_that_shows(
    webhooks: DynamoWebhooks, aws: Callable[[str], Any]
) -> None:
    queue = aws("sqs").create_queue(QueueName=f"webhooks-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    key_id = aws("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    keys = KmsWebhookKeys(key_id, aws("kms"))
    secret = WebhookDesk(webhooks, keys).put("demo", WebhookRequest(url=URL))[0].secret
    created = delivery()
    step = Step(status=Status.SENT, at=NOW)
    sent = created.model_copy(update={"status": Status.SENT, "timeline": (*created.timeline, step)})
    changes = [Change(ordered("99"), None, created), Change(ordered("100"), created, sent)]
    known = Remembered(webhooks, lambda: datetime.now(UTC))
    assert Announcer(known, SqsOutbox(queue, aws("sqs"))).follow(changes) == []
    with serving(says(204)) as server:
        endpoint = HttpStatusEndpoint(url_client(server.port), keys, lambda: datetime.now(UTC))
        teller = Teller(known, endpoint, lambda: datetime.now(UTC))
        while some := aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for each in some:
                assert teller.tell(StatusChanged.model_validate_json(each["Body"]))[0] is Telling.TOLD
    got = [Signature(secret).verify(each.body, each.headers)["data"] for each in server.received]
    assert [each["status"] for each in sorted(got, key=lambda each: each["sequence"])] == ["created", "sent"]
    assert {each["delivery_id"] for each in got} == {created.delivery_id}
