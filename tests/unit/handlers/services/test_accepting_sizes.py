"""A notification that would be empty or too long is refused at once, as its dry run is; nothing of it is kept."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.channels import Channel
from handlers.domain.content.links import sample_links
from handlers.domain.content.rendering import Content
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.settings import DEFAULT_SETTINGS
from handlers.domain.problems import FieldError, InvalidRequest
from handlers.services.accepting import NotificationService
from tests.unit.handlers.memory import LINKS, Clock, MemoryBus, MemoryLog, MemoryPeople, MemoryScheduler
from tests.unit.handlers.memory import MemoryTemplates as Templates
from tests.unit.handlers.samples import DEMO, NOW, request

ALL: tuple[Channel, ...] = ("email", "sms", "push", "chat")
ONE_OF_EACH: dict[Channel, tuple[Endpoint, ...]] = {
    "email": (Endpoint("ada@example.com"),),
    "sms": (Endpoint("+4915112345678"),),
    "push": (Endpoint("ab" * 32, "apns"),),
    "chat": (Endpoint("https://hooks.slack.com/services/T0/B0/x", "slack"),),
}
DISCORD = Endpoint("https://discord.com/api/webhooks/1/x", "discord")


def person(locale: str | None = None, **endpoints: tuple[Endpoint, ...]) -> Person:
    return Person(Reach({**ONE_OF_EACH, **endpoints}, locale), DEFAULT_SETTINGS)  # type: ignore[dict-item]


UNTIL = NOW + timedelta(seconds=13)


@dataclass
class Desk:
    """The service on every channel, with everything around it in memory."""

    people: MemoryPeople = field(default_factory=lambda: MemoryPeople({"ada": person()}))
    templates: Templates = field(default_factory=Templates)
    log: MemoryLog = field(default_factory=MemoryLog)
    max_segments: int = 10

    @property
    def service(self) -> NotificationService:
        return NotificationService(
            people=self.people,
            templates=self.templates,
            log=self.log,
            publisher=MemoryBus(),
            scheduler=MemoryScheduler(),
            categories={"payment": ALL},
            served=ALL,
            clock=Clock(NOW),
            links=sample_links(LINKS.base_url),
            max_segments=self.max_segments,
        )

    def refused(self, channel: Channel, content: dict[str, str] | None, **fields: Any) -> list[FieldError]:
        """What an acceptance says is wrong, and the dry run likewise."""
        asked = request(channels=[channel], content=content, **fields)
        with pytest.raises(InvalidRequest) as accepting:
            self.service.accept(asked, DEMO, None, UNTIL)
        with pytest.raises(InvalidRequest) as trying:
            self.service.dry_run(asked, DEMO)
        assert trying.value.errors == accepting.value.errors
        assert self.log.notifications == {}
        return list(accepting.value.errors)

    def takes(self, channel: Channel, content: dict[str, str] | None, **fields: Any) -> bool:
        accepted = self.service.accept(request(channels=[channel], content=content, **fields), DEMO, None, UNTIL)
        return bool(accepted.logged)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("channel", "content", "name"),
    [
        ("email", {"subject": "{{ x }}", "body": "b"}, "content.subject"),
        ("email", {"subject": "s", "body": "<p>{{ x }}</p>"}, "content.body"),
        ("email", {"subject": "s", "body": "b", "text": "{{ x }}"}, "content.text"),
        ("push", {"subject": "{{ x }}", "body": "b"}, "content.subject"),
        ("push", {"body": "{{ x }}"}, "content.body"),
        ("sms", {"body": "{% if x.strip %}{% endif %} {{ x }}"}, "content.body"),
        ("chat", {"body": "{{ x }}"}, "content.body"),
    ],
)
def test_what_says_nothing_with_these_data_is_named(
    desk: Desk, channel: Channel, content: dict[str, str], name: str
) -> None:
    [error] = desk.refused(channel, content, data={"x": " "})
    assert (error.field, "is empty once rendered" in error.message) == (name, True)
    assert desk.takes(channel, content, data={"x": "Hello"})


@pytest.mark.parametrize(
    ("channel", "field_", "repeats", "told"),
    [
        ("email", "subject", 999, "999 bytes, of at most 998"),
        ("sms", "body", 1531, "11 text messages, of at most 10"),
        ("push", "body", 4096, "bytes of payload, of at most 4,096"),
        ("chat", "body", 40_001, "40,001 characters, of at most 40,000"),
    ],
)
def test_what_is_too_long_with_these_data_is_named_with_the_limit_and_the_size(
    desk: Desk, channel: Channel, field_: str, repeats: int, told: str
) -> None:
    content = {"subject": "s", "body": "b", field_: "{{ x }}"}
    [error] = desk.refused(channel, content, data={"x": "x" * repeats})
    assert (error.field, told in error.message) == (f"content.{field_}", True)


def test_the_room_that_the_payload_of_a_push_leaves_is_used_to_the_last_byte(desk: Desk) -> None:
    [error] = desk.refused("push", {"body": "{{ x }}"}, data={"x": "x" * 4096})
    over = int(error.message.partition("rendered: ")[2].partition(" ")[0].replace(",", "")) - 4096
    assert desk.takes("push", {"body": "{{ x }}"}, data={"x": "x" * (4096 - over)})
    desk.log.notifications.clear()
    assert desk.refused("push", {"body": "{{ x }}"}, data={"x": "x" * (4096 - over + 1)})


def test_only_the_platforms_that_the_message_goes_to_are_asked_for_room(desk: Desk) -> None:
    long = {"body": "x" * 2001}
    assert desk.takes("chat", long)
    desk.log.notifications.clear()
    desk.people.known["bob"] = person(chat=(DISCORD,))
    [error] = desk.refused("chat", long, to=[{"user_id": "ada"}, {"user_id": "bob"}])
    assert "Discord" in error.message


def test_each_version_of_a_template_that_is_used_is_tried_for_its_own_readers(desk: Desk) -> None:
    desk.templates.stored["t", "chat", "de"] = Content(body="x" * 2001)
    desk.templates.stored["t", "chat", "default"] = Content(body="x")
    desk.people.known |= {"ada": person("de"), "bob": person("fr", chat=(DISCORD,))}
    to = [{"user_id": "ada"}, {"user_id": "bob"}]
    assert desk.takes("chat", None, template="t", to=to), "the long one goes to Slack alone"
    desk.log.notifications.clear()
    desk.people.known["bob"] = person("de", chat=(DISCORD,))
    [error] = desk.refused("chat", None, template="t", to=to)
    assert error.field == "template"
    assert error.message == (
        "t/chat/de: body: is too long for Discord once rendered: 2,001 characters, of at most 2,000"
    )


def test_a_version_that_says_nothing_is_named_with_its_language(desk: Desk) -> None:
    desk.templates.stored["t", "sms", "de"] = Content(body="{% if show is defined %}Hallo{% endif %}")
    desk.templates.stored["t", "sms", "default"] = Content(body="Hello")
    assert desk.takes("sms", None, template="t")
    desk.log.notifications.clear()
    desk.people.known["bob"] = person("de")
    [error] = desk.refused("sms", None, template="t", to=[{"user_id": "ada"}, {"user_id": "bob"}])
    assert (error.field, error.message) == ("template", "t/sms/de: body: is empty once rendered")


def test_the_configured_number_of_parts_is_the_bound(desk: Desk) -> None:
    desk.max_segments = 1
    [error] = desk.refused("sms", {"body": "x" * 161})
    assert "2 text messages, of at most 1" in error.message
    assert desk.takes("sms", {"body": "x" * 160})


def test_links_are_measured_as_long_as_they_will_be(desk: Desk) -> None:
    desk.max_segments = 1
    link = len(LINKS.unsubscribe("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"))
    assert desk.takes("sms", {"body": "x" * (160 - link) + "{{ unsubscribe_url }}"})
    desk.log.notifications.clear()
    assert desk.refused("sms", {"body": "x" * (161 - link) + "{{ unsubscribe_url }}"})


def test_who_gets_nothing_of_it_does_not_count(desk: Desk) -> None:
    desk.people.known["bob"] = Person(Reach({}), DEFAULT_SETTINGS)
    assert desk.takes("chat", {"body": "x" * 40_001}, to=[{"user_id": "bob"}])
