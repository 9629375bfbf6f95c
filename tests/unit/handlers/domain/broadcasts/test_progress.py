"""Which pages of a broadcast are counted already, in whatever order they are done with."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.broadcasts import broadcast
from handlers.domain.broadcasts.broadcast import Progress, State
from handlers.domain.notifications.statuses import Status

PAGES = 400
ONE_SENT = Counter({Status.SENT: 1})


def progress() -> Progress:
    return Progress(status=State.FINISHED, page=PAGES)


@given(st.lists(st.lists(st.integers(0, PAGES - 1))))
def test_each_page_is_counted_once_in_whatever_order_they_are_done_with(rounds: list[list[int]]) -> None:
    seen = progress()
    for done in rounds:
        seen = Progress.model_validate_json(seen.settle(dict.fromkeys(done, ONE_SENT)).model_dump_json())
        assert seen.settled.get("sent", 0) == PAGES - len(seen.unsettled)
        assert set(range(seen.settled_pages)).isdisjoint(seen.unsettled)
        assert seen.settled_pages in {*seen.unsettled, PAGES}
    if len(seen.settled_beyond) < broadcast._MOST_STRETCHES:
        assert set(seen.unsettled) == set(range(PAGES)) - {page for done in rounds for page in done}


def test_one_page_that_waits_lets_all_others_be_counted_once() -> None:
    seen = progress().settle({page: ONE_SENT for page in range(PAGES) if page not in {3, 200}})
    assert seen.unsettled == [3, 200]
    assert (seen.settled_pages, seen.settled_beyond) == (3, ((4, 200), (201, PAGES)))
    ended = seen.settle({3: ONE_SENT, 200: ONE_SENT, 201: ONE_SENT})
    assert (ended.settled_pages, ended.settled_beyond, ended.settled) == (PAGES, (), {"sent": PAGES})


def test_when_every_other_page_waits_what_is_kept_stays_small() -> None:
    seen = progress().settle(dict.fromkeys(range(1, PAGES, 2), ONE_SENT))
    assert len(seen.settled_beyond) == broadcast._MOST_STRETCHES
    assert seen.settled == {"sent": 100}
    joined = seen.settle(dict.fromkeys(range(0, PAGES, 2), ONE_SENT)).settle(dict.fromkeys(range(PAGES), ONE_SENT))
    assert (joined.settled_pages, joined.settled) == (PAGES, {"sent": PAGES})
