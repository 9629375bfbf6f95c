"""Measures what the functions ask of AWS, on a running platform: each in a process of its own, one request at a time.

Their own code, their own environment variables, real tables and buckets, the providers' sandbox. The bus is one that
leads nowhere: what they publish is handed to the worker here, in batches of a known size, so that counts are exact.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import boto3

from bench import cost_counts as counts
from bench import cost_requests as requests
from bench.cost_counts import Called, Result, more_bytes
from bench.cost_stream import Stream
from handlers.adapters.aws.dynamo import delete_all, typed
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain import channels
from local.paths import ROOT
from local.platform import Platform
from ops.client import Client, Credentials
from ops.cost.measured import Case, Content, Path_

CHANNELS: Final = tuple(sorted(channels.CHANNELS))
CONTENTS: Final[tuple[Content, ...]] = ("inline", "template")
MANY: Final = 100
"""Recipients of one request, on e-mail: to accept them costs the same on every channel."""
BATCHES: Final = (1, 10)
PAYLOAD_BYTES: Final = 200
TEMPLATE_BYTES: Final = 400
_WRITES: Final = 3
"""Of one delivery: it is accepted, claimed and sent. Each is a record of the log's stream."""
_EVENT_OVERHEAD_BYTES: Final = 26  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
# Remembered for a time, so once in seconds or a minute for each execution environment, and not once for a delivery.
_REMEMBERED: Final = {"secretsmanager:GetSecretValue"}


class Function:
    """A function in a process of its own. A context manager."""

    def __init__(self, name: str, handler: str, environment: Mapping[str, str]) -> None:
        self._name = name
        module = handler.rpartition(".")[0]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.invocation", module, f"carillon-prod-{name}"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, event: Any, *, watch: bool = True) -> Result:
        """Invoke it. Raises RuntimeError when it has died."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        process.stdin.write(json.dumps({"event": event, "watch": watch}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with exit code {process.wait()}")
        return Result(**json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._process as process:
            process.terminate()


@dataclass
class Stage:
    """The functions, users and templates that are measured with. `times` is how often processor time is taken."""

    functions: Mapping[str, Function]
    client: Client
    credentials: Credentials
    limits_table: str
    users: Sequence[str]
    times: int
    log: Stream
    metrics: set[str] = field(default_factory=set)

    def case(
        self,
        path: Path_,
        watched: Result,
        others: Iterable[Result] = (),
        more: Mapping[str, Result] | None = None,
        **about: Any,
    ) -> Case:
        """Return the case of an invocation that was watched; `others` were not, and give the processor time."""
        calls = self._counted(watched)
        self.metrics |= set(counts.metrics(watched.log))
        grown = {what: self._counted(result) for what, result in (more or {}).items()}
        lines = watched.log.splitlines()
        return Case(
            path=path,
            calls=dict(sorted(Counter(counts.name(call) for call in calls).items())),
            reads=counts.reads(calls, grown, about["channel"]),
            writes=counts.writes(calls, grown, about["channel"]),
            events=len(watched.events()),
            event_bytes=sum(counts.entry_bytes(entry) for entry in watched.events()),
            log_bytes=sum(len(line.encode()) + _EVENT_OVERHEAD_BYTES for line in lines),
            log_lines=len(lines),
            cpu_ms=round(statistics.median([each.cpu_ms for each in others] or [0.0]), 1),
            **about,
        )

    def _counted(self, result: Result) -> list[Called]:
        failed = [call for call in result.calls if call["status"] >= 300]
        if failed:
            raise RuntimeError(f"calls that failed: {failed}")
        return [
            call for call in result.calls if counts.name(call) not in _REMEMBERED and not self._is_of_providers(call)
        ]

    def _is_of_providers(self, call: Called) -> bool:
        """Say whether it is the read, every five seconds, of which providers are on."""
        return {read["table"] for read in call["reads"]} == {self.limits_table}


@contextmanager
def stage(platform: Platform, of: Sequence[str] = CHANNELS, times: int = 0) -> Iterator[Stage]:
    """What a measurement needs of a running platform, with a process for each function."""
    emulator, local = platform.emulator, platform.local
    session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
    bus = f"measured-{uuid.uuid4().hex[:8]}"
    session.client("events", endpoint_url=emulator.endpoint_url).create_event_bus(Name=bus)
    lambdas = session.client("lambda", endpoint_url=emulator.endpoint_url)
    dynamodb, tables = session.client("dynamodb", endpoint_url=emulator.endpoint_url), platform.outputs["tableNames"]
    log = Stream(session, emulator.endpoint_url, tables["notifications"])
    # The platform's own observer has counted already what this one is to count.
    books = _books_like(dynamodb, platform)
    own = {"notifications": {"CARILLON_EVENT_BUS": bus}, "observer": {"CARILLON_STATS_TABLE": books}}
    names = ("authorizer", "notifications", "observer", "tracking", *(f"worker-{channel}" for channel in of))
    credentials = Credentials(local.app_key, local.app_secret)

    def function(name: str) -> Function:
        configured = lambdas.get_function_configuration(FunctionName=f"carillon-local-{name}")
        environment = {
            "AWS_ACCESS_KEY_ID": emulator.access_key_id,
            "AWS_SECRET_ACCESS_KEY": emulator.secret_access_key,
            "AWS_REGION": emulator.region,
            "AWS_DEFAULT_REGION": emulator.region,
            "AWS_ENDPOINT_URL": emulator.endpoint_url,
            **configured["Environment"]["Variables"],
            **own.get(name, {}),
        }
        return Function(name, configured["Handler"], environment)

    with ExitStack() as stack:
        functions = {name: stack.enter_context(function(name)) for name in names}
        client = stack.enter_context(Client(local.api_url, credentials))
        prefix = uuid.uuid4().hex[:8]
        users = [f"cost-{prefix}-{number:03}" for number in range(MANY)]
        for user in users:
            client.put_contact(user, requests.contact(user))
        stack.callback(_forget, dynamodb, tables["notifications"], f"cost-{prefix}-")
        yield Stage(functions, client, credentials, tables["limits"], users, times, log)


def _forget(dynamodb: Any, notifications: str, users: str) -> None:
    """Take the deliveries of these users out of the log: most were only accepted, and the sweeper would send them."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=notifications,
        FilterExpression="begins_with(user_id, :users)",
        ProjectionExpression="notification_id, #item",
        ExpressionAttributeNames={"#item": "item"},
        ExpressionAttributeValues=typed({":users": users}),
    )
    delete_all(dynamodb, notifications, [key for page in pages for key in page["Items"]], SideBySide())


