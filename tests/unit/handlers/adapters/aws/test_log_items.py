"""What the log's table holds of a notification says, read again, what was accepted."""

from datetime import timedelta

from handlers.adapters.aws.indexed_event import indexed_event
from handlers.adapters.aws.log_items import (
    delivery_item,
    delivery_of,
    notification_item,
    notification_of,
    only_item,
    payload_of,
)
from handlers.domain.content.values import read_json, write_json
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.people.same_address import address_key
from tests.unit.handlers.samples import NOW, delivery, notification, payload


def test_the_data_keep_every_number_as_it_was_written() -> None:
    text = '{"price":10.00,"lines":[{"n":1e3},-0,null,true],"big":123456789012345678901234567890}'
    given = payload(data=read_json(text))
    kept = payload_of(notification_item(notification(), given))
    assert kept == given
    assert write_json(kept.data) == text


def test_what_is_urgent_is_published_again_as_that() -> None:
    urgent, ordinary = delivery(priority="high"), delivery()
    assert [indexed_event(delivery_item(each)).priority for each in (urgent, ordinary)] == ["high", None]


def test_a_notification_and_its_only_delivery_are_told_apart_in_their_one_item() -> None:
    """Also what both call the same, or the delivery changes."""
    template = {"name": "receipt", "key": "templates/receipt/email/de.j2", "version_id": "v1"}
    later = NOW + timedelta(hours=1)
    given = delivery(template=template, send_at=NOW, reason=Reason.QUIET_HOURS)
    own = given.notification_id
    alike = notification(own, template="receipt")
    for head in (alike, notification(own, template="welcome"), alike.model_copy(update={"send_at": later})):
        item = only_item(head, given, payload())
        assert (notification_of(item), delivery_of(item)) == (head, given)
        assert payload_of(item) == payload()


def test_what_is_not_to_be_sent_says_nothing() -> None:
    assert payload_of(delivery_item(delivery())) is None
    assert payload_of(notification_item(notification(), None)) is None


def test_what_is_in_a_templates_key_or_goes_without_saying_is_not_stored_again() -> None:
    template = {"name": "receipt", "key": "templates/receipt/email/de.j2", "version_id": "v1"}
    given = delivery(template=template, digest_template=template | {"key": "elsewhere/receipt"})
    head = notification(given.notification_id, template="receipt")
    item = only_item(head, given, payload())
    assert "priority" not in item
    assert item["template"]["M"].keys() == {"key", "version_id"}
    assert item["digest_template"]["M"].keys() == {"name", "key", "version_id"}
    assert item["head"]["M"].keys() == {"fingerprint"}
    assert (notification_of(item), delivery_of(item)) == (head, given)


def test_what_earlier_versions_have_stored_more_of_is_read() -> None:
    template = {"name": "receipt", "key": "templates/receipt/email/de.j2", "version_id": "v1"}
    urgent = delivery(template=template, priority="high")
    head = notification(urgent.notification_id, template="receipt", priority="high")
    item = only_item(head, urgent, payload())
    item["template"]["M"]["name"] = item["head"]["M"]["template"] = {"S": "receipt"}
    assert (notification_of(item), delivery_of(item)) == (head, urgent)


def test_the_key_of_a_url_is_in_the_event_and_not_in_the_item() -> None:
    """It would be written with each status, and its user is known without."""
    given = delivery(channel="chat", platform="webhook", endpoint="https://hooks.example.com/Ada")
    assert given.event().address_key == address_key("https://hooks.example.com/Ada")
    assert "address_key" not in delivery_item(given)
    assert delivery_item(delivery())["address_key"] == {"S": delivery().event().address_key}
