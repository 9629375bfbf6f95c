"""How counters and entries lie in the table `stats`."""

from datetime import timedelta

from handlers.adapters.aws.dynamo import typed
from handlers.adapters.aws.stats_items import counters_key, counters_of, entry_item, entry_of, listed
from handlers.domain.notifications.deliveries import TemplateVersion
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.stats.counting import Group
from handlers.domain.stats.ledger import Entry, posting, written
from handlers.domain.stats.listing import ListedDelivery
from ops.cost.dynamodb import item_bytes, write_units
from tests.unit.handlers.domain.stats.test_counting import C, O, P, S, after
from tests.unit.handlers.samples import NOW


def test_an_entry_is_one_write_unit_and_read_again_what_was_written() -> None:
    template = TemplateVersion(name="receipt-for-payment", key="k", version_id="v")
    given = after(C, P, S, O, template=template, provider="sendgrid", user_id="u" * 36, reason="opted_out")
    made = posting([Change(ordered("4421584500000000017450439091"), None, given)])
    assert made is not None
    assert made.new is not None
    item = entry_item(made, given)
    assert write_units(item_bytes(item)) == 1
    assert entry_of(item) == Entry(ordered("4421584500000000017450439091"), written(made.new))
    assert listed(item) == ListedDelivery.of(given)


def test_an_entry_is_kept_for_as_long_after_its_time_as_one_that_did_not_have_to_wait() -> None:
    later = NOW + timedelta(days=300)
    kept = []
    for given in (after(C), after(C, send_at=later)):
        made = posting([Change(ordered("1"), None, given)])
        assert made is not None
        kept.append(int(entry_item(made, given)["expiration"]["N"]))
    assert kept[1] - kept[0] == 300 * 86400


def test_an_entry_of_a_bare_address_is_in_no_index() -> None:
    made = posting([Change(ordered("1"), None, after(C, user_id=None))])
    assert made is not None
    assert "user" not in entry_item(made, made.delivery)


def test_a_group_is_read_from_its_key_whatever_its_template_is_called() -> None:
    group = Group("demo", "2030-01-31", "payment", "email", "", "a#b")
    item = counters_key(group, 3) | typed({"expiration": 1, "sent": 2})
    assert counters_of(item) == (group, {"sent": 2})
