"""Languages have one spelling each, and a search for one always ends at the default."""

import pytest
from pydantic import TypeAdapter, ValidationError

from handlers.domain.people.locales import Locale, LocaleOrDefault, fallbacks

locale: TypeAdapter[str] = TypeAdapter(Locale)


@pytest.mark.parametrize(
    ("wanted", "searched"),
    [
        ("zh-TW", ("zh-TW", "zh-Hant-TW", "zh-Hant", "zh", "zh-Hans", "default")),
        ("zh-Hant-TW", ("zh-Hant-TW", "zh-TW", "zh-Hant", "zh", "zh-Hans", "default")),
        ("zh-CN", ("zh-CN", "zh-Hans-CN", "zh-Hans", "zh", "default")),
        ("zh", ("zh", "zh-Hans", "default")),
        ("sr-ME", ("sr-ME", "sr-Latn-ME", "sr-Latn", "sr", "sr-Cyrl", "default")),
        ("no", ("no", "nb", "default")),
        ("no-NO", ("no-NO", "nb-NO", "no", "nb", "default")),
        ("nb-NO", ("nb-NO", "nb", "no", "default")),
        ("nn", ("nn", "no", "nb", "default")),
        ("pt-AO", ("pt-AO", "pt-PT", "pt", "default")),
        ("pt-BR", ("pt-BR", "pt", "default")),
        ("es-MX", ("es-MX", "es-419", "es", "default")),
        ("en-AU", ("en-AU", "en-001", "en", "default")),
        ("de-AT", ("de-AT", "de", "default")),
        ("de-1996", ("de-1996", "de", "default")),
        ("xx-YY", ("xx-YY", "xx", "default")),
        ("en", ("en", "default")),
        ("default", ("default",)),
        (None, ("default",)),
    ],
)
def test_the_search_goes_from_the_most_specific_to_the_default(wanted: str | None, searched: tuple[str, ...]) -> None:
    assert fallbacks(wanted) == searched


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("de-at", "de-AT"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("EN", "en"),
        ("en_US", "en-US"),
        ("zh_hant_tw", "zh-Hant-TW"),
    ],
)
def test_a_language_has_one_spelling(given: str, kept: str) -> None:
    assert locale.validate_python(given) == kept


@pytest.mark.parametrize(
    "refused", ["", "e", "english", "en_US.UTF-8", "en-", "en__US", "../en", "en/../../x", "en\n", "en-" + "a" * 40]
)
def test_what_is_no_language_is_refused(refused: str) -> None:
    with pytest.raises(ValidationError):
        locale.validate_python(refused)


def test_what_is_written_for_everybody_has_the_default_for_a_language() -> None:
    written: TypeAdapter[str] = TypeAdapter(LocaleOrDefault)
    assert [written.validate_python(value) for value in ("default", "de-at")] == ["default", "de-AT"]
    for refused in ("fallback", "defaults", "default-AT", "Default"):
        with pytest.raises(ValidationError):
            written.validate_python(refused)