def _books_like(dynamodb: Any, platform: Platform) -> str:
    """Make a table as that of the statistics is, with nothing in it, and return its name."""
    like = dynamodb.describe_table(TableName=platform.outputs["tableNames"]["stats"])["Table"]
    name = f"measured-{uuid.uuid4().hex[:8]}-stats"
    indexes = [
        {part: index[part] for part in ("IndexName", "KeySchema", "Projection")}
        for index in like["GlobalSecondaryIndexes"]
    ]
    dynamodb.create_table(
        TableName=name,
        KeySchema=like["KeySchema"],
        AttributeDefinitions=like["AttributeDefinitions"],
        GlobalSecondaryIndexes=indexes,
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def measure(stage: Stage, of: Sequence[str] = CHANNELS) -> Iterator[Case]:
    """Measure every case of these channels, in a fixed order."""
    yield admission(stage)
    for channel in of:
        for content in CONTENTS:
            for number in (1, MANY) if channel == "email" else (1,):
                yield from path(stage, channel, content, number)
    yield from tracking(stage)
    yield from observation(stage)


def admission(stage: Stage) -> Case:
    """The authorizer, of a token that it has not seen."""
    arn = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/live/POST/v1/notifications"
    function = stage.functions["authorizer"]

    def admit(*, watch: bool) -> Result:
        token = f"Bearer {stage.credentials.token()}"
        return function.call({"type": "TOKEN", "authorizationToken": token, "methodArn": arn}, watch=watch)

    admit(watch=False)
    plain = [admit(watch=False) for _ in range(stage.times)]
    return stage.case("admit", admit(watch=True), plain, channel="any", content="inline", recipients=1, batch=1)


def path(stage: Stage, channel: str, content: Content, recipients: int) -> Iterator[Case]:
    """A request and what becomes of it: accepted once, sent in batches of every size."""
    about: dict[str, Any] = {"channel": channel, "content": content, "recipients": recipients}
    ask = Asking(stage, channel, content, recipients)
    send = stage.functions[f"worker-{channel}"]
    for _ in range(2):  # what is remembered from then on
        send.call(requests.batch(ask().events()[:1]), watch=False)
    accepted, grown = ask(), {what: ask(what) for what in ask.variations}
    plain = [ask(watch=False) for _ in range(stage.times)]
    yield stage.case("accept", accepted, plain, grown, batch=recipients, **about)
    first = (
        requests.batch(accepted.events()[:1]),
        {what: requests.batch(each.events()[:1]) for what, each in grown.items()},
    )
    alone = send.call(first[0])
    longer = {what: send.call(batch) for what, batch in first[1].items()}
    stored = counts.stored(accepted, alone, grown, longer, recipients, channel)
    for size in BATCHES:
        if size > 1:
            alone = send.call(requests.batch(ask.events(size)))
            longer = {what: send.call(requests.batch(ask.events(size, what))) for what in ask.variations}
        plain = [send.call(requests.batch(ask.events(size)), watch=False) for _ in range(stage.times)]
        _require_sent(alone)
        yield stage.case("send", alone, plain, longer, batch=size, stored=stored, **about)


def tracking(stage: Stage) -> Iterator[Case]:
    """A mail that is opened, then a link in it that is followed."""
    ask, function = Asking(stage, "email", "inline", 1), stage.functions["tracking"]
    for turn in range(2):
        sent = stage.functions["worker-email"].call(requests.batch(ask().events()))
        [mail] = [call["parameters"] for call in sent.calls if call["service"] == "sesv2"]
        told = {purpose: _follow(function, mail, purpose) for purpose in ("o", "c")}
        if turn:  # the first asks for the key of links
            about: dict[str, Any] = {"channel": "email", "content": "inline", "recipients": 1, "batch": 1}
            yield stage.case("open", told["o"], [told["o"]], **about)
            yield stage.case("click", told["c"], [told["c"]], **about)


def observation(stage: Stage) -> Iterator[Case]:
    """What the observer makes of deliveries that were accepted and sent, as many at once as a worker gets."""
    ask, function = Asking(stage, "email", "inline", 1), stage.functions["observer"]

    def follow(size: int, *, watch: bool) -> Result:
        with stage.log.watched() as written:
            events = ask.events(size)
            stage.functions["worker-email"].call(requests.batch(events), watch=False)
        records = written({json.loads(event["Detail"])["notification_id"] for event in events})
        if len(records) != _WRITES * size:
            raise RuntimeError(f"{len(records)} records of {size} deliveries")
        return function.call({"Records": records}, watch=watch)

    follow(1, watch=False)
    for size in BATCHES:
        plain = [follow(size, watch=False) for _ in range(stage.times)]
        about: dict[str, Any] = {"channel": "email", "content": "inline", "recipients": 1, "batch": size}
        yield stage.case("observe", follow(size, watch=True), plain, **about)


class Asking:
    """Requests of one kind, each new; `ask("payload")` has a longer payload than `ask()`."""

    def __init__(self, stage: Stage, channel: str, content: Content, recipients: int) -> None:
        self._stage, self._channel, self._content, self._recipients = stage, channel, content, recipients
        self.variations = ("payload",) if content == "inline" else ("payload", "template")
        self._templates = self._store_templates() if content == "template" else {}

    def __call__(self, what: str | None = None, *, watch: bool = True) -> Result:
        """Ask, with a longer payload or template if either is named. Raises RuntimeError unless it is accepted."""
        to = [{"user_id": user} for user in self._stage.users[: self._recipients]]
        body = {"category": "payment", "channels": [self._channel], "to": to, **self._message(what)}
        result = self._stage.functions["notifications"].call(requests.post(body, self._stage.credentials), watch=watch)
        if result.answer["statusCode"] != 202:
            raise RuntimeError(f"not accepted: {result.answer}")
        if watch and not result.events():
            raise RuntimeError("nothing was published, or its clients are not those of boto3's default session")
        return result

    def events(self, number: int, what: str | None = None) -> list[dict[str, Any]]:
        """Return so many events of new deliveries."""
        events: list[dict[str, Any]] = []
        while len(events) < number:
            events += self(what).events()
        return events[:number]

    def _message(self, what: str | None) -> dict[str, Any]:
        size = PAYLOAD_BYTES + (more_bytes("payload", self._channel) if what == "payload" else 0)
        if self._content == "inline":
            return {"content": requests.content(self._channel, size)}
        return {"template": self._templates[what == "template"], "data": {"text": requests.text(size)}}

    def _store_templates(self) -> dict[bool, str]:
        """Return the name of a template by whether it is the longer one; both names have the same length."""
        names = {longer: f"cost-{uuid.uuid4().hex[:8]}" for longer in (False, True)}
        for longer, name in names.items():
            size = TEMPLATE_BYTES + (more_bytes("template", self._channel) if longer else 0)
            content = requests.content(self._channel, size - len("{{ text }}"), "{{ text }}")
            self._stage.client.put_template(name, self._channel, "default", content)
        return names


def _follow(function: Function, mail: Any, purpose: str) -> Result:
    token = re.search(rf"/t/{purpose}/([\w.-]+)", json.dumps(mail))
    if token is None:
        raise RuntimeError("the mail has no such link")
    path = f"/t/{purpose}/{token[1]}"
    event = {**requests.event("GET", f"/t/{purpose}/{{token}}", path, {}), "pathParameters": {"token": token[1]}}
    return function.call(event)


def _require_sent(result: Result) -> None:
    if result.answer["batchItemFailures"]:
        raise RuntimeError(f"not sent: {result.log}")
