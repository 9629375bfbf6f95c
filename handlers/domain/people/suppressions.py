"""Addresses that must not be tried, whoever asks: mail to a mailbox that is not there costs the sender its reputation.

A suppression belongs to the mailbox, number or url, as an opt-out does, and not to who wrote to it: it holds for all
apps of an environment, and for critical categories too. It imports nothing of what checks an address.
"""

from enum import StrEnum

from pydantic import Field

from handlers.domain.model import Model, is_absent
from handlers.domain.times import Instant


class Cause(StrEnum):
    """Why an address is suppressed."""

    HARD_BOUNCE = "hard_bounce"
    """A provider said that there is no such mailbox or number."""
    GONE = "gone"
    """A provider said, when it was to send there, that nobody has the number, or that the url was taken away."""
    COMPLAINT = "complaint"
    """Whoever reads there called a message spam."""
    MANUAL = "manual"
    """A producer or an operator said so."""


class Suppression(Model):
    """An address that must not be tried; `provider` and `delivery_id` say what told so, unless somebody did."""

    address: str
    reason: Cause
    created_at: Instant
    provider: str | None = Field(default=None, exclude_if=is_absent)
    delivery_id: str | None = Field(default=None, exclude_if=is_absent)


class Suppressions(Model):
    """A page of them; with a `cursor` there are more."""

    suppressions: tuple[Suppression, ...]
    cursor: str | None = Field(default=None, exclude_if=is_absent)
