"""AWS calls per delivery, counted from the emulator's record: every request of a function, with who made it.

The queue's own requests are not in the record, for the emulator asks it without HTTP. They follow from what is: the
rule sends each event to the queue in one request, and Lambda receives and deletes each batch in one.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html

Nor is the provider's call: SES is asked once for each delivery. Acceptance and delivery are counted apart, with the
queue's consumer held back in between, so that every batch is full. What the sweeper does is not in it: it is switched
off meanwhile, as it runs each minute whether or not there are deliveries.

A platform has other things to do, though: what waited for its time, or was returned to the queue, may be delivered
meanwhile. So a call counts if a function on these deliveries' way made it, unless it names another's.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsCredentials

from bench.account import PREFIX, Account, held_back, unswept, until, waiting
from bench.environment import HasPlatform, Running
from bench.producer import Producer
from bench.progress import Step
from bench.results import Line, Part
from handlers.adapters.aws.provider_items import item_id

Operation = tuple[str, str]
"""Service and operation: `("dynamodb", "UpdateItem")`."""

BATCH: Final = 10
CHANNELS: Final = ("email", "sms", "push", "chat")
WRITES: Final = frozenset({"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"})
"""DynamoDB's operations that write."""
CIRCUIT_WRITE: Final = "UpdateItem of a circuit"
"""A provider that fails or recovers is written down, whatever the deliveries are."""
_CIRCUITS: Final = item_id("")
_OF_SOMEBODY: Final = (
    f'"{PREFIX}notifications"',
    f'"{PREFIX}contacts"',
    '"recipient#',
    '"digest#',
    '"templates/',
)
"""A call that names one of these names a notification, user or template too, by which it is seen whose it is."""
_RECORDED: Final = 10_000
_TEMPLATE: Final = "benchmark"


@dataclass(frozen=True)
class Traffic:
    """What is sent: `posts` requests to `recipients` users each, on one channel."""

    channel: str = "email"
    posts: int = 2 * BATCH
    recipients: int = 1
    templated: bool = True

    @property
    def deliveries(self) -> int:
        """How many deliveries that makes: each user has one address, number, device and chat channel."""
        return self.posts * self.recipients


@dataclass(frozen=True)
class Calls:
    """AWS calls by service and operation, of all deliveries together."""

    deliveries: int
    accepting: Mapping[Operation, int]
    """From the requests until all events are in the queue."""
    delivering: Mapping[Operation, int]
    """From the queue until all deliveries are sent."""

    def per_delivery(self, service: str, operations: frozenset[str] | None = None) -> float:
        """Calls of a service, or of some of its operations, for each delivery."""
        every = Counter(self.accepting) + Counter(self.delivering)
        return _of(every, service, operations) / self.deliveries

    def every(self) -> float:
        """All calls in the record, for each delivery: what a function asks for, and not the queue's own."""
        both = Counter(self.accepting) + Counter(self.delivering)
        return sum(n for (service, _), n in both.items() if service != "sqs") / self.deliveries

    def as_json(self) -> dict[str, dict[str, float]]:
        """Calls for each delivery, by `service operation`."""
        both = {"accepting": self.accepting, "delivering": self.delivering}
        return {
            when: {" ".join(name): n / self.deliveries for name, n in sorted(calls.items())}
            for when, calls in both.items()
        }

    def reads_per_batch(self) -> float:
        """DynamoDB reads of the worker, for each batch of ten that it was given."""
        reads = sum(n for (service, name), n in self.delivering.items() if service == "dynamodb" and name not in WRITES)
        return reads / max(self.delivering.get(("sqs", "ReceiveMessage"), 0), 1)


