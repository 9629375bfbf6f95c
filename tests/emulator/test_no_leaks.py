"""What must stay secret is searched for where it must not be: logs, events, queues, outputs, Pulumi's state and zips.

What is searched for is what the account itself holds: every secret in Secrets Manager, the tokens of this test, and
each address, number, device and url in the tables. That is also of what other tests have done on this platform.
"""

import io
import json
import re
import time
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from os.path import commonprefix
from typing import Any

import pytest

from local.paths import ROOT
from local.platform import Platform
from stacks.compute.packaging import BUILD, Target
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, token
from tests.emulator.test_least_privilege import ADDRESSES, CONTENT

PREFIX = "carillon-local-"
DOCUMENT = ROOT / "docs" / "openapi.json"
SHORTEST = 8
"""What is shorter is found by chance."""
MOST_LINES = 10_000
"""Of one call of FilterLogEvents."""
_PERSONAL = re.compile(r"\+\d{8,15}|[^@\s\"]+@[^@\s\"]+\.[a-z]+|https://\S+|[0-9a-f]{64}")
# Of a provider's credentials, what is no secret: names and places, as the sandbox's own certificates and hosts are.
_PUBLIC = frozenset({"host", "url", "topic", "bundle_id", "client_email", "token_uri", "type", "from", "sender"})

Places = Iterable[tuple[str, str]]


def found_in(places: Places, wanted: Mapping[str, str]) -> set[tuple[str, str]]:
    """Where something is that must not be there: the place, and what it is; never the thing itself."""
    escaped = {json.dumps(value)[1:-1]: what for value, what in wanted.items()}
    every = re.compile(any_of([*wanted, *escaped]))
    said = {**escaped, **wanted}
    return {(place, said[hit]) for place, text in places for hit in every.findall(text)}


def any_of(texts: Sequence[str]) -> str:
    """A regular expression for any of these, the longest first.

    `re` tries one alternative after the other at each letter of megabytes, so what begins alike is one of them.
    """
    common = commonprefix(texts)  # noqa: RUF071 - of texts, as is meant
    rest = sorted({each[len(common) :] for each in texts}, reverse=True)
    if rest == [""]:
        return re.escape(common)
    alike = (list(those) for _, those in groupby(rest, lambda each: each[:1]))
    return f"{re.escape(common)}(?:{'|'.join(map(any_of, alike))})"


# -- what is searched for ----------------------------------------------------------------------------------------------


def secrets(operator: Operator) -> dict[str, str]:
    manager = operator.aws("secretsmanager")
    found: dict[str, str] = {}
    for page in manager.get_paginator("list_secrets").paginate():
        for each in page["SecretList"]:
            value = manager.get_secret_value(SecretId=each["ARN"])["SecretString"]
            found |= dict.fromkeys(leaves(value), f"a part of {each['Name']}")
    return found


def leaves(value: Any, name: str = "") -> Iterator[str]:
    """The parts of a secret, in JSON or plain, that are secret themselves."""
    if isinstance(value, str):
        inside = _parsed(value)
        if inside is not None:
            yield from leaves(inside)
        elif len(value) >= 2 * SHORTEST and name not in _PUBLIC and not value.startswith("https://"):
            yield value
    elif isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else ((name, each) for each in value):
            yield from leaves(each, key)


def _parsed(text: str) -> Any:
    """What is JSON of more than one value; None otherwise."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def examples(node: Any) -> Iterator[str]:
    """The texts that a part of the API's document gives as examples."""
    for name, each in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from strings(each) if name in ("example", "examples") else examples(each)


