"""What a function is configured with is checked when it starts, and does not change after."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from handlers.config import Category, NotificationsSettings, SweeperSettings, WorkerSettings
from handlers.domain.notifications.limits import Limit


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    for name in ("CONTACTS", "SETTINGS", "NOTIFICATIONS", "TEMPLATES", "LIMITS"):
        monkeypatch.setenv(f"CARILLON_{name}_TABLE", name.lower())
    monkeypatch.setenv("CARILLON_EVENT_BUS", "carillon-test")
    monkeypatch.setenv("CARILLON_ALERT_TOPIC", "alerts")
    rules = '{"outage_after_seconds": 60, "over_after_seconds": 300, "remind_after_seconds": [3600]}'
    monkeypatch.setenv("CARILLON_ALERT_RULES", rules)
    for name in ("SCHEDULE_GROUP", "SCHEDULE_TARGET", "SCHEDULER_ROLE"):
        monkeypatch.setenv(f"CARILLON_{name}", name.lower())
    monkeypatch.setenv("CARILLON_TEMPLATE_BUCKET", "templates")
    monkeypatch.setenv("CARILLON_CHANNELS", '["email"]')
    monkeypatch.setenv("CARILLON_CATEGORIES", '{"payment": {"channels": ["email", "sms"]}}')
    monkeypatch.setenv("CARILLON_CHANNEL", "email")
    monkeypatch.setenv("CARILLON_RECIPIENT_LIMITS", '{"email": {"*": {"burst": 5, "per": "PT1M"}}}')
    monkeypatch.setenv("CARILLON_LOG_KEPT_DAYS", "400")
    monkeypatch.setenv("CARILLON_SAMPLE_URL", "https://api.example.com")
    monkeypatch.setenv("CARILLON_SMS_MAX_SEGMENTS", "10")
    return monkeypatch


def test_each_variable_is_a_field(environment: pytest.MonkeyPatch) -> None:
    settings = NotificationsSettings.read()
    assert (settings.environment, settings.event_bus) == ("test", "carillon-test")
    assert settings.categories == {"payment": Category(channels=("email", "sms"))}
    assert settings.recipient_limits == {"email": {"*": Limit(5, timedelta(minutes=1))}}


def test_a_variable_that_is_missing_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("CARILLON_EVENT_BUS")
    with pytest.raises(ValidationError) as error:
        SweeperSettings.read()
    assert [each["loc"] for each in error.value.errors()] == [("event_bus",)]


def test_a_channel_that_there_is_not_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CARILLON_CHANNEL", "fax")
    with pytest.raises(ValidationError):
        WorkerSettings.read()


def test_settings_do_not_change(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        SweeperSettings.read().event_bus = "another"  # type: ignore[misc]