def measure(running: Running, step: Step) -> Part:
    """Count each channel's calls, then an e-mail with its content in the request, and a hundred to a request."""
    kinds = {channel: Traffic(channel) for channel in CHANNELS}
    kinds |= {"email, inline": Traffic(templated=False), "email, 100 a request": Traffic(posts=1, recipients=100)}
    counted: dict[str, Calls] = {}
    for kind, traffic in kinds.items():
        step(f"calls: {kind}")
        counted[kind] = count(running, traffic)
    return Part("AWS calls per delivery", lines(counted), {kind: calls.as_json() for kind, calls in counted.items()})


def lines(counted: Mapping[str, Calls]) -> list[Line]:
    """The single templated e-mail against its targets, and the sum of each kind."""
    email = counted["email"]
    accepted = sum(n for (service, _), n in email.accepting.items() if service != "sqs") / email.deliveries
    return [
        Line("Calls of a single acceptance", accepted, at_most=3),
        Line("DynamoDB writes, e-mail", email.per_delivery("dynamodb", WRITES), at_most=3),
        Line("PutEvents, e-mail", email.per_delivery("events"), at_most=1),
        Line("SQS requests, e-mail in batches of 10", email.per_delivery("sqs"), at_most=1.2),
        Line("Reads of the worker, each batch", email.reads_per_batch(), at_most=1),
        *(Line(f"All calls but SQS, {kind}", calls.every()) for kind, calls in counted.items()),
    ]


def count(platform: HasPlatform, traffic: Traffic = Traffic()) -> Calls:
    """Send `traffic` on a platform that does nothing else, and count. Raises `RuntimeError` if it does not end.

    It is sent twice, and counted the second time: what a function does once in its life (link key, secrets, templates)
    it has done then.
    """
    account = Account(platform.emulator)
    with Producer(platform.local) as producer, unswept(account):
        body = prepared(producer, traffic)
        _counted(account, producer, body, traffic)
        return _counted(account, producer, body, traffic)


def _counted(account: Account, producer: Producer, body: dict[str, Any], traffic: Traffic) -> Calls:
    with held_back(account, traffic.channel) as let_go:
        begun = time.time()
        accepted = [producer.send(body) for _ in range(traffic.posts)]
        until(lambda: waiting(account, traffic.channel) >= traffic.deliveries, "all events are in the queue")
        queued = time.time()
        let_go()
        until(lambda: waiting(account, traffic.channel) == 0, "the queue is empty")
        ended = time.time()
    for each in accepted:
        producer.until_sent(each["notification_id"])
    ours = {each["notification_id"] for each in accepted} | {each["user_id"] for each in body["to"]}
    ours.add(f"templates/{_TEMPLATE}/")
    batches = _batches(account, traffic.channel, queued, ours)
    accepting = recorded(account, traffic.channel, begun, queued, ours) + Counter(
        {("sqs", "SendMessage"): traffic.deliveries}
    )
    polled = Counter({("sqs", "ReceiveMessage"): batches, ("sqs", "DeleteMessageBatch"): batches})
    return Calls(traffic.deliveries, accepting, recorded(account, traffic.channel, queued, ended, ours) + polled)


def prepared(producer: Producer, traffic: Traffic) -> dict[str, Any]:
    """Store the users and the template of some traffic, and return the body of each of its requests."""
    users = [f"bench-{uuid.uuid4().hex[:12]}" for _ in range(traffic.recipients)]
    for user in users:
        producer.put_contact(user, _contact(user))
    content: dict[str, Any] = {"content": _content(traffic.channel)}
    if traffic.templated:
        producer.put_template(_TEMPLATE, traffic.channel, "default", _content(traffic.channel))
        content = {"template": _TEMPLATE}
    to = [{"user_id": user} for user in users]
    data = {"name": "Ada", "number": 42}
    return {"category": "demo", "channels": [traffic.channel], "to": to, "data": data, **content}


