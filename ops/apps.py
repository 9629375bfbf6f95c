"""Apps that may send: their secrets and what they may send, kept in Secrets Manager and nowhere else.

The program makes one empty container for each app, `carillon/<environment>/apps/<app key>`; its value is written here:
`{"secrets": [current, previous?], "categories": […], "channels": […]}`. While a secret is being rotated both are valid.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# RFC 7518, 3.2: an HS256 key must be at least as long as the hash's output.
_SECRET_BYTES = 32


class AppError(Exception):
    """An app cannot be changed or read; the message says what to do."""


@dataclass(frozen=True)
class App:
    """An app's value: its valid secrets, the current one first, and its scopes (`*` grants all of a kind)."""

    secrets: tuple[str, ...]
    categories: tuple[str, ...]
    channels: tuple[str, ...]

    @property
    def current_secret(self) -> str:
        """What the producer signs with."""
        return self.secrets[0]


class Apps:
    """The apps of one environment."""

    def __init__(self, manager: "SecretsManagerClient", environment: str) -> None:
        self._manager = manager
        self._environment = environment

    def put(self, app_key: str, categories: Sequence[str], channels: Sequence[str]) -> App:
        """Set what an app may send; an app that has no secret yet gets one. Raises `AppError`."""
        existing = self.find(app_key)
        valid = existing.secrets if existing else (_new_secret(),)
        return self._store(app_key, App(valid, tuple(categories), tuple(channels)))

    def rotate(self, app_key: str) -> App:
        """Give an app a new secret; the one it had stays valid until the next rotation. Raises `AppError`."""
        app = self.get(app_key)
        return self._store(app_key, replace(app, secrets=(_new_secret(), app.current_secret)))

    def get(self, app_key: str) -> App:
        """An app as it is now. Raises `AppError`."""
        app = self.find(app_key)
        if app is None:
            raise AppError(
                f"{app_key} has no secret yet: carillon apps put {app_key} --environment {self._environment}"
            )
        return app

    def find(self, app_key: str) -> App | None:
        """An app as it is now; None when its container is there but empty. Raises `AppError`."""
        name = self._name(app_key)
        missing = self._manager.exceptions.ResourceNotFoundException
        try:
            self._manager.describe_secret(SecretId=name)
        except missing as error:
            raise AppError(
                f"{name} is not in Secrets Manager: "
                f"add {app_key} to `apps` in Pulumi.{self._environment}.yaml, then `pulumi up`"
            ) from error
        try:
            stored = self._manager.get_secret_value(SecretId=name).get("SecretString")
        except missing:
            return None
        if stored is None:  # the emulator answers an empty container so; AWS says that there is no such value
            return None
        value = json.loads(stored)
        return App(tuple(value["secrets"]), tuple(value["categories"]), tuple(value["channels"]))

    def _store(self, app_key: str, app: App) -> App:
        value = {"secrets": app.secrets, "categories": app.categories, "channels": app.channels}
        self._manager.put_secret_value(SecretId=self._name(app_key), SecretString=json.dumps(value))
        return app

    def _name(self, app_key: str) -> str:
        return f"carillon/{self._environment}/apps/{app_key}"


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)
