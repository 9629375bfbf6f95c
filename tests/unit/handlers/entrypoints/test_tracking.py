"""The links in messages as recipients and their programs follow them, over API Gateway's events."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest

from handlers.config import Category, Look
from handlers.domain.content.links import Link, Purpose, sign
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.choices import Speaker
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.settings import UserSettings
from handlers.entrypoints import tracking
from handlers.entrypoints.page_texts import TEXTS
from handlers.entrypoints.pages import Pages
from handlers.services.tracking import Recipients
from tests.unit.handlers.entrypoints.gateway import LambdaContext
from tests.unit.handlers.log_contract import SENT, claimed
from tests.unit.handlers.memory import Clock, MemoryChoices, MemoryLog
from tests.unit.handlers.samples import NOW, delivery, notification, payload

KEY = b"k" * 32
FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Bench:
    """A delivery that was sent, and its recipient's browser."""

    log: MemoryLog = field(default_factory=MemoryLog)
    choices: MemoryChoices = field(default_factory=MemoryChoices)
    given: Delivery = field(default_factory=delivery)

    def send(self, **fields: Any) -> None:
        self.given = delivery(**fields)
        if self.given.user_id is not None:
            reach = Reach({str(self.given.channel): (Endpoint(self.given.endpoint or ""),)})
            self.choices.reach[self.given.user_id] = reach
        assert self.log.accept(notification(self.given.notification_id), [self.given], payload())
        self.log.conclude(claimed(self.log, self.given), SENT)

    def path(self, purpose: Purpose, target: str | None = None) -> str:
        return f"{purpose}{sign(KEY, purpose, Link(self.given.notification_id, self.given.delivery_id, target))}"

    def status(self) -> Status:
        return self.log.records[self.given.notification_id, self.given.delivery_id].delivery.status


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    bench.send()
    monkeypatch.setattr(tracking, "secret", lambda: KEY)
    monkeypatch.setattr(
        tracking, "recipients", Recipients(bench.log, bench.choices, Clock(NOW), frozenset({"security"}), bench.choices)
    )
    return bench


