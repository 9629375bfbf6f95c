"""A number is printed, and kept, as its producer wrote it."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.content.values import read_json, write_json

LITERALS = ["10.00", "1e3", "1E-7", "-0", "-0.0", "0.10", "123456789012345678901234567890", "1e400", "2.50", "0", "-7"]


@pytest.mark.parametrize("literal", LITERALS)
def test_a_number_keeps_its_literal_and_reckons(literal: str) -> None:
    number = read_json(literal)
    assert (str(number), write_json([number])) == (literal, f"[{literal}]")
    assert number == json.loads(literal)
    assert number * 2 == json.loads(literal) * 2
    assert str(pickle.loads(pickle.dumps(number))) == literal


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_is_written_is_read_again(value: Any) -> None:
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert write_json(value) == compact
    assert write_json(value, sort=True, spaced=True) == json.dumps(value, ensure_ascii=False, sort_keys=True)
    assert read_json(compact) == value
    assert write_json(read_json(compact)) == compact


def test_what_is_no_json_value_is_not_written() -> None:
    with pytest.raises(TypeError):
        write_json({1, 2})
