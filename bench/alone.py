"""Handlers alone: processor time for one acceptance, one of 100 recipients, and one delivery in a batch of ten.

Each handler runs in a process of its own, as it stands in the checkout, with its function's environment. What it calls
over HTTP is the emulator, which runs elsewhere: its work is not in what is measured. The unit is an empty call: what
boto3 as it comes uses to ask DynamoDB for an item that is not there, in the same process, between the same rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.account import PREFIX, Account, held_back, unswept, until, waiting
from bench.calls import Traffic, prepared
from bench.environment import Running
from bench.producer import Producer
from bench.progress import Step
from bench.results import Line, Part

CHANNEL: Final = "email"
_MANY: Final = 100


@dataclass(frozen=True)
class Alone:
    """Milliseconds of processor time, medians of rounds."""

    empty_call: float
    each: Mapping[str, float]
    profile: Sequence[Mapping[str, Any]]
    packages: Mapping[str, float]


def measure(running: Running, step: Step) -> Part:
    """Accept with the queue's consumer held back, then deliver what is in the queue."""
    account = Account(running.emulator)
    with Producer(running.local) as producer, unswept(account), held_back(account, CHANNEL):
        step("handlers: storing 101 users")
        one, many = (prepared(producer, Traffic(CHANNEL, recipients=number)) for number in (1, _MANY))
        step("handlers: accepting")
        accepting = _run(account, "notifications", {"one": one, "many": many})
        step("handlers: delivering")
        delivering = _run(account, f"worker-{CHANNEL}", {})
    step("handlers: what is left is delivered")
    until(lambda: waiting(account, CHANNEL) == 0, "the queue is empty")
    details = {"accepting": accepting, "delivering": delivering}
    return Part("Handlers alone", lines(Alone(**accepting), Alone(**delivering)), details)


def lines(accepting: Alone, delivering: Alone) -> list[Line]:
    """Times, and what they are in empty calls of the same process."""
    one, recipient, delivery = accepting.each["one"], accepting.each["many"] / _MANY, delivering.each["delivery"]
    return [
        Line("An empty botocore call", accepting.empty_call, "ms"),
        Line("A single acceptance", one, "ms", at_most=8),
        Line("A single acceptance, in empty calls", one / accepting.empty_call, "", at_most=3.5),
        Line("A recipient of 100", recipient, "ms", at_most=0.5),
        Line("A recipient of 100, in empty calls", recipient / accepting.empty_call, "", at_most=0.25),
        Line("A delivery in the worker", delivery, "ms", at_most=6),
        Line("A delivery in the worker, in empty calls", delivery / delivering.empty_call, "", at_most=2.5),
    ]


def _run(account: Account, function: str, bodies: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one function in a process of its own. Raises `CalledProcessError` with what it said."""
    found = account.client("lambda").get_function_configuration(FunctionName=f"{PREFIX}{function}")
    emulator = account.emulator
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **found["Environment"]["Variables"],
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_DEFAULT_REGION": emulator.region,
        "AWS_ACCESS_KEY_ID": emulator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": emulator.secret_access_key,
        "AWS_LAMBDA_FUNCTION_NAME": f"{PREFIX}{function}",
    }
    with tempfile.TemporaryDirectory() as directory:
        given, answer = Path(directory, "given.json"), Path(directory, "answer.json")
        given.write_text(json.dumps({"handler": found["Handler"], "bodies": bodies}))
        # What the handler logs goes where nobody reads it, as it does in Lambda: not to a terminal.
        command = [sys.executable, "-m", "bench.alone_process", str(given), str(answer)]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        measured: dict[str, Any] = json.loads(answer.read_text())
    return measured