def ask(
    method: str,
    path: str,
    body: str | bytes | None = None,
    content_type: str = FORM,
    query: dict[str, list[str]] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    encoded = isinstance(body, bytes)
    event = {
        "resource": re.sub(r"[^/]+$", "{token}", path),
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": content_type, **headers},
        "multiValueHeaders": {"content-type": [content_type], **{name: [each] for name, each in headers.items()}},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "requestContext": {"requestId": "r", "path": f"/live{path}"},
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": encoded,
    }
    answer = tracking.handler(event, LambdaContext())  # type: ignore[arg-type]
    answered = {**answer.get("headers", {}), **{k: v[0] for k, v in answer.get("multiValueHeaders", {}).items()}}
    return Answer(answer["statusCode"], answered, answer["body"])


class Page(HTMLParser):
    """What the page lets choose."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.boxes: dict[str, bool] = {}
        self.fixed: set[str] = set()
        self.times: dict[str, str] = {}
        self.zone: str | None = None
        self.zones: list[str] = []
        self.hidden: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("type") == "checkbox":
            self.boxes[str(found["value"])] = "checked" in found
            self.fixed |= {str(found["value"])} if "disabled" in found else set()
        if tag == "option":
            self.zones.append(str(found["value"]))
            self.zone = str(found["value"]) if "selected" in found else self.zone
        if found.get("type") == "hidden":
            self.hidden[str(found["name"])] = str(found["value"])
        if found.get("type") == "time":
            self.times[str(found["name"])] = str(found["value"])


def page_of(answer: Answer) -> str:
    """What a person sees: whatever failed, it is a page."""
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return str(answer.body)


# -- opened and clicked ------------------------------------------------------------------------------------------------


def test_the_image_of_a_mail_shows_that_it_was_opened(bench: Bench) -> None:
    answer = ask("GET", bench.path(Purpose.OPEN))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.headers["Cache-Control"] == "no-store"
    assert bench.status() is Status.OPENED


def test_a_tracked_link_leads_on_and_shows_that_it_was_followed(bench: Bench) -> None:
    answer = ask("GET", bench.path(Purpose.CLICK, "https://shop.example.com/a?b=1&c=2"))
    assert (answer.status, answer.headers["Location"]) == (302, "https://shop.example.com/a?b=1&c=2")
    assert bench.status() is Status.CLICKED


@pytest.mark.parametrize(("purpose", "status"), [(Purpose.OPEN, 200), (Purpose.CLICK, 302)])
def test_whatever_fails_behind_a_link_its_reader_is_led_on(
    purpose: Purpose, status: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(bench.log, "apply", fail)
    assert ask("GET", bench.path(purpose, "https://example.com")).status == status


def test_news_is_counted_once_and_told_without_the_token(
    bench: Bench, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = bench.path(Purpose.OPEN)
    for _ in range(2):
        ask("GET", path)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["answered"] * 2
    told = [(line["DeliveryOpened"], line["delivery_id"], line["became"]) for line in lines if "_aws" in line]
    assert told == [(1, bench.given.delivery_id, "opened")]
    assert path.rpartition("/")[2] not in f"{lines}{[vars(record) for record in caplog.records]}"


# -- not ours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/t/o/", "/t/c/", "/u/"])
def test_a_link_that_is_not_ours_is_answered_with_a_page_and_changes_nothing(path: str, bench: Bench) -> None:
    forged = sign(b"another", Purpose.UNSUBSCRIBE, Link(bench.given.notification_id, bench.given.delivery_id))
    for token in (forged, "x", forged[:-3]):
        answer = ask("GET", f"{path}{token}")
        assert (answer.status, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert "does not work" in answer.body
    assert bench.status() is Status.SENT


def test_an_open_link_does_not_unsubscribe(bench: Bench) -> None:
    token = bench.path(Purpose.OPEN).rpartition("/")[2]
    assert ask("POST", f"/u/{token}", "List-Unsubscribe=One-Click").status == 404
    assert bench.choices.kept == {}


def test_the_link_of_a_delivery_that_is_gone_says_so(bench: Bench) -> None:
    bench.log.records.clear()
    assert ask("GET", bench.path(Purpose.UNSUBSCRIBE)).status == 404
    assert ask("POST", bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click").status == 404


@pytest.mark.parametrize(("purpose", "target"), [(Purpose.OPEN, None), (Purpose.CLICK, "https://shop.example.com/")])
def test_a_link_expires_with_its_delivery_and_leads_nowhere_then(
    purpose: Purpose, target: str | None, bench: Bench
) -> None:
    path = bench.path(purpose, target)
    assert ask("GET", path).status in (200, 302)
    bench.log.records.clear()
    answer = ask("GET", path)
    assert answer.status == 404
    assert "Location" not in answer.headers
    assert "does not work" in page_of(answer)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_get_unsubscribes_whatever_it_says(method: str, bench: Bench) -> None:
    """Scanners follow every link of a mail, decorated or not."""
    for query in ({"List-Unsubscribe": ["One-Click"]}, {"save": ["yes"]}):
        answer = ask(method, bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click", query=query)
        assert answer.status == 200
    assert bench.choices.kept == {}
    assert bench.status() is Status.SENT


def test_the_link_of_an_erased_user_changes_no_settings_of_whoever_has_their_id_now(bench: Bench) -> None:
    key = bench.given.notification_id, bench.given.delivery_id
    record = bench.log.records[key]
    bench.log.records[key] = replace(record, delivery=record.delivery.model_copy(update={"endpoint": None}))
    assert ask("GET", bench.path(Purpose.UNSUBSCRIBE)).status == 404
    assert ask("POST", bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click").status == 404
    assert ask("POST", bench.path(Purpose.UNSUBSCRIBE), urlencode({"save": "yes"})).status == 404
    assert bench.choices.kept == {}
    assert ask("GET", bench.path(Purpose.CLICK, "https://shop.example.com/")).status == 302


# -- programs that look before anybody does ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "target"),
    [(Purpose.OPEN, None), (Purpose.CLICK, "https://shop.example.com/"), (Purpose.UNSUBSCRIBE, None)],
)
def test_a_head_answers_as_a_get_does_and_counts_as_nothing(purpose: Purpose, target: str | None, bench: Bench) -> None:
    looked = ask("HEAD", bench.path(purpose, target))
    assert bench.status() is Status.SENT
    assert bench.choices.kept == {}
    followed = ask("GET", bench.path(purpose, target))
    assert (looked.status, looked.headers, looked.body) == (followed.status, followed.headers, "")


@pytest.mark.parametrize("path", ["/t/o/x", "/t/c/x", "/u/x"])
def test_a_head_on_a_link_that_nobody_signed_is_404_without_a_body(path: str, bench: Bench) -> None:
    looked = ask("HEAD", path)
    assert (looked.status, looked.body) == (404, "")


@pytest.mark.parametrize("query", [{"utm_source": ["mail"]}, {"fbclid": ["a", "b"], "gclid": [""]}])
def test_a_link_may_have_been_decorated_on_its_way(query: dict[str, list[str]], bench: Bench) -> None:
    assert ask("GET", bench.path(Purpose.OPEN), query=query).status == 200
    assert ask("GET", bench.path(Purpose.CLICK, "https://shop.example.com/"), query=query).status == 302
    assert ask("POST", bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click", query=query).status == 200
    assert bench.status() is Status.UNSUBSCRIBED


# -- unsubscribing -----------------------------------------------------------------------------------------------------


def test_to_look_at_the_page_changes_nothing(bench: Bench) -> None:
    answer = ask("GET", bench.path(Purpose.UNSUBSCRIBE))
    assert answer.status == 200
    assert "You receive “Payment” by email" in answer.body
    assert bench.choices.kept == {}
    assert bench.status() is Status.SENT


MULTIPART = (
    '--b0\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b0--\r\n',
    "multipart/form-data; boundary=b0",
)


@pytest.mark.parametrize(("body", "content_type"), [("List-Unsubscribe=One-Click", FORM), MULTIPART])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_one_click_unsubscribes_in_either_form_of_rfc_8058(
    body: str, content_type: str, as_bytes: bool, bench: Bench
) -> None:
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), body.encode() if as_bytes else body, content_type)
    assert answer.status == 200
    assert "You are unsubscribed" in answer.body
    assert bench.choices.kept["ada"].categories == {"payment": {"email": False}}
    assert bench.status() is Status.UNSUBSCRIBED


@pytest.mark.parametrize("body", [None, "", "List-Unsubscribe=Two-Clicks", "{}", "\x00"])
def test_what_is_no_form_of_ours_is_refused_and_changes_nothing(body: str | None, bench: Bench) -> None:
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), body)
    assert answer.status == 400
    assert "Nothing was changed" in page_of(answer)
    assert bench.choices.kept == {}


# -- the page of settings ----------------------------------------------------------------------------------------------


def test_the_page_shows_what_is_chosen_and_keeps_what_is_saved(bench: Bench) -> None:
    bench.choices.kept["ada"] = UserSettings.model_validate(
        {
            "categories": {"payment": {"email": False}, "gone": {"email": False}},
            "quiet_hours": {"start": "22:00", "end": "07:30"},
        }
    )
    page = Page(ask("GET", bench.path(Purpose.UNSUBSCRIBE)).body)
    assert page.boxes == {"payment/email": False, "security/email": True}
    assert page.times == {"start": "22:00", "end": "07:30"}

    form = urlencode({"save": "yes", "wanted": "payment/email", "start": "", "end": ""})
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), form)
    assert "Your choices are saved" in answer.body
    assert Page(answer.body).boxes == {"payment/email": True, "security/email": True}
    kept = bench.choices.kept["ada"]
    assert kept.categories == {"payment": {"email": True}, "gone": {"email": False}}
    assert kept.quiet_hours is None


def test_a_critical_category_is_shown_as_always_on_and_one_click_changes_nothing(bench: Bench) -> None:
    bench.send(category="security")
    bench.choices.kept["ada"] = UserSettings(categories={"security": {"email": False}})  # of before it was critical
    for answer in (
        ask("GET", bench.path(Purpose.UNSUBSCRIBE)),
        ask("POST", bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click"),
        ask("POST", bench.path(Purpose.UNSUBSCRIBE), urlencode({"save": "yes", "wanted": "payment/email"})),
    ):
        assert answer.status == 200
        assert "“Security” notifications are always sent" in answer.body
        assert 'value="One-Click"' not in answer.body
        assert Page(answer.body).boxes["security/email"]
        assert Page(answer.body).fixed == {"security/email"}
    assert bench.choices.kept["ada"].categories == {"security": {"email": False}, "payment": {"email": True}}
    assert bench.status() is Status.SENT


@pytest.mark.parametrize("unknown", ["marketting/email", "payment/fax", "x"])
def test_what_the_page_does_not_offer_is_refused(unknown: str, bench: Bench) -> None:
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), urlencode({"save": "yes", "wanted": unknown}))
    assert answer.status == 400
    assert "Nothing was changed" in page_of(answer)
    assert bench.choices.kept == {}


@pytest.mark.parametrize(("start", "end"), [("22:00", "22:00"), ("22:00", ""), ("", "07:00"), ("25:00", "07:00")])
def test_quiet_hours_that_mean_nothing_are_shown_again_with_all_that_was_chosen(
    start: str, end: str, bench: Bench
) -> None:
    form = urlencode({"save": "y", "shown": "payment/email", "start": start, "end": end})  # and no box is ticked
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), form)
    assert answer.status == 400
    assert "enter two different times, or leave both empty" in page_of(answer)
    assert "<h1>Your choices are not saved yet</h1>" in answer.body
    assert "You are unsubscribed" not in answer.body
    page = Page(answer.body)
    assert page.boxes == {"payment/email": False, "security/email": True}
    assert page.times == {"start": start, "end": end}
    assert bench.choices.kept == {}


def saving(page: Page, **entered: str) -> str:
    """The page's form, with what was entered into it."""
    shown = {"zone": page.zone, "zone_shown": page.hidden["zone_shown"], **page.times}
    return urlencode({"save": "yes", **shown, **entered})


@pytest.mark.parametrize("before", [None, "Europe/Vienna", "US/Pacific"])
def test_the_time_zone_is_chosen_with_the_rest(before: str | None, bench: Bench) -> None:
    if before:
        bench.choices.zones["ada"] = before
    path = bench.path(Purpose.UNSUBSCRIBE)
    page = Page(ask("GET", path).body)
    assert page.zone == (before or "UTC")
    assert {"UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires"} <= set(page.zones)
    answer = ask("POST", path, saving(page, zone="Asia/Shanghai", start="22:00", end="07:30"))
    assert (answer.status, Page(answer.body).zone) == (200, "Asia/Shanghai")
    assert bench.choices.zones == {"ada": "Asia/Shanghai"}
    assert bench.choices.kept["ada"].quiet_hours is not None


def test_a_time_zone_that_is_left_as_it_was_undoes_no_change_that_came_meanwhile(bench: Bench) -> None:
    path = bench.path(Purpose.UNSUBSCRIBE)
    page = Page(ask("GET", path).body)
    assert ask("POST", path, saving(page)).status == 200
    assert bench.choices.zones == {}
    bench.choices.zones["ada"] = "Asia/Tokyo"  # as its producer says
    assert Page(ask("POST", path, saving(page, start="22:00", end="22:00")).body).zone == "Asia/Tokyo"
    assert Page(ask("POST", path, saving(page)).body).zone == "Asia/Tokyo"
    assert bench.choices.zones == {"ada": "Asia/Tokyo"}


@pytest.mark.parametrize("wrong", ["Mars/Olympus", "", "../../etc/passwd", '"><script>'])
def test_what_is_no_time_zone_is_shown_again_with_all_that_was_chosen(wrong: str, bench: Bench) -> None:
    bench.choices.zones["ada"] = "Asia/Tokyo"
    path = bench.path(Purpose.UNSUBSCRIBE)
    form = saving(Page(ask("GET", path).body), zone=wrong, start="22:00", end="07:30")
    answer = ask("POST", path, form)
    assert answer.status == 400
    assert "<h1>Your choices are not saved yet</h1>" in page_of(answer)
    assert '<a href="#zone">Time zone</a>: choose one from the list.' in answer.body
    assert 'href="#quiet"' not in answer.body
    page = Page(answer.body)
    assert (page.zone, page.hidden["zone_shown"]) == (wrong or "Asia/Tokyo", "Asia/Tokyo")
    assert page.times == {"start": "22:00", "end": "07:30"}
    assert "<script" not in answer.body
    assert (bench.choices.zones, bench.choices.kept) == ({"ada": "Asia/Tokyo"}, {})


def test_a_time_zone_that_was_chosen_is_kept_while_quiet_hours_are_mended(bench: Bench) -> None:
    path = bench.path(Purpose.UNSUBSCRIBE)
    answer = ask("POST", path, saving(Page(ask("GET", path).body), zone="Asia/Tokyo", start="22:00", end="22:00"))
    assert (answer.status, bench.choices.zones) == (400, {})
    assert 'href="#zone"' not in answer.body
    assert ask("POST", path, saving(Page(answer.body), end="07:00")).status == 200
    assert bench.choices.zones == {"ada": "Asia/Tokyo"}


@pytest.mark.parametrize("user", [None, "ada"])
def test_who_has_no_contact_has_no_time_zone_to_choose(user: str | None, bench: Bench) -> None:
    if user is None:
        bench.send(user_id=None, channel="sms", endpoint="+4915112345678")
    else:
        bench.send(user_id=user, channel="push", endpoint="ab" * 32, platform="apns")
        del bench.choices.reach[user]
    path = bench.path(Purpose.UNSUBSCRIBE)
    answer = ask("GET", path)
    assert "<select" not in page_of(answer)
    assert ("by the clock of UTC" in answer.body) == (user is not None)
    form = urlencode({"save": "yes", "zone": "Asia/Tokyo"})
    assert ask("POST", path, form).status == 200
    assert bench.choices.zones == {}


def test_only_what_the_page_had_is_changed_by_it(bench: Bench) -> None:
    """Between the page and its form a device may come, whose switch nobody saw."""
    form = urlencode({"save": "yes", "start": "", "end": ""})
    assert ask("POST", bench.path(Purpose.UNSUBSCRIBE), form).status == 200
    assert bench.choices.kept["ada"].categories == {}


def test_who_unsubscribed_can_take_it_back_and_keeps_their_quiet_hours(bench: Bench) -> None:
    times = {"start": "22:00", "end": "07:30"}
    bench.choices.kept["ada"] = UserSettings.model_validate({"quiet_hours": times})
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), "List-Unsubscribe=One-Click")
    assert 'name="again"' in answer.body
    answer = ask("POST", bench.path(Purpose.UNSUBSCRIBE), "again=yes")
    assert "You receive “Payment” by email" in answer.body
    assert bench.choices.kept["ada"].document() == {"categories": {"payment": {"email": True}}, "quiet_hours": times}
    assert bench.choices.get(Speaker("ada")).settings.allow("payment", "email")


