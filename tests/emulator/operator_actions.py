"""What an operator with root credentials can do to the platform: look inside, hold it back, break and mend it."""

import json
import re
import secrets
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx

from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.devices import device_key
from handlers.domain.times import rfc3339
from handlers.domain.webhooks import StatusChanged
from local import proof
from local.platform import Platform
from tests.emulator.producer import until

Clients = Callable[[str], Any]
Statement = dict[str, Any]


class CommandLine(Protocol):
    """`carillon …`: given the words, and what stdin holds, what it prints."""

    def __call__(self, *words: str, stdin: str | None = None) -> str: ...


def _circuits(channel: str) -> dict[str, Any]:
    """Return the key of what a channel's workers know of its providers."""
    return {"id": {"S": f"providers#{channel}"}}


def _published_all(swept: dict[str, Any]) -> bool:
    return "FunctionError" not in swept and bool(re.search(r'"message":"swept".*"refused":0\b', swept["LogResult"]))


class Operator:
    """The platform seen from inside its account."""

    def __init__(self, platform: Platform, aws: Clients) -> None:
        self.platform, self.aws = platform, aws
        self._tables: dict[str, str] = platform.outputs["tableNames"]

    def function_name(self, function: str) -> str:
        return f"carillon-local-{function}"

    # -- the log ---------------------------------------------------------------------------------------------------

    def delivery(self, notification_id: str, delivery_id: str) -> dict[str, Any]:
        """A delivery as it lies in the table, in DynamoDB's own typed form."""
        key = self._delivery_key(notification_id, delivery_id)
        item: dict[str, Any] = self.aws("dynamodb").get_item(TableName=self._tables["notifications"], Key=key)["Item"]
        return item

    def stored_deliveries_of(self, user_id: str) -> list[dict[str, Any]]:
        values = {":u": {"S": user_id}}
        return self._all("scan", "notifications", FilterExpression="user_id = :u", ExpressionAttributeValues=values)

    def _all(self, operation: str, table: str, **arguments: Any) -> list[dict[str, Any]]:
        """The items of all pages: a page is 1 MB, and a platform that other tests have used has more."""
        pages = self.aws("dynamodb").get_paginator(operation).paginate(TableName=self._tables[table], **arguments)
        return [item for page in pages for item in page["Items"]]

    def put_item(self, table: str, item: dict[str, Any]) -> None:
        """Put an item, in DynamoDB's own typed form."""
        self.aws("dynamodb").put_item(TableName=self._tables[table], Item=item)

    def make_due(self, notification_id: str, delivery_id: str) -> None:
        """Let the delivery's time for the sweeper be now, as if the minutes had passed."""
        self.aws("dynamodb").update_item(
            TableName=self._tables["notifications"],
            Key=self._delivery_key(notification_id, delivery_id),
            UpdateExpression="SET due_at = :past",
            ConditionExpression="attribute_exists(due_at)",
            ExpressionAttributeValues={":past": {"S": "2000-01-01T00:00:00.000Z"}},
        )

    def forget_pass(self) -> None:
        """Let no pass of erasing through the log be under way, or have taken so long that the next one rests."""
        key = {"notification_id": {"S": "erasure"}, "item": {"S": "pass"}}
        self.aws("dynamodb").delete_item(TableName=self._tables["notifications"], Key=key)

    def set_in_delivery(self, notification_id: str, delivery_id: str, name: str, value: str | None) -> None:
        """Let an attribute of the delivery have another value, or none, as somebody with a console would."""
        change = "REMOVE #name" if value is None else "SET #name = :value"
        self.aws("dynamodb").update_item(
            TableName=self._tables["notifications"],
            Key=self._delivery_key(notification_id, delivery_id),
            UpdateExpression=change,
            ExpressionAttributeNames={"#name": name},
            **({} if value is None else {"ExpressionAttributeValues": {":value": {"S": value}}}),
        )

    def items(self, notification_id: str) -> list[dict[str, Any]]:
        """All that the log holds of a notification, in DynamoDB's own typed form."""
        return self._all(
            "query",
            "notifications",
            KeyConditionExpression="notification_id = :id",
            ExpressionAttributeValues={":id": {"S": notification_id}},
            ConsistentRead=True,
        )

    def leave_behind(self, notification_id: str, like: dict[str, Any], number: int = 1) -> None:
        """Leave what an acceptance does that dies half way: deliveries like this one, due, of no notification."""
        acceptance = str(uuid.uuid4())
        for _ in range(number):
            delivery_id = str(uuid.uuid4())
            ids = {"notification_id": notification_id, "event_id": str(uuid.uuid4())}
            marks = {"due_shard": "email#0", "due_at": "2000-01-01T00:00:00.000Z", "acceptance": acceptance}
            texts = {**ids, **marks, "item": f"delivery#{delivery_id}"}
            item = {**like, **{name: {"S": text} for name, text in texts.items()}}
            self.aws("dynamodb").put_item(TableName=self._tables["notifications"], Item=item)

    def _delivery_key(self, notification_id: str, delivery_id: str) -> dict[str, Any]:
        item = "notification" if delivery_id == notification_id else f"delivery#{delivery_id}"
        return {"notification_id": {"S": notification_id}, "item": {"S": item}}

    # -- settings --------------------------------------------------------------------------------------------------

    def opt_out(self, user_id: str, category: str, channel: str = "email") -> None:
        categories = {"M": {category: {"M": {channel: {"BOOL": False}}}}}
        self.aws("dynamodb").put_item(
            TableName=self._tables["settings"], Item={"user_id": {"S": user_id}, "categories": categories}
        )

    # -- devices ---------------------------------------------------------------------------------------------------

    def let_belong(self, device: dict[str, str], user_id: str) -> None:
        """Let a device belong to a user who does not have it, as a restore of one table alone would."""
        key = device_key(device["platform"], device["deviceToken"])
        item = {"token": {"S": key}, "user_id": {"S": user_id}}
        self.aws("dynamodb").put_item(TableName=self._tables["devices"], Item=item)

    def owners_of(self, devices: list[dict[str, str]]) -> list[str | None]:
        """The user to whom each of the devices belongs."""
        items = self._all("scan", "devices", ConsistentRead=True)
        owners = {item["token"]["S"]: item["user_id"]["S"] for item in items}
        return [owners.get(device_key(each["platform"], each["deviceToken"])) for each in devices]

    # -- functions -------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Sweep as the minutes do: again, if not all that was due was published, as the bus was busy or the time up."""
        until(self.try_to_sweep, _published_all)

    def try_to_sweep(self) -> dict[str, Any]:
        """Run the sweeper once; the answer of Lambda, with the end of its log."""
        answer: dict[str, Any] = self.aws("lambda").invoke(
            FunctionName=self.function_name("sweeper"), Qualifier="live", LogType="Tail", Payload=b"{}"
        )
        return answer | {"LogResult": b64decode(answer["LogResult"]).decode()}

    def event_of(self, notification_id: str, delivery_id: str) -> str:
        """The event that asks for a delivery, as the bus puts it into a queue."""
        item = {name: value.get("S") for name, value in self.delivery(notification_id, delivery_id).items()}
        always = ("event_id", "notification_id", "category", "channel", "app_key")
        named = (*always, "user_id", "address_key", "digest_id", "priority")
        event = DeliveryRequested.of(
            {"delivery_id": delivery_id, **{name: item[name] for name in named if name in item}}
        )
        whole = {"detail-type": event.detail_type, "resources": [event.app_key], "detail": json.loads(event.detail())}
        return json.dumps(whole)

    def redrive(self, channel: str, body: str) -> str:
        """Let a channel's redriver take this message, and say what became of it."""
        message_id, _ = self._take(f"redriver-{channel}", f"{channel}-dlq", body)
        return until(lambda: self._fates(channel, message_id), bool)[0]

    def deliver(self, channel: str, body: str) -> bool:
        """Let a channel's worker take this message, and say whether it is done with it."""
        lane = f"{channel}-high" if "priority" in json.loads(body)["detail"] else channel
        _, answer = self._take(f"worker-{channel}", lane, body)
        return bool(answer == {"batchItemFailures": []})

    def _take(self, function: str, queue: str, body: str) -> tuple[str, Any]:
        """Give a function a message as its queue does, without one: the message's id, and what is answered."""
        message_id = str(uuid.uuid4())
        record = {"messageId": message_id, "receiptHandle": message_id, "body": body, "eventSource": "aws:sqs"}
        record["eventSourceARN"] = f"arn:aws:sqs:{self.platform.emulator.region}:000000000000:carillon-local-{queue}"
        answer = self.aws("lambda").invoke(
            FunctionName=self.function_name(function),
            Qualifier="live",
            Payload=json.dumps({"Records": [{**record, "attributes": {}, "messageAttributes": {}}]}),
        )
        return message_id, json.loads(answer["Payload"].read())

    def _fates(self, channel: str, message_id: str) -> list[str]:
        lines = (line for line in self.logged(f"redriver-{channel}", message_id).splitlines() if message_id in line)
        return [json.loads(line)["fate"] for line in lines if '"fate"' in line]

    def tell_closed(self, channel: str) -> None:
        """Tell the sweeper that a circuit of a channel has closed, as a worker does."""
        self.aws("dynamodb").update_item(
            TableName=self._tables["limits"],
            Key=_circuits(channel),
            UpdateExpression="SET closed_at = :now",
            ExpressionAttributeValues={":now": {"S": "2030-01-31T12:00:00.000Z"}},
        )

    def is_told_closed(self, channel: str) -> bool:
        key = _circuits(channel)
        item = self.aws("dynamodb").get_item(TableName=self._tables["limits"], Key=key, ConsistentRead=True)["Item"]
        return "closed_at" in item

    def alerts(self) -> list[dict[str, Any]]:
        """What was told on the alert topic."""
        found: list[dict[str, Any]] = httpx.get(f"{self.platform.local.inbox_url}/api/alerts").raise_for_status().json()
        return found

    def count_for_alert(self, channel: str, cause: str) -> None:
        """Count a delivery for an alert as the channel's functions do, and let nobody have been told of any."""
        self.aws("dynamodb").update_item(
            TableName=self._tables["limits"],
            Key=_circuits(channel),
            UpdateExpression="ADD #total :one SET #last = :last REMOVE #alert",
            ExpressionAttributeNames={"#total": f"count#{cause}", "#last": f"last#{cause}", "#alert": f"alert#{cause}"},
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":last": {"M": {"at": {"S": rfc3339(datetime.now(UTC))}, "why": {"S": "unavailable"}}},
            },
        )

    def counted_for_alert(self, channel: str, cause: str) -> int:
        """How many were counted for an alert so far."""
        key = _circuits(channel)
        answer = self.aws("dynamodb").get_item(TableName=self._tables["limits"], Key=key, ConsistentRead=True)
        return int(answer.get("Item", {}).get(f"count#{cause}", {"N": "0"})["N"])

    @contextmanager
    def unswept(self) -> Iterator[None]:
        """Let no minute invoke the sweeper; schedules still do."""
        events, rule = self.aws("events"), self.function_name("sweeper")
        events.disable_rule(Name=rule)
        try:
            yield
        finally:
            events.enable_rule(Name=rule)

    @contextmanager
    def unrouted(self, channel: str = "email") -> Iterator[None]:
        """Let what is published for a channel reach no queue."""
        events, bus = self.aws("events"), self.platform.outputs["busName"]
        rules = (f"carillon-local-{channel}", f"carillon-local-{channel}-high")
        for rule in rules:
            events.disable_rule(Name=rule, EventBusName=bus)
        try:
            yield
        finally:
            for rule in rules:
                events.enable_rule(Name=rule, EventBusName=bus)

    def schedules(self, notification_id: str) -> list[dict[str, Any]]:
        """The schedules that a notification's deliveries wait for."""
        found: list[dict[str, Any]] = self.aws("scheduler").list_schedules(
            GroupName="carillon-local", NamePrefix=notification_id
        )["Schedules"]
        return found

    def publish_again(self, notification_id: str, delivery_id: str) -> None:
        """Put the delivery's event on the bus once more, as a replay or an at-least-once bus would."""
        item = self.delivery(notification_id, delivery_id)
        named = ("event_id", "notification_id", "user_id", "digest_id")
        detail = {name: item[name]["S"] for name in named if name in item}
        detail["delivery_id"] = delivery_id
        entry = {
            "Source": "payment_request_event",
            "DetailType": f"{item['category']['S']}_notification_{item['channel']['S']}",
            "Resources": [item["app_key"]["S"]],
            "Detail": json.dumps(detail),
            "EventBusName": self.platform.outputs["busName"],
        }
        assert self.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def delete_template(self, name: str, channel: str = "") -> None:
        """Delete every version of a template, as the bucket does with those that were replaced long ago."""
        bucket = self.platform.outputs["templateBucket"]
        found = self.aws("s3").list_object_versions(Bucket=bucket, Prefix=f"templates/{name}/{channel}")
        for each in found.get("Versions", []):
            self.aws("s3").delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])

    def forget_languages(self, name: str, channel: str = "email") -> None:
        """Let the template be one that was stored before there was a table of templates' languages."""
        key = {"folder": {"S": f"templates/{name}/{channel}/"}}
        self.aws("dynamodb").delete_item(TableName=self._tables["templates"], Key=key)

    @contextmanager
    def paused_worker(self, channel: str = "email") -> Iterator[None]:
        """Hold the channel's worker back: its queue fills, nothing is sent."""
        client = self.aws("lambda")
        mappings = client.list_event_source_mappings()["EventSourceMappings"]
        [mapping] = [m["UUID"] for m in mappings if m["EventSourceArn"].endswith(f"-{channel}")]
        client.update_event_source_mapping(UUID=mapping, Enabled=False)
        try:
            yield
        finally:
            client.update_event_source_mapping(UUID=mapping, Enabled=True)

    def logged(self, function: str, text: str = "") -> str:
        """All the lines so far in which the function has logged this text.

        The emulator finds the first 10,000 lines and never a second page, so who looks for something names it.
        """
        pages = self.aws("logs").get_paginator("filter_log_events")
        found = pages.paginate(
            logGroupName=f"/aws/lambda/{self.function_name(function)}", filterPattern=f'"{text}"' if text else ""
        )
        return "\n".join(event["message"] for page in found for event in page["events"])

    def until_logged(self, function: str, text: str, times: int = 1) -> str:
        return until(lambda: self.logged(function, text), lambda log: log.count(text) >= times)

    def times_logged(self, function: str, text: str) -> int:
        """How often the function has logged this text so far."""
        return self.logged(function, text).count(text)

    def worker_results(self, delivery_id: str, channel: str = "email") -> list[str]:
        """What the channel's worker said came of the delivery, attempt by attempt: `sent`, `retry`, `dropped`, …"""
        lines = (line for line in self.logged(f"worker-{channel}", delivery_id).splitlines() if delivery_id in line)
        return [json.loads(line)["result"] for line in lines if '"result"' in line]

    def until_worker_results(self, delivery_id: str, channel: str = "email", times: int = 1) -> list[str]:
        """The same once it is said: a status is in the log of deliveries before the invocation ends that wrote it."""
        return until(lambda: self.worker_results(delivery_id, channel), lambda found: len(found) >= times)

    # -- providers -------------------------------------------------------------------------------------------------

    @contextmanager
    def fault(self, provider: str, mode: str, **more: Any) -> Iterator[None]:
        """Let a provider in the sandbox fail at every call: `outage`, `throttle`, `timeout`, `reject`.

        Afterwards no circuit is open any more, to whoever reads the table again.
        """
        url = f"{self.platform.local.inbox_url}/api/faults/{provider}"
        httpx.put(url, json={"mode": mode, "rate": 1, **more}).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(url).raise_for_status()
            for channel in self.platform.outputs["queueUrls"]:
                key = _circuits(channel)
                self.aws("dynamodb").delete_item(TableName=self._tables["limits"], Key=key)

    def end_cool_downs(self, channel: str) -> None:
        """Let it be time to try the providers of a channel again whose circuits are open, as if it had passed."""
        table, key = self._tables["limits"], _circuits(channel)
        circuits = self.aws("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["circuits"]
        for circuit in circuits["M"].values():
            circuit["M"] |= {"probe_at": {"S": "2000-01-01T00:00:00.000Z"}} if "probe_at" in circuit["M"] else {}
        self.aws("dynamodb").update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET circuits = :circuits",
            ExpressionAttributeValues={":circuits": circuits},
        )
        self.start_afresh(f"worker-{channel}")  # it remembers circuits for some seconds

    def count_failure(self, channel: str, provider: str) -> None:
        """Let a provider have failed once, so that its next answer is written down by every environment that knows."""
        self.aws("dynamodb").update_item(
            TableName=self._tables["limits"],
            Key=_circuits(channel),
            UpdateExpression="SET circuits = :circuits",
            ExpressionAttributeValues={":circuits": {"M": {provider: {"M": {"failures": {"N": "1"}}}}}},
        )
        self.start_afresh(f"worker-{channel}")  # it remembers circuits for some seconds

    # -- apps ------------------------------------------------------------------------------------------------------

    @contextmanager
    def app(self, categories: list[str], channels: list[str], **rate: int) -> Iterator[tuple[str, str]]:
        """Let there be an app with these scopes, and a `rate` and `burst` if it is to have any; its key and secret."""
        key, secret = f"app-{uuid.uuid4().hex[:8]}", secrets.token_urlsafe(32)
        value = {"secrets": [secret], "categories": categories, "channels": channels, **rate}
        manager = self.aws("secretsmanager")
        arn = manager.create_secret(Name=f"carillon/local/apps/{key}", SecretString=json.dumps(value))["ARN"]
        try:
            yield key, secret
        finally:
            manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    def use_up_rate(self, app_key: str) -> None:
        """Let an app have called as often as it may for the next minute, as if it had done so this moment."""
        taken = datetime.now(UTC) + timedelta(minutes=1)
        self.put_item("limits", {"id": {"S": f"app#{app_key}"}, "taken": {"N": str(round(taken.timestamp() * 10**6))}})

    # -- webhooks --------------------------------------------------------------------------------------------------

    @contextmanager
    def webhook(self, app_key: str) -> Iterator[Callable[[], bool]]:
        """Let an app have a webhook whose endpoint knows no secret, so it refuses all; lend whether that was noted."""
        table, key = self._tables["limits"], {"id": {"S": f"webhook#{app_key}"}}
        # A host of its own: what has just refused somebody else's is left alone for a while.
        url = {"url": {"S": f"https://{app_key}.example.com/status"}}
        self.put_item("limits", {**key, **url, "version": {"N": "1"}, "statuses": {"L": []}})

        def is_noted() -> bool:
            found = self.aws("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
            return "failing_since" in found["Item"]

        try:
            yield is_noted
        finally:
            self.aws("dynamodb").delete_item(TableName=table, Key=key)

    def have_told(self, app_key: str) -> None:
        """Put a status change into the queue of what apps are to be told."""
        change = StatusChanged(
            event_id=str(uuid.uuid4()),
            app_key=app_key,
            notification_id=str(uuid.uuid4()),
            delivery_id=str(uuid.uuid4()),
            channel="email",
            status=Status.SENT,
            at=datetime.now(UTC),
            sequence="1",
        )
        queue = self.platform.outputs["webhookQueueUrl"]
        self.aws("sqs").send_message(QueueUrl=queue, MessageBody=change.model_dump_json())

    # -- permissions -----------------------------------------------------------------------------------------------

    def statements(self, function: str) -> list[Statement]:
        """The statements of the function's role, from its one inline policy."""
        _, _, document = self._policy(function)
        found: list[Statement] = document["Statement"]
        return found

    @contextmanager
    def role_of(self, function: str) -> Iterator[Callable[[str], None]]:
        """Lend what leaves the function's role without a statement; at the end the role has all of them again.

        IAM is asked at each call, so that the role is another from the next one on.
        """
        role, policy, document = self._policy(function)

        def has(statements: list[Statement]) -> None:
            changed = json.dumps(document | {"Statement": statements})
            self.aws("iam").put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=changed)

        def without(sid: str) -> None:
            rest = [statement for statement in document["Statement"] if statement["Sid"] != sid]
            assert len(rest) == len(document["Statement"]) - 1, f"{function} has no {sid}"
            has(rest)

        try:
            yield without
        finally:
            has(document["Statement"])

    @contextmanager
    def without_statement(self, function: str, sid: str) -> Iterator[None]:
        """Take one statement from the function's role, and give it back."""
        with self.role_of(function) as without:
            without(sid)
            yield

    @contextmanager
    def denials(self, function: str) -> Iterator[Callable[[Statement], bool]]:
        """Lend what says whether the function was denied since then what a statement of its role allows."""
        role, log = self._role(function), self.platform.directory / "logs" / "emulator.log"
        begin = log.stat().st_size

        def denied(statement: Statement) -> bool:
            allowed = list(proof.grants(role, {"Statement": statement}))
            asked = (use for use in proof.used(log, role, begin) if not use.allowed)
            return any(grant.covers(use) for use in asked for grant in allowed)

        yield denied

    def start_afresh(self, function: str, **variables: str) -> None:
        """Drop the function's warm execution environments, so that nothing cached hides a missing permission.

        Those that follow have these environment variables beside, or instead of, those of the program.
        """
        client, name = self.aws("lambda"), self.function_name(function)
        environment = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        environment |= {"CARILLON_TEST_EPOCH": uuid.uuid4().hex, **variables}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": environment})
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)

    def _role(self, function: str) -> str:
        arn: str = self.aws("lambda").get_function_configuration(FunctionName=self.function_name(function))["Role"]
        return arn.rsplit("/", 1)[-1]

    def _policy(self, function: str) -> tuple[str, str, dict[str, Any]]:
        iam, role = self.aws("iam"), self._role(function)
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return role, policy, iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
