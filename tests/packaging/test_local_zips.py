"""The zips for this machine run with an interpreter that has boto3, as Lambda's has, and nothing else.

What a cold start imports is counted on the way: no time is measured here (`python -m bench.cold_start` does that).
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest

from bench.cold_start import counted
from handlers.domain.providers.registry import of_channel
from handlers.domain.tokens import TOLD, Reason
from stacks.compute.packaging import Package, functions
from tests.packaging.test_start_sizes import SIZES

# What the Pulumi program sets, for all functions together: a function reads its own and ignores the others.
VARIABLES = {
    "CARILLON_ENVIRONMENT": "test",
    "CARILLON_APP_MAX_AGE_SECONDS": "30",
    "CARILLON_APP_SECRET_PREFIX": "carillon/test/apps/",
    "CARILLON_AUDIENCE_BUCKET": "carillon-test-audiences-000000000000",
    "CARILLON_BROADCASTS_TABLE": "carillon-test-broadcasts",
    "CARILLON_BROADCAST_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/000000000000/carillon-test-broadcasts",
    "CARILLON_QUEUE_URLS": "{}",
    "CARILLON_TAGS_TABLE": "carillon-test-tags",
    "CARILLON_CONTACTS_TABLE": "carillon-test-contacts",
    "CARILLON_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/000000000000/carillon-test-email",
    "CARILLON_URGENT_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/000000000000/carillon-test-email-high",
    "CARILLON_DEVICES_TABLE": "carillon-test-devices",
    "CARILLON_SETTINGS_TABLE": "carillon-test-settings",
    "CARILLON_NOTIFICATIONS_TABLE": "carillon-test-notifications",
    "CARILLON_LIMITS_TABLE": "carillon-test-limits",
    "CARILLON_SUPPRESSIONS_TABLE": "carillon-test-suppressions",
    "CARILLON_STATS_TABLE": "carillon-test-stats",
    "CARILLON_WEBHOOK_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/000000000000/carillon-test-webhooks",
    "CARILLON_LOG_KEPT_DAYS": "400",
    "CARILLON_EVENT_BUS": "carillon-test",
    "CARILLON_SCHEDULE_GROUP": "carillon-test",
    "CARILLON_SCHEDULE_TARGET": "arn:aws:lambda:eu-central-1:000000000000:function:carillon-test-sweeper:live",
    "CARILLON_SCHEDULER_ROLE": "arn:aws:iam::000000000000:role/carillon-test-scheduler",
    "CARILLON_TEMPLATE_BUCKET": "carillon-test-templates-000000000000",
    "CARILLON_TEMPLATES_TABLE": "carillon-test-templates",
    "CARILLON_CRITICAL_CATEGORIES": "[]",
    "CARILLON_CHANNELS": '["email"]',
    "CARILLON_CATEGORIES": json.dumps({"payment": {"channels": ["email"]}}),
    "CARILLON_LINK_KEY": "arn:aws:kms:eu-central-1:000000000000:key/links",
    "CARILLON_PUBLIC_URL": "https://api.example.com",
    "CARILLON_SAMPLE_URL": "https://api.example.com",
    "CARILLON_SMS_MAX_SEGMENTS": "10",
    "CARILLON_ALERT_RULES": '{"outage_after_seconds":60,"over_after_seconds":300,"remind_after_seconds":[3600]}',
    "CARILLON_ALERT_TOPIC": "arn:aws:sns:eu-central-1:000000000000:carillon-test-alerts",
    "CARILLON_QUARANTINE_URL": "https://sqs.eu-central-1.amazonaws.com/000000000000/carillon-test-quarantine",
    "CARILLON_REDRIVE_AFTER_SECONDS": "[900, 3600, 14400, 43200]",
    "CARILLON_UNKNOWN_DECIDED_AFTER_SECONDS": "86400",
    "CARILLON_VISIBILITY_TIMEOUT_SECONDS": "180",
    "CARILLON_PROVIDER_SECRET_PREFIX": "carillon/test/providers/",
    "CARILLON_EMAIL_FROM": "Carillon <no-reply@example.com>",
    "CARILLON_SES_CONFIGURATION_SET": "carillon-test",
    "CARILLON_SMS_MAX_PRICE_USD": "0.5",
    "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    # What Lambda sets of its own accord.
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "PATH": "/usr/bin:/bin",
}

# Runs in the bare interpreter: calls a function with an event, and tells what was imported before that, the answer, and
# where all modules came from.
CALL = """
import importlib, json, sys
from types import SimpleNamespace

unzipped, handler, event = sys.argv[1:]
sys.path.insert(0, unzipped)
module, _, name = handler.rpartition(".")
before = set(sys.modules)
imported = importlib.import_module(module)
imports = sorted(set(sys.modules) - before)
context = SimpleNamespace(
    function_name="test", function_version="1", memory_limit_in_mb=256, aws_request_id="test",
    invoked_function_arn="arn:aws:lambda:eu-central-1:000000000000:function:test",
    get_remaining_time_in_millis=lambda: 60_000,
)
try:
    answer = getattr(imported, name)(json.loads(event), context)
except Exception as error:
    answer = {"raised": str(error), "type": type(error).__name__}
files = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
print(json.dumps({"answer": answer, "files": files, "imports": imports}))
"""


def api_event(method: str, path: str) -> dict[str, Any]:
    """An event of API Gateway's Lambda proxy integration, of a caller that the authorizer let in."""
    authorizer = {"app_key": "demo", "categories": '["*"]', "channels": '["*"]', "principalId": "demo"}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"authorizer": authorizer, "requestId": "test", "stage": "live", "httpMethod": method},
        "body": None,
        "isBase64Encoded": False,
    }


