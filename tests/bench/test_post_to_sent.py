"""The benchmark measures what it says."""

import pytest

from bench.post_to_sent import Summary, measure, summarise
from local.platform import Platform
from ops.client import Client, Credentials


def test_a_post_is_followed_until_it_is_sent(platform: Platform) -> None:
    local = platform.local
    with Client(local.api_url, Credentials(local.app_key, local.app_secret)) as client:
        client.put_contact("bench", {"email": "bench@example.com"})
        sample = measure(client, "bench")
    assert 0 < sample.accepted < sample.seen
    assert 0 < sample.sent < sample.seen


@pytest.mark.parametrize(
    ("times", "summary"),
    [([float(t) for t in range(1, 101)], Summary(50.5, 95.05)), ([7.0, 7.0, 7.0], Summary(7.0, 7.0))],
)
def test_times_are_summarised_by_median_and_95th_percentile(times: list[float], summary: Summary) -> None:
    assert summarise(times) == summary
