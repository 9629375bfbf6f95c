"""The benchmark measures what it says: by a clock that moves only while the API works."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine

from bench import post_to_sent
from bench.post_to_sent import Summary, measure, summarise
from ops.client import Client, Credentials

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


class Time:
    """The `time` of the benchmark, and the clock of the API that it asks."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._passed = 0.0

    def passes(self, seconds: float) -> None:
        self._passed += seconds
        self._traveller.shift(seconds)

    sleep = passes

    def perf_counter(self) -> float:
        return self._passed


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    with time_machine.travel(NOW, tick=False) as traveller:
        time = Time(traveller)
        monkeypatch.setattr(post_to_sent, "time", time)
        yield time


class Api:
    """Accepts in 40 ms and answers in 10 ms; the delivery is sent 70 ms after the acceptance began, or never."""

    def __init__(self, time: Time, *, sends: bool = True) -> None:
        self._time = time
        self._sends = sends
        self.posts = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.posts += 1
            self._time.passes(0.04)
            return httpx.Response(202, json={"notification_id": "n-1", "deliveries": [{"status": "created"}]})
        self._time.passes(0.01)
        return httpx.Response(200, json={"notification_id": "n-1", "deliveries": [self._delivery()]})

    def _delivery(self) -> dict[str, Any]:
        sent_at = NOW + timedelta(milliseconds=70)
        steps = [{"status": "created", "at": NOW.isoformat()}]
        if self._sends and datetime.now(UTC) >= sent_at:
            steps.append({"status": "sent", "at": sent_at.isoformat()})
        return {"status": steps[-1]["status"], "timeline": steps}


def client_of(api: Api, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client("http://api.example.com", Credentials("demo", "a secret of at least thirty-two bytes"))
    monkeypatch.setattr(
        client, "_http", httpx.Client(base_url="http://api.example.com", transport=httpx.MockTransport(api))
    )
    return client


def test_a_post_is_followed_until_it_is_sent(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(time)
    sample = measure(client_of(api, monkeypatch), "bench")
    # Looked at after 50, 65 and 80 ms, with 5 ms between an answer and the next look.
    assert (sample.accepted, sample.sent, sample.seen) == pytest.approx((40, 70, 80))
    assert api.posts == 1


def test_what_is_not_sent_in_half_a_minute_is_an_error_and_no_sample(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="n-1 is not sent within 30 s"):
        measure(client_of(Api(time, sends=False), monkeypatch), "bench")


@pytest.mark.parametrize(
    ("times", "summary"),
    [([float(t) for t in range(1, 101)], Summary(50.5, 95.05)), ([7.0, 7.0, 7.0], Summary(7.0, 7.0))],
)
def test_times_are_summarised_by_median_and_95th_percentile(times: list[float], summary: Summary) -> None:
    assert summarise(times) == summary
