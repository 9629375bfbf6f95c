"""The stage: a running platform whose consumers are held back, so that whoever stands here is what moves anything.

Tables, bus, rules, queues and the providers' sandbox are the platform's own. Lambda's part is played here: what is in a
queue is given to its function, in an `Environment`, and deleted or made visible again by what that answers.
"""

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Final

import boto3
import httpx

from bench import cost_requests
from bench.environment import HasPlatform
from bench.producer import Producer
from handlers.domain.channels import CHANNELS
from handlers.domain.notifications.statuses import UNSENT, Status
from ops.client import Client, Credentials
from tests.chaos.environment import Configured, Environment, Invocation
from tests.chaos.faults import Chance, Fault

PREFIX: Final = "carillon-local-"
SWEEP: Final = "sweeper"
ACCEPT: Final = "notifications"
BROADCASTS: Final = "broadcasts"
FAN_OUT: Final = "fanout"
OTHERS: Final = ("authorizer", "contacts", "templates", "tracking")
"""Functions behind the API, or before it, that touch no delivery on its way."""
DIGEST: Final = "activity-digest"
"""The template by which the platform's category `activity` is gathered (Pulumi.local.yaml)."""
_ENTRY: Final = re.compile(r"entry:([0-9a-f-]{36})")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
A_WHILE: Final = timedelta(hours=7)
"""Longer than anything waits but a last round of the way back, which is reached in two of them."""
_ROUNDS: Final = 12
_BATCH: Final = 10
_HIDDEN_SECONDS: Final = 43_200
"""SQS's longest: what is taken is given back or deleted, however long a busy machine takes for all of a queue."""

