"""When a message whose delivery failed comes back to its queue.

Soon at first, since most failures are short, and then less and less often: 10, 20, 40, 80, 160 seconds, and then as
long as the queue itself hides a message, by default three minutes. With the ten times that it is tried by default, a
message is given up after a quarter of an hour or more; the jitter keeps those that failed together from coming back
together.
"""

import random
from datetime import timedelta
from typing import Final

FIRST: Final = timedelta(seconds=10)

AFTER_UNKNOWN: Final = timedelta(minutes=1)
"""After an attempt of which nobody knows what became: its answer, or a receipt, may still come, and settle it."""


def comes_back(received: int, longest: timedelta, patience: timedelta = timedelta()) -> timedelta:
    """Return in how long a message that was received so often, 1 at first, comes back; `patience` at the earliest.

    At the latest after `longest`, the queue's own visibility timeout, but for a provider that asks for more, up to an
    hour.
    """
    doublings = min(received - 1, 10)  # beyond ten it is the longest anyway
    backoff = min(FIRST * (1 << doublings), longest) * random.uniform(0.8, 1)  # noqa: S311 - jitter is no secret
    return max(backoff, min(patience, timedelta(hours=1)))
