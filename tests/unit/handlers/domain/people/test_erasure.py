"""When the log is read to erase users from it, and for whom."""

from datetime import timedelta

import pytest

from handlers.domain.people.erasure import AT_ONCE, REST, Asked, Erasure, Pass
from tests.unit.handlers.samples import NOW

ADA = Erasure("ada", NOW, frozenset({"address§1"}))


@pytest.mark.parametrize(
    ("user_id", "address_key", "later", "expected"),
    [
        ("ada", None, 0, True),
        ("ada", "address§2", 0, True),
        ("ada", None, 1, False),
        ("bob", "address§1", 0, False),
        (None, "address§1", 0, True),
        (None, "address§1", 1, False),
        (None, "address§2", 0, False),
        (None, None, 0, False),
    ],
)
def test_a_delivery_is_erased_with_its_user_or_with_an_address_that_is_nobody_elses(
    user_id: str | None, address_key: str | None, later: int, expected: bool
) -> None:
    assert ADA.is_about(user_id, address_key, NOW + timedelta(seconds=later)) is expected


def test_nobody_to_erase_reads_nothing() -> None:
    assert Asked().next(NOW) is None
    assert Asked((), Pass(NOW, NOW, is_over=True)).next(NOW + REST) is None


def test_a_pass_that_is_not_over_goes_on_before_another_begins() -> None:
    current = Pass(NOW, NOW, put_off=3, cursor={"notification_id": "n"})
    assert Asked((ADA,), current).next(NOW + 2 * REST) is current


def test_after_a_long_pass_the_next_one_waits_and_after_a_short_one_it_does_not() -> None:
    short, long = (Pass(NOW, NOW, put_off=times, is_over=True) for times in (0, 1))
    assert Asked((ADA,), short).next(NOW) is not None
    assert Asked((ADA,), long).next(NOW + REST - timedelta(seconds=1)) is None
    assert Asked((ADA,), long).next(NOW + REST) is not None


def test_a_pass_is_for_those_who_wait_longest_and_not_for_whoever_is_asked_for_meanwhile() -> None:
    asked = [Erasure(f"user-{n}", NOW + timedelta(seconds=n)) for n in range(AT_ONCE + 5)]
    begun = Asked(tuple(reversed(asked))).next(NOW + timedelta(hours=1))
    assert begun is not None
    assert set(begun.covered(asked)) == set(asked[:AT_ONCE])
    again = Erasure("user-0", NOW + timedelta(hours=2))
    assert again not in begun.covered([again, *asked[1:]])


def test_whoever_was_left_on_any_page_is_left_when_the_pass_is_over() -> None:
    after = Pass(NOW, NOW).after({"key": "k"}, {"ada"}).after(None, set())
    assert (after.left, after.is_over) == (frozenset({"ada"}), True)
