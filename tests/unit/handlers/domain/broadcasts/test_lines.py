"""The file of an audience, read in pieces: each line by itself, and never more than a piece of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.broadcasts.lines import LONGEST_LINE, NoHeaderError, Page, Place, read_page
from handlers.domain.broadcasts.requests import Format

CSV, JSONL = Format.CSV, Format.JSONL


def pages(file: bytes, written: Format, *, piece: int = LONGEST_LINE, most: int = 100) -> list[Page]:
    """All of a file, read as the fan-out does."""
    place, read = Place(), []
    while True:
        part = file[place.offset : place.offset + piece]
        page = read_page(part, place, written, is_last=place.offset + len(part) >= len(file), most=most)
        read.append(page)
        place = page.place
        if page.done:
            return read


def whole(file: bytes, written: Format, **how: int) -> tuple[list[str], list[tuple[int, str]]]:
    read = pages(file, written, **how)
    recipients = [each.user_id or each.email or each.phone or "" for page in read for each in page.recipients]
    return recipients, [(each.line, each.message) for page in read for each in page.rejections]


def test_a_bad_line_is_told_by_its_number_and_stops_nothing() -> None:
    lines = b'ada,|,bob@example.com|ada,bob@example.com|,bob||x|\xff,|"a,|eve,|'.replace(b"|", b"\r\n")
    file = b"\xef\xbb\xbfuser_id,email\r\n" + lines
    recipients, rejections = whole(file, CSV)
    assert recipients == ["ada", "bob@example.com", "eve"]
    assert rejections == [
        (4, "must have exactly one of user_id, email and phone"),
        (5, "email: must be an e-mail address such as ada@example.com"),
        (7, "must have 2 columns"),
        (8, "must be UTF-8"),
        (9, "must be one line of CSV"),
    ]


def test_lines_of_json_are_recipients_as_in_a_notification() -> None:
    lines = [
        b'{"user_id": "ada"}',
        b'{"email": "B\xc3\xb6b@example.com"}',
        b"[]",
        b'{"user_id": "a", "name": "b"}',
        b'{"phone": "+44 20"}',
        b'{"phone": "+442079460123"}',
    ]
    file = b"\n".join(lines)
    recipients, rejections = whole(file, JSONL)
    assert recipients == ["ada", "+442079460123"]
    assert [line for line, _ in rejections] == [2, 3, 4, 5]
    assert rejections[1][1] == "must be a JSON object"


@pytest.mark.parametrize("first", [b"", b"name\n", b"email,email\n", b"ada@example.com\n", b"\xff\n", b'"\n'])
def test_a_csv_file_that_does_not_name_its_columns_is_refused_whole(first: bytes) -> None:
    with pytest.raises(NoHeaderError, match="user_id, email, phone"):
        whole(first + b"ada\n", CSV)


def test_a_line_that_is_too_long_is_one_bad_line_and_is_never_held_whole() -> None:
    long = b"x" * (3 * 50)
    recipients, rejections = whole(b"user_id\nada\n" + long + b"\nbob\n", CSV, piece=50)
    assert recipients == ["ada", "bob"]
    assert [line for line, _ in rejections] == [3]


@given(st.lists(st.sampled_from([b"ada", b"bob", b"", b"\xff", b"a,b"])), st.integers(8, 40), st.integers(1, 4))
def test_however_a_file_is_cut_it_says_the_same(lines: list[bytes], piece: int, most: int) -> None:
    file = b"\n".join([b"user_id", *lines])
    assert whole(file, CSV, piece=piece, most=most) == whole(file, CSV)
