"""A template's key says what it is, and no name can lead elsewhere in the bucket."""

import pytest
from pydantic import TypeAdapter, ValidationError

from handlers.domain.content import templates
from handlers.domain.content.templates import TemplateName

name: TypeAdapter[str] = TypeAdapter(TemplateName)


def test_the_key_is_the_one_of_the_design() -> None:
    assert templates.key("receipt", "email", "zh-CN") == "templates/receipt/email/zh-CN.j2"


def test_all_languages_of_a_template_lie_in_its_folder_and_no_other_template_does() -> None:
    assert templates.key("receipt", "email", "en").startswith(templates.folder("receipt", "email"))
    assert not templates.key("receipt2", "email", "en").startswith(templates.folder("receipt", "email"))
    assert not templates.key("receipt", "emails", "en").startswith(templates.folder("receipt", "email"))  # type: ignore[arg-type]


@pytest.mark.parametrize("accepted", ["receipt", "0-day", "a_b-c", "a" * 64])
def test_a_name_is_lower_case_letters_digits_and_dashes(accepted: str) -> None:
    assert name.validate_python(accepted) == accepted


@pytest.mark.parametrize("refused", ["", "Receipt", "-a", "_a", "a/b", "..", "a.b", "a b", "a" * 65, "a\n", "ä"])
def test_any_other_name_is_refused(refused: str) -> None:
    with pytest.raises(ValidationError):
        name.validate_python(refused)
