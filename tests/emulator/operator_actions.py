"""What an operator with root credentials can do to the platform: look inside, hold it back, break and mend it."""

import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import httpx

from handlers.domain.people.devices import device_key
from local.platform import Platform
from tests.emulator.producer import until

Clients = Callable[[str], Any]
Statement = dict[str, Any]


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
        found: list[dict[str, Any]] = self.aws("dynamodb").scan(
            TableName=self._tables["notifications"],
            FilterExpression="user_id = :u",
            ExpressionAttributeValues={":u": {"S": user_id}},
        )["Items"]
        return found

    def make_due(self, notification_id: str, delivery_id: str) -> None:
        """Let the delivery's time for the sweeper be now, as if the minutes had passed."""
        self.aws("dynamodb").update_item(
            TableName=self._tables["notifications"],
            Key=self._delivery_key(notification_id, delivery_id),
            UpdateExpression="SET due_at = :past",
            ConditionExpression="attribute_exists(due_at)",
            ExpressionAttributeValues={":past": {"S": "2000-01-01T00:00:00.000Z"}},
        )

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
        pages = (
            self.aws("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._tables["notifications"],
                KeyConditionExpression="notification_id = :id",
                ExpressionAttributeValues={":id": {"S": notification_id}},
                ConsistentRead=True,
            )
        )
        return [item for page in pages for item in page["Items"]]

    def leave_behind(self, notification_id: str, like: dict[str, Any], number: int = 1) -> None:
        """Leave what an acceptance does that dies half way: deliveries like this one, due, of no notification."""
        acceptance = str(uuid.uuid4())
        for _ in range(number):
            delivery_id = str(uuid.uuid4())
            ids = {"notification_id": notification_id, "delivery_id": delivery_id, "event_id": str(uuid.uuid4())}
            marks = {"due_shard": "0", "due_at": "2000-01-01T00:00:00.000Z", "acceptance": acceptance}
            texts = {**ids, **marks, "item": f"delivery#{delivery_id}"}
            item = {**like, **{name: {"S": text} for name, text in texts.items()}}
            self.aws("dynamodb").put_item(TableName=self._tables["notifications"], Item=item)

    def _delivery_key(self, notification_id: str, delivery_id: str) -> dict[str, Any]:
        return {"notification_id": {"S": notification_id}, "item": {"S": f"delivery#{delivery_id}"}}

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
        items = self.aws("dynamodb").scan(TableName=self._tables["devices"], ConsistentRead=True)["Items"]
        owners = {item["token"]["S"]: item["user_id"]["S"] for item in items}
        return [owners.get(device_key(each["platform"], each["deviceToken"])) for each in devices]

    # -- functions -------------------------------------------------------------------------------------------------

    def sweep(self) -> dict[str, Any]:
        """Run the sweeper now; the answer of Lambda."""
        answer: dict[str, Any] = self.aws("lambda").invoke(
            FunctionName=self.function_name("sweeper"), Qualifier="live", Payload=b"{}"
        )
        return answer

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
        events, rule = self.aws("events"), f"carillon-local-{channel}"
        bus = self.platform.outputs["busName"]
        events.disable_rule(Name=rule, EventBusName=bus)
        try:
            yield
        finally:
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
        detail = {name: item[name]["S"] for name in ("event_id", "notification_id", "delivery_id", "user_id")}
        entry = {
            "Source": "payment_request_event",
            "DetailType": f"{item['category']['S']}_notification_{item['channel']['S']}",
            "Resources": [item["app_key"]["S"]],
            "Detail": json.dumps(detail),
            "EventBusName": self.platform.outputs["busName"],
        }
        assert self.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def delete_template(self, name: str) -> None:
        """Delete every version of a template, as the bucket does with those that were replaced long ago."""
        bucket = self.platform.outputs["templateBucket"]
        found = self.aws("s3").list_object_versions(Bucket=bucket, Prefix=f"templates/{name}/")["Versions"]
        for each in found:
            self.aws("s3").delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])

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

    # -- providers -------------------------------------------------------------------------------------------------

    @contextmanager
    def fault(self, provider: str, mode: str) -> Iterator[None]:
        """Let a provider in the sandbox fail at every call: `outage`, `throttle`, `timeout`, `reject`.

        Afterwards no circuit is open any more, to whoever reads the table again.
        """
        url = f"{self.platform.local.inbox_url}/api/faults/{provider}"
        httpx.put(url, json={"mode": mode, "rate": 1}).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(url).raise_for_status()
            for channel in self.platform.outputs["queueUrls"]:
                key = {"id": {"S": f"providers#{channel}"}}
                self.aws("dynamodb").delete_item(TableName=self._tables["limits"], Key=key)

    def end_cool_downs(self, channel: str) -> None:
        """Let it be time to try the providers of a channel again whose circuits are open, as if it had passed."""
        table, key = self._tables["limits"], {"id": {"S": f"providers#{channel}"}}
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

    # -- apps ------------------------------------------------------------------------------------------------------

    @contextmanager
    def app(self, categories: list[str], channels: list[str]) -> Iterator[tuple[str, str]]:
        """Let there be an app with these scopes; its key and secret."""
        key, secret = f"app-{uuid.uuid4().hex[:8]}", secrets.token_urlsafe(32)
        value = {"secrets": [secret], "categories": categories, "channels": channels}
        manager = self.aws("secretsmanager")
        arn = manager.create_secret(Name=f"carillon/local/apps/{key}", SecretString=json.dumps(value))["ARN"]
        try:
            yield key, secret
        finally:
            manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    # -- permissions -----------------------------------------------------------------------------------------------

    def statements(self, function: str) -> list[Statement]:
        """The statements of the function's role, from its one inline policy."""
        _, _, document = self._policy(function)
        found: list[Statement] = document["Statement"]
        return found

    @contextmanager
    def role_of(self, function: str) -> Iterator[Callable[..., None]]:
        """Lend what leaves the function's role without these statements; at the end the role has all of them again."""
        role, policy, document = self._policy(function)

        def has(statements: list[Statement]) -> None:
            changed = json.dumps(document | {"Statement": statements})
            self.aws("iam").put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=changed)
            self.start_afresh(function)

        def without(*sids: str) -> None:
            rest = [statement for statement in document["Statement"] if statement["Sid"] not in sids]
            assert len(rest) == len(document["Statement"]) - len(sids), f"{function} has not all of {sids}"
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

    def denials(self, function: str, statement: Statement) -> int:
        """How often so far the function was denied what this statement of its role allows, by the emulator's log."""
        role, _, _ = self._policy(function)
        log = (self.platform.directory / "logs" / "emulator.log").read_text(errors="replace")
        denied = re.findall(
            rf"^denied: User: \S+/{role}(?:/\S+)? .* perform: (\S+) on resource: (\S+)", log, re.MULTILINE
        )
        actions, resources = (_listed(statement[part]) for part in ("Action", "Resource"))
        return sum(
            action in actions and any(fnmatchcase(resource, each) for each in resources) for action, resource in denied
        )

    def start_afresh(self, function: str) -> None:
        """Drop the function's warm execution environments, so that nothing cached hides a missing permission."""
        client, name = self.aws("lambda"), self.function_name(function)
        environment = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        environment["CARILLON_TEST_EPOCH"] = uuid.uuid4().hex
        client.update_function_configuration(FunctionName=name, Environment={"Variables": environment})
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)

    def _policy(self, function: str) -> tuple[str, str, dict[str, Any]]:
        iam = self.aws("iam")
        arn = self.aws("lambda").get_function_configuration(FunctionName=self.function_name(function))["Role"]
        role = arn.rsplit("/", 1)[-1]
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return role, policy, iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
