"""Erasing users from the log: a page at a time, and in the next minute what is left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from handlers.domain.people.erasure import Erasure
from handlers.ports import ErasureLog


@dataclass(frozen=True, slots=True)
class Erased:
    """How many deliveries were erased, and what went wrong."""

    deliveries: int = 0
    errors: tuple[Exception, ...] = ()


@dataclass(frozen=True, slots=True)
class Eraser:
    """`clock` returns the aware time."""

    log: ErasureLog
    clock: Callable[[], datetime]

    def erase(self, until: datetime) -> Erased:
        """Go on with the pass through the log, or begin one, and begin no page after `until`. Never raises.

        Each page is done before the pass moves on, so dying in between erases a page twice, which changes nothing. What
        cannot be erased yet, as it is being sent, or as another delivery still needs it, is left to another pass.
        """
        errors: list[Exception] = []
        erased = 0
        try:
            asked = self.log.asked()
            current = asked.next(self.clock())
            if current is None:
                return Erased()
            users = current.covered(asked.users)
            while not current.is_over and self.clock() < until:
                page = self.log.page(users, current.cursor)
                left: set[str] = set()
                for found, user in page.found:
                    if self.clock() >= until:
                        # The page is begun anew: what is erased of it is not found again.
                        self.log.keep(current.left_to_the_next_minute())
                        return Erased(erased, tuple(errors))
                    if self._erase(found, user, errors):
                        erased += 1
                    else:
                        left.add(user.user_id)
                current = current.after(page.cursor, left)
                self.log.keep(current)
            if current.is_over:
                self.log.done(each for each in users if each.user_id not in current.left)
            else:
                self.log.keep(current.left_to_the_next_minute())
        except Exception as error:
            errors.append(error)
        return Erased(erased, tuple(errors))

    def _erase(self, found: object, user: Erasure, errors: list[Exception]) -> bool:
        """Erase one, and say whether nothing personal is left of it; what fails keeps no other from being erased."""
        try:
            return self.log.erase(found, user, self.clock())
        except Exception as error:
            errors.append(error)
            return False