SHOP = Pages(
    {
        "payment": Category(channels=("email",)),
        "code": Category(channels=("sms",)),
        "demo": Category(channels=("email", "chat")),
    },
    ("push", "sms", "email", "chat"),
    Look.model_validate(
        {
            "brand": {"name": "Shop"},
            "display": {"payment": {"en": ["Payments", "Receipts"], "zh-Hans": ["付款", "收据"]}},
            "hidden": ["demo"],
        }
    ),
)


def test_categories_have_names_and_the_channels_that_they_or_the_user_have(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "pages", SHOP)
    bench.choices.reach["ada"] = Reach({"email": (Endpoint("ada@example.com"),), "push": (Endpoint("t", "fcm"),)})
    body = page_of(ask("GET", bench.path(Purpose.UNSUBSCRIBE)))
    assert set(Page(body).boxes) == {"payment/push", "payment/email", "code/push", "code/sms", "code/email"}
    assert [each for each in ("Payments", "Receipts", ">Code<", "Shop</header>") if each not in body] == []


def test_a_hidden_category_is_shown_to_who_came_from_a_message_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "pages", SHOP)
    bench.send(category="demo")
    assert "demo/email" in Page(ask("GET", bench.path(Purpose.UNSUBSCRIBE)).body).boxes
    bench.send()
    assert "demo/email" not in Page(ask("GET", bench.path(Purpose.UNSUBSCRIBE)).body).boxes
    form = urlencode({"save": "yes", "shown": "demo/email"})
    assert ask("POST", bench.path(Purpose.UNSUBSCRIBE), form).status == 400


