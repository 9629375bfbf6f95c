"""What is read in one call before a decision: the recipients, and the content for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.domain.notifications.payload import Payload
from handlers.domain.people.person import Person

Languages = Mapping[str, str]
"""The languages that a template is stored in, each with what tells its current version from all others."""


@dataclass(frozen=True, slots=True)
class ToPlan:
    """What an acceptance is planned by: people, by `Recipient.key`, and templates' languages, by their folders.

    A template whose languages are not known may be stored all the same.
    """

    people: Mapping[str, Person]
    languages: Mapping[str, Languages] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToSend:
    """What a batch of deliveries is made by: people, by `person_key`, and what their notifications say, by their ids.

    What a delivery carries itself is not among the payloads.
    """

    people: Mapping[str, Person]
    payloads: Mapping[str, Payload] = field(default_factory=dict)
