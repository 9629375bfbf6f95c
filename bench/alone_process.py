"""One handler, measured in this process: `python -m bench.alone_process <given.json> <answer.json>`.

Its environment is the function's. Times are of all the threads of the process, user and system.
"""

import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import boto3
import yappi

_ROUNDS: Final = 5
_EMPTY_CALLS: Final = 30
_TIMES: Final = {"one": 10, "many": 1, "delivery": 1}
"""How often each is done in a round; a delivery is done ten at a time."""
_BATCH: Final = 10
_LARGEST: Final = 12
"""How many functions of a profile are kept."""

Run = Callable[[], int]
"""Does something, and answers how many that were."""


@dataclass(frozen=True)
class _Context:
    function_name: str = "bench"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    aws_request_id: str = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 28_000


def main() -> None:
    """Measure, then profile, then write."""
    given = json.loads(Path(sys.argv[1]).read_text())
    module, _, name = given["handler"].rpartition(".")
    handler, bodies = getattr(import_module(module), name), given["bodies"]
    runs = _acceptances(handler, bodies) if bodies else {"delivery": _delivery(handler)}
    empty = _empty_call()
    for run in (*runs.values(), empty):
        run()  # what it does once in its life
    rounds: dict[str, list[float]] = {name: [] for name in ("empty", *runs)}
    for _ in range(_ROUNDS):
        rounds["empty"].append(_milliseconds(empty, _EMPTY_CALLS))
        for name, run in runs.items():
            rounds[name].append(_milliseconds(run, _TIMES[name]))
    medians = {name: statistics.median(times) for name, times in rounds.items()}
    answer = {"empty_call": medians.pop("empty"), "each": medians, **_profiled(next(iter(runs.values())))}
    Path(sys.argv[2]).write_text(json.dumps(answer))


def _milliseconds(run: Run, times: int) -> float:
    """Processor time of one of what is done."""
    used, done = 0.0, 0
    for _ in range(times):
        begun = time.process_time()
        done += run()
        used += time.process_time() - begun
    return 1000 * used / done


def _empty_call() -> Run:
    client, table = boto3.client("dynamodb"), os.environ["CARILLON_CONTACTS_TABLE"]

    def run() -> int:
        client.get_item(TableName=table, Key={"user_id": {"S": "nobody"}})
        return 1

    return run


def _acceptances(handler: Any, bodies: dict[str, Any]) -> dict[str, Run]:
    def acceptance(body: dict[str, Any]) -> Run:
        event = _request(json.dumps(body))

        def run() -> int:
            answer = handler(event, _Context())
            if answer["statusCode"] != 202:
                raise RuntimeError(answer["body"])
            return 1

        return run

    return {name: acceptance(body) for name, body in bodies.items()}


def _delivery(handler: Any) -> Run:
    """A batch of what is in the queue. Asking for it is not what is measured, so it is asked for ahead."""
    batches = _batches()
    ready = [next(batches) for _ in range(_ROUNDS + 1 + _ROUNDS)]

    def run() -> int:
        records = ready.pop()
        answer = handler({"Records": records}, _Context())
        if answer["batchItemFailures"]:
            raise RuntimeError(f"not delivered: {answer}")
        return len(records)

    return run


def _batches() -> Iterator[list[dict[str, Any]]]:
    sqs, url = boto3.client("sqs"), os.environ["CARILLON_QUEUE_URL"]
    while True:
        found: list[dict[str, Any]] = []
        while len(found) < _BATCH:
            wanted = _BATCH - len(found)
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=wanted, WaitTimeSeconds=5)
            for message in received["Messages"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(_record(message))
        yield found


def _record(message: Any) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:carillon-local-email",
        "awsRegion": "eu-central-1",
    }


def _request(body: str) -> dict[str, Any]:
    """The event of a REST API's Lambda proxy integration.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    path, headers = "/v1/notifications", {"Content-Type": "application/json", "Accept": "*/*"}
    return {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {
            "authorizer": {"app_key": "demo", "categories": '["*"]', "channels": '["*"]'},
            "requestId": "bench",
            "path": f"/live{path}",
        },
        "body": body,
        "isBase64Encoded": False,
    }


# -- the profile -------------------------------------------------------------------------------------------------------


def _profiled(run: Run) -> dict[str, Any]:
    """Where processor time goes, of all threads: the functions of ours that cost most, and each package's own part."""
    yappi.set_clock_type("cpu")
    yappi.start(profile_threads=True)
    done = sum(run() for _ in range(_ROUNDS))
    yappi.stop()
    here = str(Path(__file__).parent)
    stats = [each for each in yappi.get_func_stats() if not each.module.startswith((here, yappi.__file__))]
    packages: Counter[str] = Counter()
    for each in stats:
        packages[_package(each.module)] += each.tsub
    whole, outermost = sum(packages.values()), max(each.ttot for each in stats)
    largest = sorted((each for each in stats if each.tsub > 0), key=lambda each: -each.tsub)[:_LARGEST]
    ours = sorted((each for each in stats if "/handlers/" in each.module), key=lambda each: -each.ttot)[:_LARGEST]
    return {
        "packages": {name: part / whole for name, part in packages.most_common(_LARGEST)},
        "profile": [
            {"where": _where(each), "calls": each.ncall / done, "own": each.tsub / whole, "all": each.ttot / outermost}
            for each in (*ours, *largest)
        ],
    }


def _package(module: str) -> str:
    """`botocore` for a file of it, `handlers` for one of ours, and the module's name for one of Python's own."""
    parts = Path(module).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    if "handlers" in parts:
        return "handlers"
    own = next((n for n, part in enumerate(parts) if part.startswith("python3.")), None)
    return f"python: {'built in' if own is None else parts[own + 1].removesuffix('.py')}"


def _where(each: Any) -> str:
    parts = Path(each.module).parts
    short = "/".join(parts[-3:])
    return f"{short}:{each.lineno} {each.name}"


if __name__ == "__main__":
    main()
