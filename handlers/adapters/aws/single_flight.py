"""Threads that want the same thing at the same moment ask for it once, and share what comes of it."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def single_flight(read: Callable[P, T]) -> Callable[P, T]:
    """Return `read`, called once at a time for the same arguments; who asks meanwhile gets its answer, or its error.

    The error too, as ten threads that try one after the other would outlast the invocation. Neither is kept: that is
    for `read` to do.
    """
    lock = Lock()
    under_way: dict[object, Future[T]] = {}

    def get(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, tuple(sorted(kwargs.items())))
        with lock:
            others = under_way.get(key)
            if others is None:
                own = under_way[key] = Future[T]()
        if others is not None:
            return others.result()
        try:
            own.set_result(read(*args, **kwargs))
        except BaseException as error:
            own.set_exception(error)
        finally:
            with lock:
                del under_way[key]
        return own.result()

    return get