NOTHING = {"Items": [], "Count": 0, "ScannedCount": 0, "Responses": {}, "UnprocessedKeys": {}}
CODE = {"Mac": "a2V5"}


class NothingThere(BaseHTTPRequestHandler):
    """Answers DynamoDB's reads as a table without items does, and KMS's makings of codes with one."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({**NOTHING, **CODE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name in the standard library
        """Say nothing."""


@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), NothingThere) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def bare_python(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter like this one that has boto3, in the locked version, and nothing else."""
    home = tmp_path_factory.mktemp("bare")
    python, locked = home / "bin" / "python", home / "locked.txt"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    export = [*uv, "export", "--frozen", "--no-emit-project", "--no-hashes", "--output-file", str(locked)]
    subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(home)], check=True)
    subprocess.run(export, cwd=repository, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*uv, "pip", "install", "--python", str(python), "boto3", "--constraints", str(locked)], check=True)
    return python


# For each function an event that it can answer without AWS, or with an empty AWS, and a part of its answer.
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "authorizer": (
        {
            "type": "TOKEN",
            "authorizationToken": "Bearer no.token.here",
            "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:abc/live/GET/v1/contacts/u",
        },
        {"principalId": "nobody", "context": {"why": TOLD[Reason.MALFORMED]}},
    ),
    "notifications": (api_event("GET", "/v1/nothing"), {"statusCode": 404}),
    "broadcasts": (api_event("GET", "/v1/nothing"), {"statusCode": 404}),
    "fanout": ({"Records": [{"messageId": "m1", "body": "no step"}]}, {"batchItemFailures": []}),
    "contacts": (api_event("GET", "/v1/nothing"), {"statusCode": 404}),
    "templates": (api_event("GET", "/v1/nothing"), {"statusCode": 404}),
    "tracking": (api_event("GET", "/u/forged"), {"statusCode": 404}),
    "reports": (api_event("GET", "/v1/nothing"), {"statusCode": 404}),
    "observer": ({"Records": []}, {"batchItemFailures": []}),
    "hooks": (api_event("POST", "/hooks/nobody"), {"statusCode": 404}),
    "webhooks": (
        {"Records": [{"messageId": "m1", "body": "no status change", "attributes": {}}]},
        {"batchItemFailures": [{"itemIdentifier": "m1"}]},
    ),
    "sweeper": ({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, {}),
}


Call = tuple[dict[str, Any], dict[str, Any]]

WORKERS_CALL: Call = (
    {"Records": [{"messageId": "m1", "body": "no event", "eventSource": "aws:sqs", "attributes": {}}]},
    {"batchItemFailures": [{"itemIdentifier": "m1"}]},
)
# A redriver parks what is no event, and answers that nothing of it is to come back.
REDRIVERS_CALL: Call = (WORKERS_CALL[0], {"batchItemFailures": []})


@dataclass(frozen=True)
class Called:
    """What a function has answered in the bare interpreter, and which modules it had then."""

    directory: Path
    answer: dict[str, Any]
    files: list[str]
    imports: list[str]
    stderr: str


@pytest.fixture(scope="module")
def called(
    packages_for_this_machine: dict[str, Package],
    bare_python: Path,
    aws_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Called]:
    """Call a function with its event, once for all tests."""

    @cache
    def called(function: str) -> Called:
        package, directory = packages_for_this_machine[function], tmp_path_factory.mktemp(function)
        with ZipFile(package.path) as archive:
            archive.extractall(directory)
        _, _, channel = function.partition("-")
        variables = VARIABLES | {"POWERTOOLS_SERVICE_NAME": function, "AWS_ENDPOINT_URL": aws_url}
        if channel:
            variables |= {"CARILLON_CHANNEL": channel}
        command = [str(bare_python), "-I", "-c", CALL, str(directory), package.handler, json.dumps(call(function)[0])]
        done = subprocess.run(command, env=variables, cwd=directory, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        return Called(directory, told["answer"] or {}, told["files"], told["imports"], done.stderr)

    return called


def call(function: str) -> Call:
    return {"worker": WORKERS_CALL, "redriver": REDRIVERS_CALL}.get(function.partition("-")[0]) or CALLS[function]


@pytest.mark.parametrize("function", functions())
def test_it_runs_on_boto3_and_the_standard_library(
    function: str, called: Callable[[str], Called], bare_python: Path
) -> None:
    done, (_, expected) = called(function), call(function)
    assert {name: done.answer.get(name) for name in expected} == expected, done.stderr
    assert "raised" in expected or "raised" not in done.answer, done.answer
    homes = (str(done.directory), str(bare_python.parents[1]), sys.base_prefix)
    assert [file for file in done.files if not file.startswith(homes)] == []
    kind, _, channel = function.partition("-")
    sending = of_channel(channel) if kind == "worker" else ()
    providers = {str(done.directory / "handlers/adapters/providers" / f"{each.module}.py") for each in sending}
    assert providers <= set(done.files)


@pytest.mark.parametrize("function", functions())
def test_it_imports_no_more_than_it_did(function: str, called: Callable[[str], Called]) -> None:
    imported, recorded = counted(called(function).imports), SIZES[function]["modules"]
    # Those of the bare interpreter are up to a twentieth fewer than were counted in the emulator's.
    assert imported <= recorded * 1.05, f"{function}: it imports {imported} modules, and imported {recorded}"
