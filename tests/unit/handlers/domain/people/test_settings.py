"""What a user did not name is opted in."""

from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings


def test_only_what_is_named_as_false_is_opted_out() -> None:
    settings = Settings.model_validate(
        {"user_id": "ada", "categories": {"payment": {"email": False, "sms": True}}, "quiet_hours": None}
    )
    assert not settings.allow("payment", "email")
    assert settings.allow("payment", "sms")
    assert settings.allow("payment", "push")
    assert settings.allow("billing", "email")


def test_who_never_chose_gets_everything() -> None:
    assert DEFAULT_SETTINGS.allow("payment", "email")
