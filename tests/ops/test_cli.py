"""`carillon …` as an operator types it."""

import json
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner, Result

from local.engine.emulator import Emulator
from ops.cli import app

ROOT = Path(__file__).parents[2]
LOCAL = {
    "api_url": "http://127.0.0.1:9",
    "app_key": "demo",
    "app_secret": "a secret of at least thirty-two bytes",
    "inbox_url": "",
    "emulator_url": "",
}


@pytest.fixture(autouse=True)
def on_the_emulator(account: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials as an operator has them, in a directory with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", account.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", account.endpoint_url)


def carillon(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def create(app_key: str) -> Result:
    return carillon(
        "apps", "create", app_key, "--environment", "dev", "--categories", "payment, invoice", "--channels", "email"
    )


def write_local(directory: Path) -> None:
    (directory / ".carillon").mkdir()
    (directory / ".carillon" / "local.json").write_text(json.dumps(LOCAL))


def test_a_new_apps_secret_is_shown_once_and_never_again(app_key: str) -> None:
    secret = create(app_key).stdout.splitlines()[-1]
    assert len(secret) == 43
    again = create(app_key)
    assert again.exit_code == 1
    assert "is there already: `carillon apps change` its scopes, or `rotate` its secret" in again.stderr
    changed = carillon("apps", "change", app_key, "-e", "dev", "--categories", "*", "--channels", "sms")
    for words in (["show", app_key], ["list"]):
        shown = carillon("apps", *words, "--environment", "dev")
        assert secret not in again.stdout + changed.stdout + shown.stdout
        [row] = [line.split() for line in shown.stdout.splitlines() if line.startswith(app_key)]
        assert row == [app_key, "*", "sms", "unlimited", "1", "valid"]


def test_apps_are_listed_for_machines_and_those_that_nobody_created_too(app_key: str) -> None:
    listed = json.loads(carillon("apps", "list", "--environment", "dev", "--json").stdout)
    assert {"app_key": app_key, "secrets": 0} in listed


def test_a_revoked_app_signs_nothing_until_it_is_given_a_new_secret(app_key: str) -> None:
    create(app_key)
    assert carillon("apps", "revoke", app_key, "--environment", "dev").exit_code == 0
    assert json.loads(carillon("apps", "show", app_key, "-e", "dev", "--json").stdout)["secrets"] == 0
    assert "`carillon apps rotate`" in carillon("token", "-e", "dev", "--app", app_key).stderr
    carillon("apps", "rotate", app_key, "--environment", "dev")
    assert json.loads(carillon("apps", "show", app_key, "-e", "dev", "--json").stdout)["secrets"] == 1


def test_a_rotation_shows_the_new_secret_and_not_the_old_one(app_key: str) -> None:
    first = create(app_key).stdout.splitlines()[-1]
    rotated = carillon("apps", "rotate", app_key, "--environment", "dev")
    assert len(rotated.stdout.splitlines()[-1]) == 43
    assert first not in rotated.stdout
    assert "2 valid" in carillon("apps", "show", app_key, "--environment", "dev").stdout


def test_an_unknown_app_is_one_clear_error() -> None:
    refused = create("nobody")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: carillon/dev/apps/nobody is not in Secrets Manager")


def test_a_token_of_the_local_app_needs_nothing_said(tmp_path: Path) -> None:
    write_local(tmp_path)
    claims = jwt.decode(carillon("token").stdout.strip(), LOCAL["app_secret"], algorithms=["HS256"])
    assert claims["iss"] == "demo"


def test_a_token_on_aws_is_signed_with_the_apps_current_secret(app_key: str) -> None:
    create(app_key)
    secret = carillon("apps", "rotate", app_key, "--environment", "dev").stdout.splitlines()[-1]
    token = carillon("token", "--environment", "dev", "--app", app_key).stdout.strip()
    assert jwt.decode(token, secret, algorithms=["HS256"])["iss"] == app_key


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token"], "`make up` starts the platform"),
        (["token", "--environment", "dev"], "say which app of dev to act as: --app"),
        (
            ["send", "-", "--environment", "dev", "--app", "billing"],
            "which knows the outputs of dev, is not here: install it, or say where its API is: --api-url",
        ),
    ],
)
def test_what_is_missing_is_said_with_the_way_out(words: list[str], said: str) -> None:
    refused = carillon(*words, stdin="{}")
    assert refused.exit_code == 1
    assert said in refused.stderr


@pytest.mark.parametrize(("body", "said"), [("{", "is not JSON"), ("[]", "is not a JSON object")])
def test_a_notification_that_is_not_one_is_not_sent(tmp_path: Path, body: str, said: str) -> None:
    write_local(tmp_path)
    refused = carillon("send", "-", stdin=body)
    assert refused.exit_code == 1
    assert said in refused.stderr


def test_providers_are_named_without_importing_what_sends() -> None:
    code = "import sys, ops.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "handlers.domain.providers.registry" in done.stdout.split()
    assert "handlers.adapters.providers" not in done.stdout.split()
