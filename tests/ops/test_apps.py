"""Apps and their secrets, in the emulator's Secrets Manager."""

import base64
import json
from typing import Any

import pytest

from handlers.domain import tokens
from ops.apps import App, AppError, Apps


@pytest.fixture
def apps(manager: Any) -> Apps:
    return Apps(manager, "dev")


def stored(manager: Any, app_key: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        manager.get_secret_value(SecretId=f"carillon/dev/apps/{app_key}")["SecretString"]
    )
    return value


def test_a_new_app_gets_a_secret_of_256_bits_and_its_scopes(apps: Apps, manager: Any, app_key: str) -> None:
    app = apps.put(app_key, ["payment", "invoice"], ["email"])
    assert len(base64.urlsafe_b64decode(app.current_secret + "=")) == 32
    assert stored(manager, app_key) == {
        "secrets": [app.current_secret],
        "categories": ["payment", "invoice"],
        "channels": ["email"],
    }


def test_new_scopes_leave_the_secrets_as_they_are(apps: Apps, app_key: str) -> None:
    first = apps.put(app_key, ["payment"], ["email"])
    assert apps.put(app_key, ["*"], ["*"]) == App(first.secrets, ("*",), ("*",))


def test_an_app_has_the_rate_that_it_was_given_last_through_every_rotation(
    apps: Apps, manager: Any, app_key: str
) -> None:
    apps.put(app_key, ["*"], ["*"], rate=10, burst=20)
    apps.rotate(app_key)
    value = stored(manager, app_key)
    assert (value["rate"], value["burst"]) == (10, 20)
    kept = tokens.App.model_validate_json(json.dumps(value))  # as the authorizer reads it
    assert (kept.rate, kept.burst) == (10, 20)
    apps.put(app_key, ["*"], ["*"])
    assert not {"rate", "burst"} & stored(manager, app_key).keys()


@pytest.mark.parametrize(("rate", "burst"), [(10, None), (None, 10), (0, 1), (501, 1), (1, 0)])
def test_a_rate_that_could_not_be_held_is_refused(rate: int | None, burst: int | None, apps: Apps) -> None:
    with pytest.raises(AppError, match=r"--rate.*--burst"):
        apps.put("app", ["*"], ["*"], rate, burst)


def test_a_rotation_keeps_the_last_secret_valid_and_only_that(apps: Apps, app_key: str) -> None:
    secrets = [apps.put(app_key, ["payment"], ["email"]).current_secret]
    for _ in range(2):
        app = apps.rotate(app_key)
        assert app.secrets[1:] == (secrets[-1],)
        assert app.current_secret not in secrets
        assert (app.categories, app.channels) == (("payment",), ("email",))
        secrets.append(app.current_secret)
    assert apps.get(app_key).secrets == (secrets[2], secrets[1])


def test_an_app_that_the_program_does_not_know_is_refused_saying_where_to_add_it(apps: Apps) -> None:
    with pytest.raises(AppError, match=r"add nobody to `apps` in Pulumi\.dev\.yaml"):
        apps.put("nobody", ["*"], ["*"])


def test_an_app_without_a_secret_cannot_be_rotated_and_the_error_says_what_to_do(apps: Apps, app_key: str) -> None:
    with pytest.raises(AppError, match=f"carillon apps create {app_key} --environment dev"):
        apps.rotate(app_key)