@pytest.mark.parametrize(
    ("locale", "accepted", "asked", "language"),
    [
        (None, None, None, "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", None, "zh-Hans"),
        (None, "fr, zh;q=0.3, en;q=0.7", None, "en"),
        (None, "zh;q=0, *;q=x", None, "en"),
        ("zh-TW", "en", None, "zh-Hans"),
        ("de", "zh", None, "zh-Hans"),
        ("zh-Hans", "zh", "en", "en"),
        ("en", "en", "zh-Hans", "zh-Hans"),
        (None, None, "<script>", "en"),
    ],
)
def test_the_page_is_in_the_language_asked_for_or_the_contacts_or_the_browsers(
    locale: str | None, accepted: str | None, asked: str | None, language: str, bench: Bench
) -> None:
    bench.choices.reach["ada"] = replace(bench.choices.reach["ada"], locale=locale)
    query = {"lang": [asked]} if asked else None
    headers = {"accept-language": accepted} if accepted else {}
    body = page_of(ask("GET", bench.path(Purpose.UNSUBSCRIBE), query=query, headers=headers))
    assert f'<html lang="{language}">' in body
    assert TEXTS[language]["save"] in body


def test_what_is_wrong_is_said_in_the_browsers_language(bench: Bench) -> None:
    answer = ask("GET", "/u/x", headers={"accept-language": "zh-CN"})
    assert TEXTS["zh-Hans"]["broken"] in page_of(answer)


