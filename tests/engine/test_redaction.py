from local.engine.redaction import Redactor


def test_every_text_of_a_secret_is_replaced_wherever_it_stands() -> None:
    redactor = Redactor()
    redactor.learn([{"user": "alice", "keys": ["k-123", "k-1234"]}, "first line\nsecond line"])
    assert redactor.clean("alice has k-1234 and k-123") == "[secret] has [secret] and [secret]"
    assert redactor.clean("printed: second line") == "printed: [secret]"


def test_values_too_short_to_be_told_from_words_are_left() -> None:
    redactor = Redactor()
    redactor.learn(["a", "", 7, None, True])
    assert redactor.clean("a 7") == "a 7"