def _contact(user: str) -> dict[str, Any]:
    number = f"+49151{uuid.uuid4().int % 10**8:08d}"
    token = uuid.uuid4().hex + uuid.uuid4().hex
    slack = f"https://hooks.slack.com/services/T{user[-8:].upper()}/B{user[-8:].upper()}/{uuid.uuid4().hex[:24]}"
    return {
        "email": f"{user}@example.com",
        "phone": number,
        "device_tokens": [{"deviceToken": token, "platform": "apns"}],
        "external_channels": [{"platform": "slack", "url": slack, "status": True}],
    }


def _content(channel: str) -> dict[str, Any]:
    body = {"body": "Thank you, {{ name }}, for order {{ number }}."}
    return body if channel in ("sms", "chat") else {"subject": "Order {{ number }}", **body}


def _of(calls: Mapping[Operation, int], service: str, operations: frozenset[str] | None) -> int:
    wanted = [n for (of, name), n in calls.items() if of == service and (operations is None or name in operations)]
    return sum(wanted)


def _batches(account: Account, channel: str, begin: float, ours: Collection[str]) -> int:
    """How often the channel's worker has been given one of these since then, by the lines that it logs of them."""
    pages = account.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(
        logGroupName=f"/aws/lambda/{PREFIX}worker-{channel}",
        filterPattern='"notification_id"',
        startTime=round(1000 * begin),
    )
    lines = (json.loads(event["message"]) for page in found for event in page["events"])
    return len({line["request_id"] for line in lines if line["notification_id"] in ours})


# -- the record --------------------------------------------------------------------------------------------------------


def recorded(account: Account, channel: str, begin: float, end: float, ours: Collection[str]) -> Counter[Operation]:
    """Calls made between two times by the functions on the way of a channel's deliveries, but for other deliveries.

    `ours` are the ids of their notifications and users, and their template. Raises `RuntimeError` if the emulator has
    not kept all calls.
    """
    found: dict[str, Operation | None] = {}
    functions = {f"{PREFIX}{name}" for name in ("authorizer", "notifications", f"worker-{channel}")}
    until = end
    while page := _page(account, begin, until):
        fresh = {each["EventId"]: each for each in page if each["EventId"] not in found}
        if not fresh:
            break
        for event_id, event in fresh.items():
            counts = event["Username"] in functions and not _is_anothers(event, ours)
            found[event_id] = (event["EventSource"].split(".")[0], _named(event)) if counts else None
        until = min(event["EventTime"] for event in page)
    if len(found) >= _RECORDED:
        raise RuntimeError(f"the emulator keeps {_RECORDED} calls, and there were more: count less traffic at once")
    return Counter(each for each in found.values() if each is not None)


def _is_anothers(event: Mapping[str, Any], ours: Collection[str]) -> bool:
    # What was asked for alone: who asks is named too, and a function may be called as a table is.
    named = json.dumps([json.loads(event["CloudTrailEvent"])["requestParameters"], event["Resources"]])
    return any(each in named for each in _OF_SOMEBODY) and not any(each in named for each in ours)


def _named(event: Mapping[str, str]) -> str:
    """Name an operation; a write of a circuit apart: a provider that fails or recovers is the cause, no delivery."""
    circuit = event["EventName"] == "UpdateItem" and _CIRCUITS in event["CloudTrailEvent"]
    return CIRCUIT_WRITE if circuit else event["EventName"]


def _page(account: Account, begin: float, end: float) -> list[dict[str, Any]]:
    """The latest fifty calls of these, asked for by hand: boto3 cuts times to whole seconds."""
    emulator = account.emulator
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
    }
    body = json.dumps({"StartTime": begin, "EndTime": end, "MaxResults": 50})
    request = AWSRequest("POST", emulator.endpoint_url, data=body, headers=headers)
    credentials = AwsCredentials(emulator.access_key_id, emulator.secret_access_key)
    SigV4Auth(credentials, "cloudtrail", emulator.region).add_auth(request)
    answer = httpx.post(emulator.endpoint_url, content=body, headers=dict(request.headers.items()), timeout=60)
    events: list[dict[str, Any]] = answer.raise_for_status().json()["Events"]
    return events
