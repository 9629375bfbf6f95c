"""Tokens: one for all threads, replaced when it is time, when refused, and when the credentials change."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
import time_machine

from handlers.adapters.aws.provider_credentials import Credentials
from handlers.adapters.providers import bearer
from handlers.adapters.providers.bearer import BearerTokens, Token
from handlers.adapters.providers.http import Answer
from handlers.domain.providers.errors import UnavailableError
from tests.unit.handlers.adapters.providers.push import NOW

LIFETIME = 600
OK, NO = Answer(200, httpx.Headers()), Answer(401, httpx.Headers())


class Key(Credentials):
    name: str


class Mint:
    """Makes numbered tokens, good for ten minutes."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, credentials: Key, now: float) -> Token:
        self.made.append(f"{credentials.name}-{len(self.made) + 1}")
        return Token(self.made[-1], now + LIFETIME)


@pytest.fixture
def mint() -> Mint:
    return Mint()


@pytest.fixture
def tokens(mint: Mint) -> BearerTokens[Key]:
    return BearerTokens(mint)


def test_a_token_is_used_until_it_is_time_for_another(tokens: BearerTokens[Key]) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        assert tokens.current(Key(name="a")) == "a-1"
        clock.shift(LIFETIME - 1)
        assert tokens.current(Key(name="a")) == "a-1"
        clock.shift(1)
        assert tokens.current(Key(name="a")) == "a-2"


def test_other_credentials_have_another_token(tokens: BearerTokens[Key]) -> None:
    assert [tokens.current(Key(name=name)) for name in "aab"] == ["a-1", "a-1", "b-2"]


def test_a_token_that_is_refused_is_replaced_once(tokens: BearerTokens[Key], mint: Mint) -> None:
    presented: list[str] = []

    def call(token: str) -> Answer:
        presented.append(token)
        return NO

    assert tokens.present(Key(name="a"), call, lambda answer: answer is NO) is NO
    assert presented == mint.made == ["a-1", "a-2"]


def test_a_token_that_is_taken_is_presented_once(tokens: BearerTokens[Key]) -> None:
    presented: list[str] = []

    def call(token: str) -> Answer:
        presented.append(token)
        return OK

    assert tokens.present(Key(name="a"), call, lambda answer: answer is NO) is OK
    assert presented == ["a-1"]


def test_of_two_who_were_refused_the_second_takes_what_the_first_had_made(tokens: BearerTokens[Key]) -> None:
    refused = tokens.current(Key(name="a"))
    assert [tokens.current(Key(name="a"), refused=refused) for _ in range(2)] == ["a-2", "a-2"]


class Slow:
    """Makes a token, or fails, when it is let."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked, self.let = threading.Event(), threading.Event()
        self.calls = 0
        self._error = error

    def __call__(self, credentials: Key, now: float) -> Token:
        self.calls += 1
        self.asked.set()
        assert self.let.wait(240)
        if self._error is not None:
            raise self._error
        return Token("a", now + LIFETIME)


def at_once(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> "list[Future[str]]":
    """What ten threads get, nine of whom wait for the token that the first is having made."""
    waiting = threading.Semaphore(0)

    class Watched(Future[Token]):
        def result(self, timeout: float | None = None) -> Token:
            waiting.release()
            return super().result(timeout)

    monkeypatch.setattr(bearer, "Future", Watched)
    tokens: BearerTokens[Key] = BearerTokens(slow)
    with ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(tokens.current, Key(name="a"))]
        assert slow.asked.wait(240)
        asking += [pool.submit(tokens.current, Key(name="a")) for _ in range(9)]
        assert all(waiting.acquire(timeout=60) for _ in range(9))
        slow.let.set()
    return asking


def test_ten_threads_have_one_token_made(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    assert [future.result() for future in at_once(slow, monkeypatch)] == ["a"] * 10
    assert slow.calls == 1


def test_ten_threads_wait_for_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(UnavailableError("503"))
    assert {type(future.exception()) for future in at_once(slow, monkeypatch)} == {UnavailableError}
    assert slow.calls == 1


def test_a_failure_is_not_remembered(mint: Mint) -> None:
    failing = Slow(UnavailableError("503"))
    failing.let.set()
    makers: Iterator[Callable[[Key, float], Token]] = iter((failing, mint))
    tokens: BearerTokens[Key] = BearerTokens(lambda credentials, now: next(makers)(credentials, now))
    with pytest.raises(UnavailableError):
        tokens.current(Key(name="a"))
    assert tokens.current(Key(name="a")) == "a-1"
