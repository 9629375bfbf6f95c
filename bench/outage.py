"""E-mail while every provider of SMS is out: what one channel suffers must not be seen on another.

The same number of e-mails twice, one at a time: all well, and then with Amazon SNS and Twilio out and a text message
posted for every fifth mail. Then the outage ends, and the text messages have to arrive.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import httpx

from bench.account import Account, unswept
from bench.calls import Traffic, prepared
from bench.environment import Running
from bench.floor import Latency, latency
from bench.pipelines import ours
from bench.producer import Producer
from bench.progress import Step
from bench.results import Line, Part, p95

_PROVIDERS: Final = ("sns", "twilio")
_ROUNDS: Final = 8
_MAILS: Final = 5
_TOLERANCE: Final = 1.15


def measure(running: Running, step: Step) -> Part:
    """All well, then the outage, then the wait until what could not be sent is."""
    with unswept(Account(running.emulator)), Producer(running.local) as producer, ours(running) as pipeline:
        text = prepared(producer, Traffic("sms"))
        producer.until_sent(producer.send(text)["notification_id"])
        latency(running, pipeline, _MAILS)
        step(f"outage: {_ROUNDS * _MAILS} mails, all well")
        well = [latency(running, pipeline, _MAILS) for _ in range(_ROUNDS)]
        step(f"outage: {_ROUNDS * _MAILS} mails, SMS out")
        ill, texts = [], []
        with _out(running.local.inbox_url):
            for _ in range(_ROUNDS):
                texts.append(producer.send(text))
                ill.append(latency(running, pipeline, _MAILS))
        step(f"outage: {len(texts)} text messages, SMS back")
        ended = time.time()
        for each in texts:
            producer.until_sent(each["notification_id"])
        arrived = time.time() - ended
    details: dict[str, Any] = {"well": [asdict(each) for each in well], "ill": [asdict(each) for each in ill]}
    return Part("A dead channel", lines(well, ill, arrived), details)


def lines(well: list[Latency], ill: list[Latency], arrived: float) -> list[Line]:
    """The other channel's times, and when the dead one had caught up."""
    good, bad = ([time for each in rounds for time in each.sent] for rounds in (well, ill))
    return [
        Line(
            "E-mail POST → sent, p50, SMS out ÷ all well",
            statistics.median(bad) / statistics.median(good),
            "×",
            at_most=_TOLERANCE,
        ),
        Line("E-mail POST → sent, p95, SMS out ÷ all well", p95(bad) / p95(good), "×"),
        Line("All text messages were sent after the outage", arrived, "s"),
    ]


@contextmanager
def _out(inbox_url: str) -> Iterator[None]:
    """Let no provider of SMS serve, and let them serve again."""
    urls = [f"{inbox_url}/api/faults/{provider}" for provider in _PROVIDERS]
    for url in urls:
        httpx.put(url, json={"mode": "outage", "rate": 1}).raise_for_status()
    try:
        yield
    finally:
        for url in urls:
            httpx.delete(url).raise_for_status()
