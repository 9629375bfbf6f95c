"""What is to be sent in a digest: it waits for its window, and its digest's template is tried before it is accepted."""

from datetime import timedelta

import pytest

from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.digests import Digest
from handlers.domain.notifications.limits import Limit
from handlers.domain.notifications.notification import NotificationState
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.problems import InvalidRequest
from handlers.services.accepting import NotificationService
from tests.unit.handlers.memory import (
    Clock,
    MemoryBus,
    MemoryLog,
    MemoryPeople,
    MemoryRecipientLimits,
    MemoryScheduler,
    MemoryTemplates,
)
from tests.unit.handlers.samples import DEMO, NOW, request

HOUR = timedelta(hours=1)
NEWS = Content(
    subject="{{ count }} news",
    body="{% for each in items %}<p>{{ each.subject }}{{ each.text }}{{ each.delivery_id }}</p>{% endfor %}",
)


class Desk:
    """The service with everything around it in memory; payments are gathered for an hour."""

    def __init__(self, locale: str | None = None, **stored: Content) -> None:
        self.log, self.bus, self.scheduler = MemoryLog(), MemoryBus(), MemoryScheduler()
        self.templates = MemoryTemplates({("news", "email", each): content for each, content in stored.items()})
        ada = Person(Reach({"email": (Endpoint("ada@example.com"),)}, locale))
        self.service = NotificationService(
            MemoryPeople({"ada": ada}),
            self.templates,
            self.log,
            self.bus,
            self.scheduler,
            {"payment": ("email",)},
            ("email",),
            Clock(NOW),
            limits=MemoryRecipientLimits({"payment": Limit(1, HOUR)}),
            digests={"payment": Digest(HOUR, "news")},
        )

    def refused(self, **fields: object) -> list[tuple[str, str]]:
        with pytest.raises(InvalidRequest) as error:
            self.service.accept(request(**fields), DEMO, None, NOW + HOUR)
        with pytest.raises(InvalidRequest) as tried:
            self.service.dry_run(request(**fields), DEMO)
        assert tried.value.errors == error.value.errors
        assert self.log.notifications == {}
        return [(each.field, each.message) for each in error.value.errors]


def test_it_waits_in_the_log_for_the_end_of_its_window_and_a_dry_run_says_the_same() -> None:
    desk = Desk(default=NEWS)
    accepted = desk.service.accept(request(), DEMO, None, NOW + HOUR).answer
    [answered] = accepted.deliveries
    assert (answered.status, answered.reason, answered.send_at) == (Status.CREATED, Reason.DIGEST, NOW + HOUR)
    found = desk.log.find(accepted.notification_id)
    assert found is not None
    [kept] = found[1]
    assert kept.digest_id == answered.digest_id is not None
    assert kept.digest_template is not None
    assert (kept.digest_template.name, kept.digest_template.key) == ("news", "news/email/default")
    assert desk.log.records[kept.notification_id, kept.delivery_id].due_at == NOW + HOUR
    assert (desk.bus.taken, desk.scheduler.made) == ([], {})
    [state] = NotificationState.of(*found).deliveries
    assert (state.digest_id, state.reason) == (kept.digest_id, Reason.DIGEST)
    [tried] = desk.service.dry_run(request(), DEMO).deliveries
    assert (tried.reason, tried.send_at, tried.digest_id) == (Reason.DIGEST, NOW + HOUR, kept.digest_id)


def test_what_is_sent_again_is_answered_alike() -> None:
    desk = Desk(default=NEWS)
    first, again = (desk.service.accept(request(), DEMO, "key", NOW + HOUR).answer for _ in range(2))
    assert first == again


def test_the_digest_is_in_its_readers_language() -> None:
    desk = Desk("de-AT", default=NEWS, de=NEWS)
    accepted = desk.service.accept(request(), DEMO, None, NOW + HOUR).answer
    [kept] = (desk.log.find(accepted.notification_id) or (None, ()))[1]
    assert kept.digest_template is not None
    assert kept.digest_template.key == "news/email/de"


def test_without_the_digests_template_nothing_is_accepted_and_the_category_is_to_blame() -> None:
    assert Desk().refused() == [
        (
            "category",
            "the template news, by which payment is gathered, is not stored for email in its default language",
        )
    ]


@pytest.mark.parametrize(
    ("news", "says"),
    [
        (
            Content(subject="News", body="{{ name }}"),
            "its digest's template news/email/default needs name, which no digest has",
        ),
        (
            Content(subject="News", body="{% for item in items %}{{ item.title }}{% endfor %}"),
            "news/email/default: body, line 1: ",
        ),
        (Content(subject="{{ items[1].subject }}", body="News"), "news/email/default: subject, line 1: "),
        (Content(subject="News", body=" "), "news/email/default: body: is empty once rendered"),
    ],
    ids=["unknown name", "unknown field", "two at least", "empty"],
)
def test_a_template_that_cannot_list_it_is_told_at_once(news: Content, says: str) -> None:
    [(field, message)] = Desk(default=news).refused()
    assert field == "category"
    assert message.startswith(says)


def test_a_request_that_cannot_be_written_itself_is_to_blame_itself() -> None:
    [(field, _)] = Desk(default=NEWS).refused(data={})
    assert field == "data.name"