def test_every_language_has_every_text_with_the_same_places_in_it() -> None:
    def places(language: str) -> dict[str, set[str]]:
        return {name: set(re.findall(r"\{\w+\}", text)) for name, text in TEXTS[language].items()}

    assert len({str(sorted((n, sorted(p)) for n, p in places(each).items())) for each in TEXTS}) == 1


def test_what_fails_behind_the_page_is_said_on_a_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("a table's address")

    monkeypatch.setattr(bench.choices, "get", fail)
    answer = ask("GET", bench.path(Purpose.UNSUBSCRIBE))
    assert answer.status == 500
    assert "Try again in a moment" in page_of(answer)
    assert "address" not in answer.body


def test_whoever_is_no_user_chooses_for_their_one_channel_without_quiet_hours(bench: Bench) -> None:
    bench.send(user_id=None, channel="sms", endpoint="+4915112345678")
    answer = ask("GET", bench.path(Purpose.UNSUBSCRIBE))
    assert Page(answer.body).boxes == {"payment/sms": True, "security/sms": True}
    assert Page(answer.body).times == {}


def test_the_page_names_nobody_and_lets_nothing_else_act(bench: Bench) -> None:
    answer = ask("GET", bench.path(Purpose.UNSUBSCRIBE))
    assert not re.findall(r"\b(ada|example\.com)\b", answer.body)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in answer.body
