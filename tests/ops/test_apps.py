"""Apps and their secrets, in the emulator's Secrets Manager."""

import base64
import json
from typing import Any

import pytest

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
    with pytest.raises(AppError, match=f"carillon apps put {app_key} --environment dev"):
        apps.rotate(app_key)
