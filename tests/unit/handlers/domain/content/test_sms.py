"""In how many parts a text goes: the bounds of 3GPP TS 23.038, and what cannot be divided."""

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.content.sms import segments

CODEC = gsm0338.Codec()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # the euro sign's two septets do not fit into the first part
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("ж" * 66 + "😀" + "ж" * 66, 3),  # neither does the surrogate pair
        ("a" * 69 + "`", 1),  # a backtick is not of the GSM alphabet, and takes the whole text to UTF-16
        ("a" * 70 + "`", 2),
    ],
)
def test_a_text_has_as_many_parts_as_it_needs(text: str, parts: int) -> None:
    assert segments(text) == parts


# Not ESC: it announces the extension table, and is no character by itself.
@given(st.characters(exclude_categories=["Cs"], exclude_characters="\x1b"))
def test_the_alphabet_is_that_of_the_codec(character: str) -> None:
    try:
        septets = len(CODEC.encode(character)[0])
    except UnicodeError:
        septets = None
    if septets is None:
        assert segments(character * 36) == (2 if ord(character) > 0xFFFF else 1)
        assert segments(character * 71) > 1
    else:
        assert segments(character * (160 // septets)) == 1
        assert segments(character * (160 // septets + 1)) == 2
