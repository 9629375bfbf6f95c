"""Time from POST to `sent`, on the platform that `make up` has started: `python -m bench.post_to_sent [--posts 100]`.

One post at a time, each followed until its delivery is sent, so that what is measured is latency and not throughput.
Three times for each: the answer to the POST, from the POST to `sent` by the log's own clock, and until a producer that
asks every 5 ms sees it. Prints milliseconds and writes them to `.carillon/bench/post_to_sent.json`.
"""

import argparse
import json
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ops.client import Client, Credentials

RESULTS = Path(".carillon") / "bench" / "post_to_sent.json"
_LOOK_AGAIN_SECONDS = 0.005
_SECONDS = 30.0
_WARM_UP = 3


@dataclass(frozen=True)
class Sample:
    """Milliseconds from the start of one POST."""

    accepted: float
    sent: float
    seen: float


@dataclass(frozen=True)
class Summary:
    """Milliseconds."""

    median: float
    p95: float


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=100)
    posts: int = parser.parse_args().posts
    local = json.loads((Path(".carillon") / "local.json").read_text())
    user = f"bench-{uuid.uuid4().hex[:8]}"
    with Client(local["api_url"], Credentials(local["app_key"], local["app_secret"])) as client:
        client.put_contact(user, {"email": "bench@example.com"})
        for _ in range(_WARM_UP):
            measure(client, user)
        samples = [measure(client, user) for _ in track(range(posts), f"{posts} posts")]
    summaries = {name: summarise([asdict(s)[name] for s in samples]) for name in ("accepted", "sent", "seen")}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({name: asdict(summary) for name, summary in summaries.items()}, indent=2))
    Console().print(_table(posts, summaries))


def measure(client: Client, user: str) -> Sample:
    """Post once and follow the delivery until it is sent. Raises RuntimeError when it is not within 30 s."""
    content = {"subject": "Benchmark", "body": "<p>Hello</p>"}
    at, begun = datetime.now(UTC), time.perf_counter()
    accepted = client.send({"category": "payment", "content": content, "to": [{"user_id": user}]})
    answered = time.perf_counter()
    while time.perf_counter() < begun + _SECONDS:
        [delivery] = client.notification(accepted["notification_id"])["deliveries"]
        if delivery["status"] == "sent":
            seen = time.perf_counter()
            sent = datetime.fromisoformat(delivery["timeline"][-1]["at"])
            return Sample(1000 * (answered - begun), (sent - at).total_seconds() * 1000, 1000 * (seen - begun))
        time.sleep(_LOOK_AGAIN_SECONDS)
    raise RuntimeError(f"notification {accepted['notification_id']} is not sent within {_SECONDS:.0f} s: {delivery}")


def summarise(times: Sequence[float]) -> Summary:
    """Median and 95th percentile."""
    return Summary(statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1])


def _table(posts: int, summaries: dict[str, Summary]) -> Table:
    table = Table("from POST until", "median", "p95", title=f"{posts} posts, milliseconds")
    meaning = {"accepted": "the 202", "sent": "sent, by the log", "seen": "a producer sees it"}
    for name, summary in summaries.items():
        table.add_row(meaning[name], f"{summary.median:.0f}", f"{summary.p95:.0f}")
    return table


if __name__ == "__main__":
    main()