def personal(operator: Operator) -> dict[str, str]:
    """Every address, number, device and url of anybody in the tables.

    What our own document gives as an example is nobody's: it is in our code, and whoever tries the API stores it.
    """
    nobodys = set(examples(json.loads(DOCUMENT.read_text())))
    found: dict[str, str] = {}
    for table in ("contacts", "devices", "notifications"):
        for page in operator.aws("dynamodb").get_paginator("scan").paginate(TableName=f"{PREFIX}{table}"):
            for item in page["Items"]:
                addressed = [
                    item.get(name) for name in ("email", "phone", "device_tokens", "external_channels", "address")
                ]
                texts = [text for each in addressed if each for text in strings(each)]
                found |= {t: f"an address in {table}" for t in texts if len(t) >= SHORTEST and _PERSONAL.fullmatch(t)}
    return {text: what for text, what in found.items() if text not in nobodys}


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for each in node.values():
            yield from strings(each)
    elif isinstance(node, list):
        for each in node:
            yield from strings(each)
    elif isinstance(node, str):
        yield node


# -- where it is searched for ------------------------------------------------------------------------------------------


def logs(operator: Operator, **named: str) -> Places:
    """All lines of all log groups, or of those with `logGroupNamePrefix`."""
    client = operator.aws("logs")
    for page in client.get_paginator("describe_log_groups").paginate(**named):
        for group in (each["logGroupName"] for each in page["logGroups"]):
            yield from _logged(client, group)


def _logged(client: Any, group: str) -> Places:
    """By time, not by stream: each invocation has one. From the last time on, as the emulator has no second page."""
    begin = 0
    while True:
        events = client.filter_log_events(logGroupName=group, startTime=begin, limit=MOST_LINES)["events"]
        yield from ((f"log {group}", event["message"]) for event in events)
        if len(events) < MOST_LINES:
            return
        assert events[-1]["timestamp"] > begin
        begin = events[-1]["timestamp"]


def queued(operator: Operator, name: str) -> Places:
    """The bodies and attributes of what is in a queue, all of it, left there."""
    sqs = operator.aws("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, MessageAttributeNames=["All"]
    ).get("Messages"):
        yield from ((f"queue {name}", json.dumps([each["Body"], each.get("MessageAttributes")])) for each in messages)


def queues(operator: Operator) -> Places:
    for url in operator.aws("sqs").list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", []):
        name = url.rsplit("/", 1)[-1]
        if name.endswith(("-dlq", "-quarantine")):  # others are emptied by their workers, and seen in the copy
            yield from queued(operator, name)


def zipped(operator: Operator) -> Places:
    """Every file of every zip, as it was uploaded, and the variables beside it. What several have is read once."""
    seen: set[tuple[str, int]] = set()
    for path in sorted((BUILD / Target.MACHINE).glob("*.zip")):
        yield from files(path.name, path.read_bytes(), seen)
    for page in operator.aws("lambda").get_paginator("list_functions").paginate():
        yield from ((f"variables of {each['FunctionName']}", json.dumps(each)) for each in page["Functions"])


