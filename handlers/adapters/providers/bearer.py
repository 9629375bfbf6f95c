"""Tokens that are made from credentials, live for a while, and are presented with each request.

One is made for all the threads that want one: the others wait for it, and share its failure, so that an endpoint which
does not answer costs a batch its timeout once.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Generic

from handlers.adapters.aws.provider_credentials import C
from handlers.adapters.providers.http import Answer


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it is to be replaced, in seconds since 1970."""

    value: str
    renew_at: float


@dataclass(frozen=True, slots=True)
class _Made(Generic[C]):
    credentials: C
    token: Future[Token]


class BearerTokens(Generic[C]):
    """The current token of one provider. `make` is given the credentials and the time.

    Times are the wall clock's: a monotonic one stands still while Lambda freezes the environment, or is another one
    after it was restored from a snapshot, and tokens age meanwhile.
    """

    def __init__(self, make: Callable[[C, float], Token]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: _Made[C] | None = None

    def present(self, credentials: C, call: Callable[[str], Answer], refuses: Callable[[Answer], bool]) -> Answer:
        """Return the answer to a call with the token; with a new one, once, when the answer refuses the first.

        Raises what `make` raises.
        """
        token = self.current(credentials)
        answer = call(token)
        return call(self.current(credentials, refused=token)) if refuses(answer) else answer

    def current(self, credentials: C, *, refused: str | None = None) -> str:
        """Return a token of these credentials that is fresh, and is not the one that was refused."""
        now = time.time()
        with self._lock:
            made, is_new = self._made, False
            if made is None or made.credentials != credentials or _is_spent(made.token, now, refused):
                made, is_new = _Made(credentials, Future()), True
                self._made = made
        if is_new:
            self._fill(made, now)
        return made.token.result().value

    def _fill(self, made: _Made[C], now: float) -> None:
        try:
            made.token.set_result(self._make(made.credentials, now))
        except BaseException as error:  # whoever waits must hear of it, whatever it is
            made.token.set_exception(error)


def _is_spent(token: "Future[Token]", now: float, refused: str | None) -> bool:
    """Say whether it takes another one. One that is just being made is newer than any that was refused."""
    if not token.done():
        return False
    return token.exception() is not None or now >= token.result().renew_at or token.result().value == refused
