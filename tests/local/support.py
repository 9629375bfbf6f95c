"""An emulator and a sandbox in front of it, with the log's table: what the inbox needs, without the whole platform."""

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from handlers.adapters.aws.alert_topic import SnsAlerts
from handlers.adapters.aws.dynamo import typed
from handlers.adapters.aws.link_key import link_key
from handlers.adapters.aws.stats_items import counters_expiration, counters_key
from handlers.domain.alerts import Alert, Cause, Rules, State, notice
from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.content.links import Links
from handlers.domain.stats.counting import Group
from local import emulator
from local.directory import APP_KEY
from local.engine.emulator import Emulator
from local.sandbox import process
from local.sandbox.credentials import Credentials

TABLE = "carillon-local-notifications"
STATS = "carillon-local-stats"
LIMITS = "carillon-local-limits"
SENDER = "Carillon <no-reply@example.com>"

PATIENCE = 600
"""For how many seconds an answer is waited for that is to come: a busy machine is late."""

HTTP = httpx.Client(trust_env=False)
"""One for all calls: each new one reads every certificate there is."""


@cache
def session(account: Emulator) -> boto3.Session:
    """As the account's root. One for all clients, as each new one reads all of botocore's descriptions again."""
    return boto3.Session(account.access_key_id, account.secret_access_key, region_name=account.region)


@cache
def _client(account: Emulator, service: Any) -> Any:
    return session(account).client(service, endpoint_url=account.endpoint_url)


