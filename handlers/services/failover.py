"""Whose turn it is to be asked to send, over ports alone; `handlers.domain.providers.routing` has the rules."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from handlers.domain.providers.errors import CredentialsMissingError, ProviderError, RefusedError, ThrottledError
from handlers.domain.providers.routing import LONGEST_COOL_DOWN, Event, Phase, Signal, candidates
from handlers.ports import Provider, ProviderState

_LONGEST_CODE: Final = 64
_UNFORESEEN: Final = "unforeseen"


@dataclass(frozen=True, slots=True)
class Turn:
    """A provider that may be asked once; `probing` if that is to show whether it serves again."""

    provider: Provider
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """The providers of one channel, in their registered order. `clock` returns the aware time.

    A provider that says when it may be asked again is left alone until then, at once and by this execution environment,
    which costs no call; the circuit, which all environments share, follows when it goes on.
    """

    providers: tuple[Provider, ...]
    state: ProviderState
    clock: Callable[[], datetime]
    _rests_until: dict[str, datetime] = field(default_factory=dict)

    @property
    def serves_any_platform(self) -> bool:
        """Whether the endpoint makes no difference to who is asked."""
        return all(provider.platforms is None for provider in self.providers)

    def next(self, platform: str | None, asked: Collection[str] = ()) -> Turn | None:
        """Return whose turn it is for an endpoint of this platform; None when nobody can be asked now.

        `asked` are the names of those who had their turn. Whoever takes one says by `tell` what came of it; a probe of
        which nothing is told is made again by another when its lease has ended.
        """
        for provider in candidates(self.providers, self.state.switches(), platform, asked):
            if provider.available() and (turn := self._turn(provider)):
                return turn
        return None

    def tell(self, turn: Turn, error: Exception | None) -> None:
        """Say what came of a turn: None when the provider accepted the message."""
        if _is_no_signal(error):
            return
        if patience := _patience(error):
            self._rests_until[turn.provider.name] = self.clock() + patience
        answered = error is None or isinstance(error, RefusedError)
        if turn.probing:
            event = Event.PROBE_ANSWERED if answered else Event.PROBE_FAILED
        else:
            event = Event.ANSWERED if answered else Event.FAILED
        told = (
            Signal(event, patience) if answered else Signal(event, patience, _code(error), self._others(turn.provider))
        )
        self.state.signal(turn.provider.name, told, self.clock())

    def _others(self, provider: Provider) -> tuple[str, ...]:
        """Return who else could be asked for some endpoint that this one serves, were they well and on."""
        return tuple(
            each.name
            for each in self.providers
            if each.name != provider.name and _meet(each, provider) and each.available()
        )

    def _turn(self, provider: Provider) -> Turn | None:
        now = self.clock()
        if now < self._rests_until.get(provider.name, now):
            return None
        match self.state.circuit(provider.name).phase(now):
            case Phase.CLOSED:
                return Turn(provider)
            case Phase.HALF_OPEN if self.state.signal(provider.name, Signal(Event.PROBE), now):
                return Turn(provider, probing=True)
        return None


def _is_no_signal(error: Exception | None) -> bool:
    """Say whether the error tells nothing of the provider's health: it is the address's, or no call was made."""
    return isinstance(error, CredentialsMissingError) or (isinstance(error, ProviderError) and error.of_endpoint)


def _code(error: Exception | None) -> str:
    """Return the code of a failure, which holds nothing personal."""
    return error.code[:_LONGEST_CODE] if isinstance(error, ProviderError) else _UNFORESEEN


def _meet(one: Provider, other: Provider) -> bool:
    """Say whether there is a platform that both serve."""
    return one.platforms is None or other.platforms is None or bool(one.platforms & other.platforms)


def _patience(error: Exception | None) -> timedelta:
    """Return for how long the provider asked to be left alone, as far as it is followed."""
    seconds = error.retry_after if isinstance(error, ThrottledError) else None
    return min(timedelta(seconds=seconds or 0), LONGEST_COOL_DOWN)
