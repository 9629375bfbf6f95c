"""E-mail while every provider of SMS is out, on the platform that `make up` has started: `python -m bench.outage`.

The same number of e-mails twice, one at a time: all well, and then with Amazon SNS and Twilio out and a text message
posted for every tenth mail. What one channel suffers must not be seen on the other: the medians should be alike. Then
the outage ends, and the text messages have to arrive. Prints, and writes `.carillon/bench/outage.json`.
"""

import argparse
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.post_to_sent import Sample, Summary, measure, summarise
from ops.client import Client, Credentials

RESULTS = Path(".carillon") / "bench" / "outage.json"
_PROVIDERS = ("sns", "twilio")
_MAILS_PER_TEXT = 10
_WARM_UP = 3
_SECONDS = 300.0
_LOOK_AGAIN_SECONDS = 0.5


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mails", type=int, default=200)
    mails: int = parser.parse_args().mails
    local = json.loads((Path(".carillon") / "local.json").read_text())
    user = f"bench-{uuid.uuid4().hex[:8]}"
    with Client(local["api_url"], Credentials(local["app_key"], local["app_secret"])) as client:
        client.put_contact(user, {"email": "bench@example.com", "phone": "+4915112345678"})
        for _ in range(_WARM_UP):
            measure(client, user)
        well = [measure(client, user) for _ in track(range(mails), f"{mails} mails, all well")]
        with _out(local["inbox_url"]):
            texts = []
            ill: list[Sample] = []
            for number in track(range(mails), f"{mails} mails, SMS out"):
                if number % _MAILS_PER_TEXT == 0:
                    texts.append(_text(client, user))
                ill.append(measure(client, user))
            waiting = [_delivery(client, text)["status"] for text in texts]
        ended = time.monotonic()
        for text in track(texts, f"{len(texts)} text messages, SMS back"):
            _until_sent(client, text)
    arrived = time.monotonic() - ended
    summaries = {name: summarise([each.sent for each in samples]) for name, samples in (("well", well), ("ill", ill))}
    result: dict[str, Any] = {name: asdict(summary) for name, summary in summaries.items()}
    result |= {"texts": len(texts), "waiting": waiting.count("pending"), "arrived_after_seconds": round(arrived, 1)}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2))
    Console().print(_table(mails, summaries))
    Console().print(
        f"{result['waiting']} of {len(texts)} text messages waited; all were sent {arrived:.0f} s after the outage"
    )


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


def _text(client: Client, user: str) -> str:
    content = {"body": "Hello"}
    body = {"category": "payment", "content": content, "to": [{"user_id": user}], "channels": ["sms"]}
    notification_id: str = client.send(body)["notification_id"]
    return notification_id


def _delivery(client: Client, notification_id: str) -> dict[str, Any]:
    [delivery] = client.notification(notification_id)["deliveries"]
    return dict(delivery)


def _until_sent(client: Client, notification_id: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while (delivery := _delivery(client, notification_id))["status"] != "sent":
        if time.monotonic() > deadline:
            raise RuntimeError(f"a text message is {delivery['status']} after {_SECONDS:.0f} s")
        time.sleep(_LOOK_AGAIN_SECONDS)


def _table(mails: int, summaries: dict[str, Summary]) -> Table:
    table = Table("from POST until sent", "median", "p95", title=f"{mails} mails, milliseconds by the log")
    meaning = {"well": "all well", "ill": "every provider of SMS out"}
    for name, summary in summaries.items():
        table.add_row(meaning[name], f"{summary.median:.0f}", f"{summary.p95:.0f}")
    return table


if __name__ == "__main__":
    main()
