from pulumi import StringAsset
from pulumi_policy.proxy import UNKNOWN_ARRAY_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.values import UNKNOWN, at, items, plain, properties, walk

DEEP = {
    "known": {"list": [1.0, UNKNOWN_STRING_VALUE, {"in": UNKNOWN_ARRAY_VALUE}], "text": "a"},
    "unknown": UNKNOWN_STRING_VALUE,
}


def test_what_is_unknown_is_named_so_at_any_depth_and_nothing_raises() -> None:
    assert properties(unknown_checking_proxy(DEEP)) == {
        "known": {"list": [1.0, UNKNOWN, {"in": UNKNOWN}], "text": "a"},
        "unknown": UNKNOWN,
    }


def test_the_proxies_of_the_sdk_become_real_dicts_and_lists() -> None:
    made = properties(unknown_checking_proxy(DEEP))
    assert isinstance(made["known"], dict)
    assert isinstance(made["known"]["list"], list)


def test_an_asset_has_nothing_to_read() -> None:
    assert plain({"code": StringAsset("x")}) == {"code": None}


def test_a_path_leads_into_maps_and_into_json_text() -> None:
    assert at({"a": {"b": "c"}}, "a", "b") == "c"
    assert at({"a": '{"b": {"c": true}}'}, "a", "b", "c") is True


def test_a_path_through_something_unknown_is_unknown_and_one_through_nothing_is_none() -> None:
    assert at({"a": UNKNOWN}, "a", "b", "c") is UNKNOWN
    assert at({"a": None}, "a", "b") is None
    assert at({"a": "no map"}, "a", "b") is None
    assert at({"a": "{no json"}, "a", "b") is None


def test_a_single_value_counts_as_a_list_of_one_and_none_as_no_item() -> None:
    assert items("a") == ["a"]
    assert items(["a", "b"]) == ["a", "b"]
    assert items(None) == []


def test_a_walk_meets_every_value_with_its_path_also_inside_json_text() -> None:
    met = dict(walk({"a": [{"b": '{"c": 1}'}], "d": UNKNOWN}))
    assert met["a.0.b.c"] == 1
    assert met["d"] is UNKNOWN