def role_session(account: Emulator, action: str, resource: str = "*") -> boto3.Session:
    """As a role that may do this one thing; unlike root's, its signatures are verified."""
    iam, name = session(account).client("iam", endpoint_url=account.endpoint_url), f"role-{uuid.uuid4().hex}"
    root = {"AWS": f"arn:aws:iam::{account.account_id}:root"}
    trust = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": action, "Resource": resource}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=_document(allowed))
    sts = session(account).client("sts", endpoint_url=account.endpoint_url)
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    return boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=account.region
    )


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    account: Emulator
    url: str
    credentials: Credentials

    def client(self, service: Any) -> Any:
        """A client that calls the emulator itself."""
        return _client(self.account, service)

    def sns(self, caller: boto3.Session | None = None, **config: Any) -> Any:
        """A client of SNS whose calls pass through the sandbox, without retries."""
        once = Config(**{"retries": {"total_max_attempts": 1}, "read_timeout": PATIENCE, **config})
        return (caller or session(self.account)).client("sns", endpoint_url=self.url, config=once)

    def tell(self, state: str, channel: Channel = "sms", since: datetime | None = None) -> None:
        """Publish a notice of an outage on the alert topic, as the sweeper does."""
        alert = replace(_OUTAGE, since=since or _OUTAGE.since, state=State.OVER if state == "over" else State.OPEN)
        told = notice("local", channel, Cause.OUTAGE, replace(alert, notices=1 if state == "opened" else 2), _RULES)
        assert told.attributes["state"] == state
        topic = self.client("sns").create_topic(Name="carillon-local-alerts")["TopicArn"]
        SnsAlerts(topic, self.sns()).tell(told)

    def ses(self, caller: boto3.Session | None = None, **config: Any) -> Any:
        """A client whose calls pass through the sandbox; it does not retry, so that calls can be counted."""
        quick = Config(**{"retries": {"total_max_attempts": 1}, "read_timeout": PATIENCE, **config})
        return (caller or session(self.account)).client("sesv2", endpoint_url=self.url, config=quick)

    def messages(self) -> list[dict[str, Any]]:
        """The inbox's API."""
        found: list[dict[str, Any]] = HTTP.get(f"{self.url}/api/messages").raise_for_status().json()
        return found

    def message_of(self, delivery_id: str) -> dict[str, Any] | None:
        """The message of one delivery."""
        return next((m for m in self.messages() if m["delivery_id"] == delivery_id), None)

    @contextmanager
    def fault(self, mode: str, rate: float = 1.0, provider: str = "ses", **more: Any) -> Iterator[None]:
        """The provider fails in this way meanwhile."""
        url = f"{self.url}/api/faults/{provider}"
        HTTP.put(url, json={"mode": mode, "rate": rate, **more}).raise_for_status()
        try:
            yield
        finally:
            HTTP.delete(url).raise_for_status()

    def until_idle_connections_are_closed(self) -> None:
        """Wait until every connection is closed that is idle now, with the fault `idle_close` in force."""
        wait_for_close(self.url)

    def post(self, url: str, *, timeout: float = PATIENCE, http2: bool = False, **request: Any) -> httpx.Response:
        """Call a third party at its own address, as the workers do: the sandbox gets it, with the address's host."""
        asked = httpx.URL(url)
        here = asked.copy_with(scheme="http", host="localhost", port=httpx.URL(self.url).port)
        headers = {**request.pop("headers", {}), "Host": asked.host}
        with httpx.Client(http1=not http2, http2=http2, timeout=timeout, verify=False) as client:  # plain HTTP
            return client.post(here, headers=headers, **request)

    def last(self) -> dict[str, Any]:
        """The newest message."""
        return self.messages()[-1]

    def log_delivery(self, *statuses: str, user: str = "ada") -> tuple[str, str]:
        """A delivery in the log that went through these statuses 20 ms apart; its notification's id and its own."""
        notification_id, delivery_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.move_delivery(notification_id, delivery_id, *statuses, user=user)
        return notification_id, delivery_id

    def logged(self, user: str = "ada") -> dict[str, str]:
        """The headers with which a worker sends a delivery of this user, which is in the log as sent."""
        notification_id, delivery_id = self.log_delivery("created", "pending", "sent", user=user)
        return {"X-Carillon-Notification-Id": notification_id, "X-Carillon-Delivery-Id": delivery_id}

    def move_delivery(self, notification_id: str, delivery_id: str, *statuses: str, user: str = "ada") -> None:
        """The delivery's timeline is now this one."""
        begun = datetime.now(UTC)
        times = (begun + timedelta(milliseconds=20 * position) for position in range(len(statuses)))
        timeline = [
            {"M": {"status": {"S": status}, "at": {"S": at.isoformat(timespec="milliseconds")}}}
            for status, at in zip(statuses, times, strict=False)
        ]
        self.client("dynamodb").put_item(
            TableName=TABLE,
            Item={
                "notification_id": {"S": notification_id},
                "item": {"S": f"delivery#{delivery_id}"},
                "user_id": {"S": user},
                "status": {"S": statuses[-1]},
                "timeline": {"L": timeline},
            },
        )

    def attempt(self, ids: tuple[str, str], *attempts: dict[str, str]) -> None:
        """The delivery in the log has these attempts, a second apart from now on."""
        begun = datetime.now(UTC)
        kept = {
            str(number): {"at": (begun + timedelta(seconds=number)).isoformat(timespec="milliseconds"), **each}
            for number, each in enumerate(attempts, 1)
        }
        self.client("dynamodb").update_item(
            TableName=TABLE,
            Key={"notification_id": {"S": ids[0]}, "item": {"S": f"delivery#{ids[1]}"}},
            UpdateExpression="SET attempts = :attempts, channel = :email",
            ExpressionAttributeValues=typed({":attempts": kept, ":email": "email"}),
        )

    def links(self) -> Links:
        """Makes links as the platform does."""
        return Links("http://localhost/prod", link_key("alias/carillon-local-links", self.client("kms")))

    def count(self, channel: str, provider: str, days_ago: int = 0, **counters: int) -> None:
        """Say what the observer has counted on a day, today, of the demo's deliveries by a provider."""
        day = datetime.now(UTC) - timedelta(days=days_ago)
        group = Group(APP_KEY, f"{day:%Y-%m-%d}", "payment", channel, provider, "receipt")
        item = counters_key(group, 0) | typed({**counters, "expiration": counters_expiration(group)})
        self.client("dynamodb").put_item(TableName=STATS, Item=item)

    def forget_counts(self) -> None:
        """Let nothing have been counted."""
        dynamodb = self.client("dynamodb")
        for item in dynamodb.scan(TableName=STATS)["Items"]:
            dynamodb.delete_item(TableName=STATS, Key={name: item[name] for name in ("id", "item")})

    def send(self, html: str, *, subject: str = "A subject", ids: tuple[str, str] = ("", ""), **more: Any) -> str:
        """Send a mail as the worker does; its delivery id, made up unless given."""
        notification_id, delivery_id = ids if all(ids) else (str(uuid.uuid4()), str(uuid.uuid4()))
        self.ses(**more).send_email(**mail(html, subject, notification_id, delivery_id))
        return delivery_id


