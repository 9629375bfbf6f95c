"""The two pipelines that are compared on one emulator: ours, and the floor, which is made here and taken away again."""

import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from zipfile import ZipFile

import httpx

from bench.account import PREFIX, Account
from bench.calls import Traffic, prepared
from bench.environment import Running
from bench.producer import Producer

_NAME: Final = "bench-floor"
_STAGE: Final = "live"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        for service in ("lambda.amazonaws.com", "apigateway.amazonaws.com")
    ],
}


class Pipeline(Protocol):
    """What takes a request by HTTP and has done something about it a little later."""

    @property
    def functions(self) -> str:
        """What the names of its functions begin with."""

    def post(self) -> str:
        """Have one request accepted; its id."""

    def sent_at(self, ids: Sequence[str]) -> list[float]:
        """When each of these was done, seconds since the epoch. Waits for it."""


class Ours:
    """One templated e-mail to one known user."""

    functions = PREFIX

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._body = prepared(producer, Traffic())

    def post(self) -> str:
        """Have a notification accepted."""
        notification_id: str = self._producer.send(self._body)["notification_id"]
        return notification_id

    def sent_at(self, ids: Sequence[str]) -> list[float]:
        """By the timelines in the log."""
        found = (self._producer.until_sent(each)["deliveries"] for each in ids)
        return [_time_of_sent(delivery) for [delivery] in found]


class Floor:
    """A request of the same size to the pipeline that does nothing."""

    functions = _NAME

    def __init__(self, url: str, account: Account) -> None:
        self._http = httpx.Client(timeout=120, headers={"Authorization": "Bearer bench"})
        self._url, self._account = url, account
        self._body = {"category": "demo", "channels": ["email"], "to": [{"user_id": "bench-000000000000"}]}

    def post(self) -> str:
        """Have an item and an event put."""
        key: str = self._http.post(self._url, json=self._body).raise_for_status().json()["id"]
        return key

    def sent_at(self, ids: Sequence[str]) -> list[float]:
        """By what its second function has written."""
        return [self._sent_at(each) for each in ids]

    def _sent_at(self, key: str) -> float:
        while True:
            item = self._account.client("dynamodb").get_item(TableName=_NAME, Key={"id": {"S": key}})["Item"]
            if "sent_at" in item:
                return float(item["sent_at"]["N"])
            threading.Event().wait(0.05)


@contextmanager
def ours(running: Running) -> Iterator[Ours]:
    """Our pipeline, with a user and a template of the benchmark's own."""
    with Producer(running.local) as producer:
        yield Ours(producer)


@contextmanager
def floor(running: Running) -> Iterator[Floor]:
    """REST API with a TOKEN authorizer → function → bus → rule → queue → function, gone at the end."""
    account = Account(running.emulator)
    with ExitStack() as undo:
        role = _role(account, undo)
        table = account.client("dynamodb")
        table.create_table(
            TableName=_NAME,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        undo.callback(table.delete_table, TableName=_NAME)
        queue = _queue(account, undo)
        functions = {name: _function(account, undo, name, role) for name in ("authorize", "accept", "deliver")}
        _consumer(account, undo, queue, functions["deliver"])
        yield Floor(_api(account, undo, functions), account)


def _time_of_sent(delivery: dict[str, Any]) -> float:
    [at] = [step["at"] for step in delivery["timeline"] if step["status"] == "sent"]
    return datetime.fromisoformat(at).timestamp()


def _role(account: Account, undo: ExitStack) -> str:
    iam = account.client("iam")
    arn: str = iam.create_role(RoleName=_NAME, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    undo.callback(iam.delete_role, RoleName=_NAME)
    statement = {"Effect": "Allow", "Action": ["dynamodb:*", "events:PutEvents", "logs:*", "sqs:*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=_NAME, PolicyName=_NAME, PolicyDocument=document)
    undo.callback(iam.delete_role_policy, RoleName=_NAME, PolicyName=_NAME)
    return arn


def _queue(account: Account, undo: ExitStack) -> str:
    """A bus, a queue, and the rule between them; the queue's ARN."""
    sqs, events = account.client("sqs"), account.client("events")
    url = sqs.create_queue(QueueName=_NAME)["QueueUrl"]
    undo.callback(sqs.delete_queue, QueueUrl=url)
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name=_NAME)
    undo.callback(events.delete_event_bus, Name=_NAME)
    pattern = json.dumps({"detail-type": [{"suffix": "noop"}]})
    events.put_rule(Name=_NAME, EventBusName=_NAME, EventPattern=pattern)
    undo.callback(events.delete_rule, Name=_NAME, EventBusName=_NAME)
    events.put_targets(Rule=_NAME, EventBusName=_NAME, Targets=[{"Id": "queue", "Arn": arn}])
    undo.callback(events.remove_targets, Rule=_NAME, EventBusName=_NAME, Ids=["queue"])
    return arn


def _function(account: Account, undo: ExitStack, name: str, role: str) -> str:
    lambda_ = account.client("lambda")
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.write(Path(__file__).with_name("noop.py"), "noop.py")
    function: str = lambda_.create_function(
        FunctionName=f"{_NAME}-{name}",
        Runtime="python3.13",
        Role=role,
        Handler=f"noop.{name}",
        Code={"ZipFile": packed.getvalue()},
        MemorySize=512,
        Timeout=30,
        Environment={"Variables": {"TABLE": _NAME, "BUS": _NAME}},
    )["FunctionArn"]
    undo.callback(lambda_.delete_function, FunctionName=f"{_NAME}-{name}")
    return function


def _consumer(account: Account, undo: ExitStack, queue: str, function: str) -> None:
    lambda_ = account.client("lambda")
    mapping = lambda_.create_event_source_mapping(EventSourceArn=queue, FunctionName=function, BatchSize=10)
    undo.callback(lambda_.delete_event_source_mapping, UUID=mapping["UUID"])


def _api(account: Account, undo: ExitStack, functions: dict[str, str]) -> str:
    api = account.client("apigateway")
    region = account.emulator.region
    uris = {
        name: f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"
        for name, arn in functions.items()
    }
    of = {"restApiId": api.create_rest_api(name=_NAME)["id"]}
    undo.callback(api.delete_rest_api, **of)
    authorizer = api.create_authorizer(
        **of,
        name="token",
        type="TOKEN",
        authorizerUri=uris["authorize"],
        identitySource="method.request.header.Authorization",
        authorizerResultTtlInSeconds=60,
    )["id"]
    root = api.get_resources(**of)["items"][0]["id"]
    at = {**of, "resourceId": api.create_resource(**of, parentId=root, pathPart="noop")["id"], "httpMethod": "POST"}
    api.put_method(**at, authorizationType="CUSTOM", authorizerId=authorizer)
    api.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uris["accept"])
    api.create_deployment(**of, stageName=_STAGE)
    return f"{account.emulator.endpoint_url}/_aws/execute-api/{of['restApiId']}/{_STAGE}/noop"