def files(name: str, content: bytes, seen: set[tuple[str, int]]) -> Places:
    """The files of a zip, but those `seen` by their name and checksum; they are then."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        for each in opened.infolist():
            # Tables, without a word of ours.
            is_table = each.filename.startswith(("phonenumbers/", "tzdata/", "babel/"))
            if not is_table and (each.filename, each.CRC) not in seen:
                seen.add((each.filename, each.CRC))
                yield f"zip {name}: {each.filename}", opened.read(each).decode("utf-8", "replace")


def stacked(platform: Platform) -> Places:
    yield "outputs", json.dumps(dict(platform.outputs), default=str)
    yield "Pulumi's state", (platform.directory / "run" / "state.json").read_text()


@contextmanager
def copied(operator: Operator) -> Iterator[str]:
    """A queue that gets a copy of each event, for as long."""
    name = f"{PREFIX}copy-{uuid.uuid4().hex[:8]}"
    events, sqs = operator.aws("events"), operator.aws("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = next(each["Name"] for each in events.list_event_buses()["EventBuses"] if each["Name"].startswith("carillon"))
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "copy", "Arn": arn}])
    try:
        yield name
    finally:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["copy"])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=url)


def used(producer: Producer, operator: Operator) -> dict[str, str]:
    """Send on every channel, to somebody whose provider refuses as well, and give the redriver what it cannot read."""
    bearer = token(producer.app_key, producer.app_secret)
    refused = token(producer.app_key, "x" * 64)
    assert producer.call("GET", "/v1/contacts/nobody", bearer=refused).status_code == 401
    ids = []
    for channel, address in ADDRESSES.items():
        user = producer.contact(**address())
        body = {"category": "payment", "channels": [channel], "content": CONTENT, "to": [{"user_id": user}]}
        ids.append(producer.send(body, bearer=bearer).json()["notification_id"])
    direct = {"category": "payment", "content": CONTENT, "to": [{"email": f"{uuid.uuid4().hex}@example.com"}]}
    ids.append(producer.send(direct, bearer=bearer).json()["notification_id"])
    bad = producer.send({**direct, "to": [{"email": "leak.of.a.person@example"}]}, bearer=bearer)
    assert bad.status_code == 400
    for notification_id in ids:
        producer.until_final(notification_id)
    return {bearer: "a token", refused: "a refused token", "leak.of.a.person@example": "a refused address"}


def test_no_secret_and_nobody_is_found_where_they_must_not_be(
    producer: Producer, operator: Operator, platform: Platform
) -> None:
    with copied(operator) as copy:
        tokens = used(producer, operator)
        wanted = {**personal(operator), **secrets(operator), **tokens}
        assert {what.split()[0] for what in wanted.values()} == {"a", "an"}
        assert len(wanted) > 10
        events = list(queued(operator, copy))
        assert len(events) >= len(ADDRESSES)
        assert found_in(events, wanted) == set()
    assert found_in(logs(operator), wanted) == set()
    assert found_in(queues(operator), wanted) == set()
    assert found_in(zipped(operator), wanted) == set()
    assert found_in(stacked(platform), wanted) == set()


def test_an_example_of_our_document_is_nobodys_and_an_address_is_somebodys(
    producer: Producer, operator: Operator
) -> None:
    real = f"ada.{uuid.uuid4().hex}@example.com"
    producer.contact(email=real, phone="+442079460123")
    producer.contact(email="ada@example.com")
    wanted = personal(operator)
    assert not {"ada@example.com", "+442079460123"} & wanted.keys()
    assert found_in([("a log", f"to {real}, not to ada@example.com")], wanted) == {("a log", "an address in contacts")}


def test_a_leak_that_is_planted_is_found(producer: Producer, operator: Operator) -> None:
    wanted, group = secrets(operator), f"/planted/{uuid.uuid4().hex}"
    secret = next(iter(wanted))
    client = operator.aws("logs")
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    try:
        line = json.dumps({"message": f"refused: {secret}"})
        event = {"timestamp": round(1000 * time.time()), "message": line}
        client.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])
        assert found_in(logs(operator, logGroupNamePrefix=group), wanted) == {(f"log {group}", wanted[secret])}
    finally:
        client.delete_log_group(logGroupName=group)


def test_what_begins_alike_is_found_whole() -> None:
    wanted = {each: each for each in ("a@b.com", "a@b.community", "a+b@b.com", "z")}
    places = [(each, f"<{each}>") for each in wanted]
    assert found_in([*places, ("none", "a@b.co")], wanted) == {(each, each) for each in wanted}


@pytest.mark.parametrize("secret", ["abcdefghijklmnop", 'with "quotes"\nand lines'])
def test_a_leak_is_found_in_a_zip_and_in_json(secret: str) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("handlers/config.py", f"KEY = '''{secret}'''")
        opened.writestr("handlers/clean.py", "KEY = None")
    assert found_in(files("a.zip", made.getvalue(), set()), {secret: "it"}) == {("zip a.zip: handlers/config.py", "it")}
    assert found_in([("event", json.dumps({"detail": secret}))], {secret: "it"}) == {("event", "it")}