Item = dict[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """How the log has a delivery: `doubts` are its attempts of which nobody knows what came of them."""

    id: str
    notification_id: str
    channel: str
    status: str
    reason: str | None
    doubts: int

    @property
    def is_final(self) -> bool:
        """Say whether nothing more will be done about it."""
        return self.status not in UNSENT

    @property
    def is_held(self) -> bool:
        """Say whether it waits, in an alarm, for a receipt or the time to decide."""
        return not self.is_final and self.reason == "outcome_unknown"


@dataclass
class Stage:
    """A platform to play on. One scenario after the other."""

    platform: HasPlatform
    aws: Any
    functions: Mapping[str, Configured]
    queues: Mapping[str, str]
    environments: dict[str, Environment] = field(default_factory=dict)
    fault: Chance | None = None
    """What may go wrong with every invocation; without it, only what a scenario says."""
    tallied: Counter[str] = field(default_factory=Counter)
    """The platform's own metrics, and how many invocations, faults and kills there were."""
    peaks: dict[str, list[int]] = field(default_factory=dict)

    # -- what Lambda does --

    def invoke(self, function: str, event: Any, fault: Fault | None = None) -> Invocation:
        """Invoke a function, in an environment of its own that is made if there is none."""
        if function not in self.environments:
            self.environments[function] = Environment(self.functions[function])
        chance = self.fault and Chance(self.fault.share, f"{self.fault.seed}/{self.tallied['invocations']}")
        done = self.environments[function].invoke(event, fault or chance)
        self.tallied.update({"invocations": 1, "faults": done.faults, "kills": done.killed})
        self.tallied.update(_metrics(done.log))
        if done.peak_kb:
            self.peaks.setdefault(function, []).append(done.peak_kb)
        return done

    def begin_anew(self, *functions: str) -> None:
        """Let these functions, or all, have processes that remember nothing."""
        for function in functions or tuple(self.environments):
            if function in self.environments:
                self.environments[function].begin_anew()

    def end(self) -> None:
        """End all processes."""
        for each in self.environments.values():
            each.end()
        self.environments.clear()

    # -- what a producer does --

    def post(self, body: Mapping[str, Any], key: str, fault: Fault | None = None) -> tuple[Invocation, str | None]:
        """Post a notification; its id if it was accepted."""
        local = self.platform.local
        event = cost_requests.post(body, Credentials(local.app_key, local.app_secret))
        event["headers"]["Idempotency-Key"] = key
        event["multiValueHeaders"]["Idempotency-Key"] = [key]
        done = self.invoke(ACCEPT, event, fault)
        if done.failed or done.answer["statusCode"] != 202:
            return done, None
        return done, json.loads(done.answer["body"])["notification_id"]

    def client(self) -> Client:
        """Return a patient client of the API itself, whose functions are served by nobody here."""
        return Producer(self.platform.local)

    def post_broadcast(
        self, body: Mapping[str, Any], key: str, fault: Fault | None = None
    ) -> tuple[Invocation, str | None]:
        """Post a broadcast; its id if it was accepted."""
        local = self.platform.local
        event = cost_requests.post(body, Credentials(local.app_key, local.app_secret))
        event |= {"path": "/v1/broadcasts", "resource": "/v1/broadcasts"}
        event["headers"]["Idempotency-Key"] = key
        event["multiValueHeaders"]["Idempotency-Key"] = [key]
        done = self.invoke(BROADCASTS, event, fault)
        if done.failed or done.answer["statusCode"] != 202:
            return done, None
        return done, json.loads(done.answer["body"])["broadcast_id"]

    def ask(
        self, function: str, method: str, path: str, body: Any = None, fault: Fault | None = None
    ) -> tuple[Invocation, int]:
        """Ask a function behind the API; the status of its answer, 0 if there is none. A body of text is a form's."""
        authorizer = {"app_key": self.platform.local.app_key, "categories": '["*"]', "channels": '["*"]'}
        event = cost_requests.event(method, path, path, authorizer)
        if isinstance(body, str):
            event["headers"]["Content-Type"] = "application/x-www-form-urlencoded"
            event["multiValueHeaders"]["Content-Type"] = ["application/x-www-form-urlencoded"]
        event["body"] = body if body is None or isinstance(body, str) else json.dumps(body)
        done = self.invoke(function, event, fault)
        return done, 0 if done.failed else int(done.answer["statusCode"])

    def alerts(self, channel: str, cause: str) -> int:
        """Return how many notices of an alert were sent to the developers responsible."""
        found = httpx.get(f"{self.platform.local.inbox_url}/api/alerts", timeout=60).raise_for_status().json()
        return sum((each["channel"], each["cause"]) == (channel, cause) for each in found)

    def count_for_alert(self, channel: str, cause: str) -> None:
        """Count a delivery for an alert of which nobody has been told."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        last = {"M": {"at": {"S": now}, "why": {"S": "unavailable"}}}
        self._put(self._limits, {**_circuits(channel), f"count#{cause}": {"N": "1"}, f"last#{cause}": last})

    def accepted(self, body: Mapping[str, Any], key: str | None = None) -> str:
        """Post a notification until it is accepted, with one key; its id."""
        key = key or uuid.uuid4().hex
        for _ in range(_ROUNDS):
            done, notification_id = self.post(body, key)
            if notification_id is not None:
                return notification_id
        raise RuntimeError(f"never accepted: {done.answer or done.error}")

    # -- queues --

    def receive(self, queue: str, wait: int = 0, most: int = _BATCH) -> list[Message]:
        """Take messages, which nobody else gets until they are given back."""
        received = self.aws("sqs").receive_message(
            QueueUrl=self.queues[queue],
            MaxNumberOfMessages=most,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages: list[Message] = received.get("Messages", [])
        return messages

    def delete(self, queue: str, messages: Sequence[Message]) -> None:
        """Delete messages that were taken."""
        for each in messages:
            self.aws("sqs").delete_message(QueueUrl=self.queues[queue], ReceiptHandle=each["ReceiptHandle"])

    def give_back(self, queue: str, messages: Sequence[Message]) -> None:
        """Let messages that were taken be taken again at once: their timeout ends."""
        for each in messages:
            self.aws("sqs").change_message_visibility(
                QueueUrl=self.queues[queue], ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
            )

    def put(self, queue: str, body: str) -> None:
        """Put a message into a queue."""
        self.aws("sqs").send_message(QueueUrl=self.queues[queue], MessageBody=body)

    def serve(
        self, queue: str, messages: Sequence[Message], fault: Fault | None = None
    ) -> tuple[Invocation, list[Message]]:
        """Give messages to the queue's function; delete what it has done, and return what it has not."""
        done = self.invoke(_consumer(queue), {"Records": [_record(each, queue) for each in messages]}, fault)
        if done.failed:
            return done, list(messages)
        failed = {each["itemIdentifier"] for each in done.answer["batchItemFailures"]}
        self.delete(queue, [each for each in messages if each["MessageId"] not in failed])
        return done, [each for each in messages if each["MessageId"] in failed]

    def work(self, queue: str) -> int:
        """Serve all that is in a queue, each message once; how many these were."""
        left: list[Message] = []
        served = 0
        while messages := self.receive(queue):
            served += len(messages)
            left += self.serve(queue, messages)[1]
        self.give_back(queue, left)
        return served

    # -- the log --

    def items(self, notification_id: str) -> list[Item]:
        """Return what the log has of a notification."""
        pages = (
            self.aws("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.log_table,
                KeyConditionExpression="notification_id = :id",
                ExpressionAttributeValues={":id": {"S": notification_id}},
                ConsistentRead=True,
            )
        )
        return [item for page in pages for item in page["Items"]]

    def deliveries(self, notification_id: str) -> list[Delivery]:
        """Return the deliveries of a notification, none if it was not accepted."""
        items = self.items(notification_id)
        if not any(each["item"]["S"] == "notification" for each in items):
            return []
        return [_delivery(each) for each in items if "event_id" in each]

    def is_settled(self, notification_id: str) -> bool:
        """Say whether all there is of a notification is final, held, or was never there."""
        states = [_delivery(each) for each in self.items(notification_id) if "event_id" in each]
        return all(each.is_final or each.is_held for each in states)

    def unsettled(self) -> list[str]:
        """Return the notifications of the whole log of which something is still to be sent."""
        pages = (
            self.aws("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self.log_table,
                FilterExpression="attribute_exists(due_at) AND #status <> :error",  # what failed can be redriven
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":error": {"S": Status.ERROR}},
                ProjectionExpression="notification_id",
            )
        )
        return sorted({item["notification_id"]["S"] for page in pages for item in page["Items"]})

    def let_pass(self, time: timedelta, ids: Sequence[str]) -> None:
        """Move the time on for these notifications and for the providers' circuits: their times, all of them, back.

        Not when they were accepted: who repeats a request does so within its day.
        """
        digests: set[str] = set()
        for each in ids:
            for item in self.items(each):
                digests |= {item["digest_id"]["S"]} if "digest_id" in item else set()
                self._put(
                    self.log_table, {**_earlier(item, time), "created_at": item.get("created_at", {"NULL": True})}
                )
        for digest_id in digests:
            self._let_pass_in_limits({"id": {"S": f"digest#{digest_id}"}}, time)
        for channel in CHANNELS:
            self._let_pass_in_limits(_circuits(channel), time)

    def _let_pass_in_limits(self, key: Item, time: timedelta) -> None:
        found = self.aws("dynamodb").get_item(TableName=self._limits, Key=key).get("Item")
        if found is not None:
            self._put(self._limits, _earlier(found, time))

    def forget_circuits(self) -> None:
        """Let every circuit be closed, as on a platform on which nothing ever failed."""
        for channel in CHANNELS:
            self.aws("dynamodb").delete_item(TableName=self._limits, Key=_circuits(channel))

    def tell_closed(self, channel: str) -> None:
        """Mark that a circuit of the channel has closed just now."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._put(self._limits, {**_circuits(channel), "closed_at": {"S": now}})

    def _put(self, table: str, item: Item) -> None:
        self.aws("dynamodb").put_item(TableName=table, Item=item)

    @property
    def log_table(self) -> str:
        return self.functions[SWEEP].variables["CARILLON_NOTIFICATIONS_TABLE"]

    @property
    def _limits(self) -> str:
        return self.functions[SWEEP].variables["CARILLON_LIMITS_TABLE"]

    # -- healing --

    def heal(self, ids: Sequence[str], channels: Sequence[str]) -> bool:
        """Let everything run without faults, and time pass, until nothing moves; say whether all is settled then."""
        for turn in range(_ROUNDS):
            moved = sum(self.work(queue) for channel in channels for queue in queues_of(channel))
            if not moved and all(self.is_settled(each) for each in ids):
                return True
            if turn > 1:
                self.begin_anew()  # after hours, nobody remembers anything
            if moved and turn == 0:
                continue
            self.let_pass(A_WHILE, [each for each in ids if self._can_change(each)])
            self.invoke(SWEEP, {})
        return False

    def _can_change(self, notification_id: str) -> bool:
        """Say whether time changes anything of a notification: after a round, few of 50,000 recipients are left."""
        items = self.items(notification_id)
        return any("due_at" in each or ("event_id" in each and not _delivery(each).is_final) for each in items)

    # -- what has arrived --

    def inbox(self) -> Counter[str]:
        """Return how many messages of each delivery the providers have accepted; of a digest's entry, that list it."""
        found = httpx.get(f"{self.platform.local.inbox_url}/api/messages", timeout=120).raise_for_status().json()
        listed = (_ENTRY.findall(each["body"]) or [each["delivery_id"]] for each in found)
        return Counter(delivery_id for each in listed for delivery_id in set(each))

    def bodies(self, user: str) -> list[str]:
        """Return what the mails say that the providers have accepted for a user."""
        found = httpx.get(f"{self.platform.local.inbox_url}/api/messages", timeout=120).raise_for_status().json()
        return [each["body"] for each in found if f"{user}@" in str(each["to"])]

    def quarantined(self, body: str) -> int:
        """Take what is parked out of the quarantine queue; how many of it have this body."""
        found = 0
        while messages := self.receive("quarantine"):
            found += sum(each["Body"] == body for each in messages)
            self.delete("quarantine", messages)
        return found

    def fail(self, provider: str, **fault: Any) -> None:
        """Let a provider of the sandbox fail."""
        url = f"{self.platform.local.inbox_url}/api/faults/{provider}"
        httpx.put(url, json=fault, timeout=60).raise_for_status()

    def mend(self, provider: str) -> None:
        """Let a provider of the sandbox serve again."""
        httpx.delete(f"{self.platform.local.inbox_url}/api/faults/{provider}", timeout=60).raise_for_status()

    def user(self) -> str:
        """Store a user who is reached once on every channel."""
        user = f"chaos-{uuid.uuid4().hex[:8]}-000"
        with self.client() as client:
            client.put_contact(user, cost_requests.contact(user))
        return user

    def template(self) -> str:
        """Store a template for e-mail."""
        name = f"chaos-{uuid.uuid4().hex[:8]}"
        with self.client() as client:
            client.put_template(name, "email", "default", {"subject": "Chaos", "body": "<p>{{ text }}</p>"})
        return name

    def digest_template(self) -> None:
        """Store the template by which e-mail is gathered: it names what it lists."""
        body = "{% for item in items %}<p>{{ item.subject }} entry:{{ item.delivery_id }}</p>{% endfor %}"
        with self.client() as client:
            client.put_template(DIGEST, "email", "default", {"subject": "{{ count }} news", "body": body})