_BEGAN = datetime(2030, 1, 31, 12, tzinfo=UTC)
_OUTAGE = Alert(State.OPEN, _BEGAN, ("sns: ServiceUnavailable", "twilio: 503"), _BEGAN, total=42, told_at=_BEGAN)
_RULES = Rules(timedelta(minutes=1), timedelta(minutes=5), (timedelta(hours=1),))


def wait_for_close(url: str, seconds: float = 240) -> None:
    """Open a connection to the sandbox, say nothing, and wait until it is closed: those idle before it are by then."""
    here = httpx.URL(url)
    with socket.create_connection((here.host, here.port or 80), timeout=seconds) as idle:
        assert idle.recv(1) == b""


def mail(html: str, subject: str, notification_id: str, delivery_id: str) -> dict[str, Any]:
    """The arguments of SendEmail."""
    return {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": ["ada@example.com"]},
        "Content": {"Simple": {"Subject": {"Data": subject}, "Body": {"Html": {"Data": html}}}},
        "EmailTags": [
            {"Name": "notification_id", "Value": notification_id},
            {"Name": "delivery_id", "Value": delivery_id},
        ],
    }


@contextmanager
def running_sandbox(directory: Path) -> Iterator[Sandbox]:
    """An emulator with a verified sender and an empty log, and a sandbox in front of it."""
    with emulator.running(directory) as account:
        credentials = Credentials.generate()
        child, url = process.start(account, credentials, TABLE, directory / "logs" / "sandbox.log")
        try:
            sandbox = Sandbox(account, url, credentials)
            sandbox.client("sesv2").create_email_identity(EmailIdentity="example.com")
            _create_what_is_read(sandbox)
            yield sandbox
        finally:
            child.stop()


def _create_what_is_read(sandbox: Sandbox) -> None:
    """Make, as far as the page reads it, what the program makes."""
    dynamodb, kms, sqs = (sandbox.client(service) for service in ("dynamodb", "kms", "sqs"))
    due = {
        "IndexName": "due",
        "KeySchema": _keys("due_shard", "due_at"),
        "Projection": {"ProjectionType": "ALL"},
    }
    _create_table(dynamodb, TABLE, ("notification_id", "item"), "due_shard", "due_at", GlobalSecondaryIndexes=[due])
    _create_table(dynamodb, STATS, ("id", "item"))
    _create_table(dynamodb, LIMITS, ("id",))
    for channel in CHANNELS:
        for queue in (channel, f"{channel}-high", f"{channel}-dlq"):
            sqs.create_queue(QueueName=f"carillon-local-{queue}")
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/carillon-local-links", TargetKeyId=key)


def _create_table(dynamodb: Any, table: str, names: tuple[str, ...], *indexed: str, **more: Any) -> None:
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_keys(*names),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (*names, *indexed)],
        **more,
    )


def _keys(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": n, "KeyType": k} for n, k in zip(names, ("HASH", "RANGE"), strict=False)]
