"""What the observer counts is what a full recount of the log finds, whatever the stream does."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.domain.notifications.deliveries import Delivery, Reason, Step
from handlers.domain.notifications.plan import FURTHEST_AHEAD
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.stats.counting import recount
from handlers.domain.stats.ledger import COUNTED_FOR, FORGOTTEN_AFTER, LISTED_FOR, Entry, Posting
from handlers.services.observing import Bookkeeper
from tests.unit.handlers.books import MemoryBooks, Unsteady, life, stream
from tests.unit.handlers.samples import NOW, delivery


def CLOCK() -> datetime:  # noqa: N802
    return NOW + timedelta(days=3)


def read(shard: Sequence[Change], bookkeeper: Bookkeeper, random: Random) -> None:
    """Read a shard as Lambda does: from the last checkpoint, in batches of any size, and from an earlier one now and
    then, as if what was done had not been noted; a batch of which something failed comes again, perhaps in halves.
    """
    checkpoint, replays = 0, 12
    while checkpoint < len(shard):
        batch = shard[checkpoint : checkpoint + random.randrange(1, 120)]
        failed = bookkeeper.follow(batch)
        if failed:
            checkpoint += min(batch.index(each) for each in failed)
        elif replays and random.random() < 0.5:
            replays -= 1
            checkpoint = random.randrange(checkpoint + 1)
        else:
            checkpoint += len(batch)


def check(random: Random, deliveries: int) -> None:
    lives = [life(random, number) for number in range(deliveries)]
    changes = stream(random, lives)
    books = Unsteady(random)
    bookkeeper = Bookkeeper(books, CLOCK)
    # A delivery is in one shard; the shards are read at once, which here is one after the other in any order.
    shards = [[each for each in changes if each.delivery.delivery_id[0] in some] for some in ("01234567", "89abcdef")]
    for shard in random.sample(shards, len(shards)):
        read(shard, bookkeeper, random)
    assert books.counted() == recount([passed[-1] for passed in lives])


@given(st.integers(0, 2**32), st.integers(1, 25))
@settings(deadline=None, max_examples=100)
def test_whatever_comes_again_or_fails_the_counters_are_those_of_a_recount(seed: int, deliveries: int) -> None:
    check(Random(seed), deliveries)


def test_what_has_led_there_and_back_and_was_posted_in_part_is_posted_whole_when_it_comes_again() -> None:
    books = MemoryBooks()
    passed = sent(delivery(), Status.PENDING, Status.ERROR, Status.PENDING, Status.ERROR)
    changes = changes_of(passed)
    bookkeeper = Bookkeeper(books, CLOCK)
    bookkeeper.follow(changes[:4])
    bookkeeper.follow(changes[3:])
    assert books.counted() == recount(passed[-1:])


@pytest.mark.parametrize("seed", [1, 2])
def test_five_hundred_deliveries_are_counted_as_a_recount_counts_them(seed: int) -> None:
    check(Random(seed), 500)


def sent(given: Delivery, *statuses: Status) -> list[Delivery]:
    passed = [given]
    for status in statuses:
        last = passed[-1]
        step = Step(status=status, at=last.timeline[-1].at + timedelta(seconds=1))
        passed.append(last.model_copy(update={"status": status, "timeline": (*last.timeline, step)}))
    return passed


def changes_of(*lives: Sequence[Delivery]) -> list[Change]:
    """The changes of deliveries, the first moves of all of them first."""
    longest = max(map(len, lives))
    numbered = [
        (passed[place - 1] if place else None, passed[place])
        for place in range(longest)
        for passed in lives
        if place < len(passed)
    ]
    return [Change(ordered(str(number)), *each) for number, each in enumerate(numbered, start=1)]


def test_a_hundred_deliveries_on_their_way_in_one_batch_are_few_writes() -> None:
    books = MemoryBooks()
    lives = [sent(delivery(), Status.PENDING, Status.SENT) for _ in range(100)]
    Bookkeeper(books, CLOCK).follow(changes_of(*lives))
    # Each delivery's entry once, though it moved three times, and the counters once in each transaction.
    assert sum(books.writes) == 100 + 2
    assert max(books.writes) <= books.MOST_WRITES


def test_what_was_never_seen_is_made_up_for_when_the_delivery_moves_next() -> None:
    books = MemoryBooks()
    [passed] = [sent(delivery(), Status.PENDING, Status.SENT, Status.OPENED)]
    changes = changes_of(passed)
    bookkeeper = Bookkeeper(books, CLOCK)
    bookkeeper.follow(changes[:1])
    bookkeeper.follow(changes[3:])
    assert books.counted() == recount(passed[-1:])
    unseen = MemoryBooks()
    Bookkeeper(unseen, CLOCK).follow(changes[2:])
    assert unseen.counted() == recount(passed[-1:])


def test_what_was_never_accepted_is_taken_away_again_and_leaves_no_entry() -> None:
    books = MemoryBooks()
    given = delivery()
    bookkeeper = Bookkeeper(books, CLOCK)
    accepted, erased = Change(ordered("1"), None, given), Change(ordered("2"), given, None)
    bookkeeper.follow([accepted])
    for _ in range(2):
        assert bookkeeper.follow([erased]) == []
    assert (books.counted(), books.entries) == ({}, {})
    bookkeeper.follow([accepted])
    bookkeeper.follow([accepted, erased])
    assert (books.counted(), books.entries) == ({}, {})


def test_an_operators_redrive_is_no_delivery_more() -> None:
    books = MemoryBooks()
    passed = sent(delivery(), Status.PENDING, Status.ERROR, Status.PENDING, Status.SENT)
    Bookkeeper(books, CLOCK).follow(changes_of(passed))
    [counters] = books.counted().values()
    assert {name: n for name, n in counters.items() if not name.startswith("latency_")} == {"sent": 1, "ever_sent": 1}


def test_a_write_that_changes_nothing_that_is_counted_or_listed_costs_nothing() -> None:
    books = MemoryBooks()
    given = delivery()
    later = given.model_copy(update={"republished": 3})
    Bookkeeper(books, CLOCK).follow([Change(ordered("1"), given, later)])
    assert books.writes == []


def test_a_move_of_a_delivery_whose_entry_may_be_forgotten_is_not_counted_as_a_new_delivery() -> None:
    books = MemoryBooks()
    assert LISTED_FOR < FORGOTTEN_AFTER
    old = delivery(created_at=CLOCK() - LISTED_FOR, status=Status.SENT)
    Bookkeeper(books, CLOCK).follow(changes_of(sent(old, Status.OPENED))[1:])
    assert books.counted() == {}


def test_what_was_scheduled_a_year_ahead_is_counted_when_it_is_sent() -> None:
    books = MemoryBooks()
    assert COUNTED_FOR > FURTHEST_AHEAD + FORGOTTEN_AFTER
    accepted = delivery(created_at=CLOCK() - FURTHEST_AHEAD, send_at=CLOCK(), reason=Reason.SCHEDULED)
    passed = sent(accepted, Status.PENDING, Status.SENT)
    Bookkeeper(books, CLOCK).follow(changes_of(passed))
    assert books.counted() == recount(passed[-1:])


def test_deliveries_of_which_one_meets_another_entry_are_counted_all_the_same() -> None:
    books = MemoryBooks()
    lives = [sent(delivery(), Status.PENDING) for _ in range(3)]
    changes = changes_of(*lives)
    bookkeeper = Bookkeeper(books, CLOCK)
    bookkeeper.follow(changes[:1])
    bookkeeper.follow(changes)
    assert books.counted() == recount([passed[-1] for passed in lives])


class Contended(MemoryBooks):
    """Somebody else is always quicker."""

    def post(self, postings: Sequence[Posting]) -> Mapping[int, Entry | None]:
        return {place: None for place, _ in enumerate(postings)}


def test_what_others_keep_posting_fails_and_comes_again() -> None:
    changes = changes_of(sent(delivery(), Status.PENDING))
    assert Bookkeeper(Contended(), CLOCK).follow(changes)