def dead(channel: str) -> str:
    """Return the name here of a channel's dead-letter queue."""
    return f"{channel} dead"


def urgent(channel: str) -> str:
    """Return the name here of a channel's queue for what has priority high."""
    return f"{channel} high"


def queues_of(channel: str) -> tuple[str, str, str]:
    """Return the names here of all of a channel's queues, the dead-letter queue last."""
    return urgent(channel), channel, dead(channel)


@contextmanager
def stage(platform: HasPlatform) -> Iterator[Stage]:
    """Hold back all that consumes queues and all that runs by the minute, and let go at the end."""
    emulator = platform.emulator
    session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
    create: Any = session.client  # by a name that is no literal
    aws = cache(partial(create, endpoint_url=emulator.endpoint_url))

    of_all = {
        "AWS_ACCESS_KEY_ID": emulator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": emulator.secret_access_key,
        "AWS_REGION": emulator.region,
        "AWS_DEFAULT_REGION": emulator.region,
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
    }
    names = [
        ACCEPT,
        SWEEP,
        BROADCASTS,
        FAN_OUT,
        *OTHERS,
        *(f"{kind}-{channel}" for kind in ("worker", "redriver") for channel in CHANNELS),
    ]
    configured = {name: aws("lambda").get_function_configuration(FunctionName=f"{PREFIX}{name}") for name in names}
    functions = {
        name: Configured(
            each["FunctionName"], each["Handler"], each["Timeout"], {**of_all, **each["Environment"]["Variables"]}
        )
        for name, each in configured.items()
    }
    mappings = aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    queues = {"quarantine": functions["redriver-email"].variables["CARILLON_QUARANTINE_URL"]}
    queues[BROADCASTS] = functions[FAN_OUT].variables["CARILLON_BROADCAST_QUEUE_URL"]
    queues[dead(BROADCASTS)] = aws("sqs").get_queue_url(QueueName=f"{PREFIX}broadcasts-dlq")["QueueUrl"]
    for channel in CHANNELS:
        queues[channel] = functions[f"worker-{channel}"].variables["CARILLON_QUEUE_URL"]
        queues[urgent(channel)] = functions[f"worker-{channel}"].variables["CARILLON_URGENT_QUEUE_URL"]
        [dead_letters] = [
            each["EventSourceArn"] for each in mappings if f":{PREFIX}redriver-{channel}" in each["FunctionArn"]
        ]
        name = dead_letters.rpartition(":")[2]
        queues[dead(channel)] = aws("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    held = [each["UUID"] for each in mappings]
    try:
        aws("events").disable_rule(Name=f"{PREFIX}{SWEEP}")
        for each in held:
            aws("lambda").update_event_source_mapping(UUID=each, Enabled=False)
        standing = Stage(platform, aws, functions, queues)
        try:
            yield standing
        finally:
            standing.end()
    finally:
        for each in held:
            aws("lambda").update_event_source_mapping(UUID=each, Enabled=True)
        aws("events").enable_rule(Name=f"{PREFIX}{SWEEP}")


def _consumer(queue: str) -> str:
    channel = queue.partition(" ")[0]
    if channel == BROADCASTS:
        return FAN_OUT
    return f"{'redriver' if queue == dead(channel) else 'worker'}-{channel}"


def _record(message: Message, queue: str) -> dict[str, Any]:
    """Return a message as Lambda gives it to a function."""
    attributes = {
        name: {"stringValue": value.get("StringValue"), "dataType": value["DataType"]}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:{PREFIX}{_named(queue)}",
        "awsRegion": "eu-central-1",
    }


def _named(queue: str) -> str:
    """Return how a queue's name ends on AWS."""
    return queue.replace(" dead", "-dlq").replace(" ", "-")


def _delivery(item: Item) -> Delivery:
    outcomes = [each["M"]["outcome"]["S"] for each in item["attempts"]["M"].values()]
    own = item["item"]["S"].removeprefix("delivery#")
    notification_id = item["notification_id"]["S"]
    return Delivery(
        id=notification_id if own == "notification" else own,
        notification_id=notification_id,
        channel=item["channel"]["S"],
        status=item["status"]["S"],
        reason=item.get("reason", {}).get("S"),
        doubts=sum(outcome in ("unknown", "started") for outcome in outcomes),
    )


def _earlier(value: Any, time: timedelta) -> Any:
    """Return an item of DynamoDB, or a part of it, in which every time is earlier by so much."""
    if isinstance(value, dict):
        return {name: _earlier(each, time) for name, each in value.items()}
    if isinstance(value, list):
        return [_earlier(each, time) for each in value]
    if isinstance(value, str) and _TIME.fullmatch(value):
        moved = datetime.fromisoformat(value) - time
        return moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def _circuits(channel: str) -> Item:
    return {"id": {"S": f"providers#{channel}"}}


def _metrics(log: str) -> Counter[str]:
    """Return what the platform's own metrics have counted in a log (CloudWatch's embedded metric format)."""
    counted: Counter[str] = Counter()
    for line in log.splitlines():
        if '"_aws"' not in line:
            continue
        said = json.loads(line)
        names = {each["Name"] for declared in said["_aws"]["CloudWatchMetrics"] for each in declared["Metrics"]}
        for name in names:
            value = said[name]
            counted[name] += int(sum(value) if isinstance(value, list) else value)
    return counted
