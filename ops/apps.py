"""Apps that may send: their secrets and what they may send, kept in Secrets Manager and nowhere else.

The program makes one empty container for each app, `carillon/<environment>/apps/<app key>`; its value is written here:
`{"secrets": [current, previous?], "categories": […], "channels": […], "rate"?, "burst"?, "suppressions"?}`. While a
secret is being rotated both are valid.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from handlers.domain.tokens import MAX_RATE
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# RFC 7518, 3.2: an HS256 key must be at least as long as the hash's output.
_SECRET_BYTES = 32


class AppError(OperatorError):
    """An app cannot be changed or read."""


@dataclass(frozen=True)
class App:
    """An app's value: its valid secrets, the current one first, and its scopes (`*` grants all of a kind).

    `rate` is how many requests it may send a second, and `burst` how many at once; None for as many as the API takes.
    """

    secrets: tuple[str, ...]
    categories: tuple[str, ...]
    channels: tuple[str, ...]
    rate: int | None = None
    burst: int | None = None
    suppressions: bool = False
    """Whether it may see and change which addresses are not tried."""

    @property
    def current_secret(self) -> str:
        """What the producer signs with. Raises `AppError` when all its secrets were taken from it."""
        if not self.secrets:
            raise AppError("the app has no secret any more: `carillon apps rotate` gives it a new one")
        return self.secrets[0]


class Apps:
    """The apps of one environment."""

    def __init__(self, manager: "SecretsManagerClient", environment: str) -> None:
        self._manager = manager
        self._environment = environment

    def create(
        self,
        app_key: str,
        categories: Sequence[str],
        channels: Sequence[str],
        rate: int | None = None,
        burst: int | None = None,
        *,
        suppressions: bool = False,
    ) -> App:
        """Give an app its first secret, and say what it may send. Raises `AppError`, also when it has one already."""
        if self.find(app_key) is not None:
            raise AppError(f"{app_key} is there already: `carillon apps change` its scopes, or `rotate` its secret")
        return self.put(app_key, categories, channels, rate, burst, suppressions=suppressions)

    def change(
        self,
        app_key: str,
        categories: Sequence[str],
        channels: Sequence[str],
        rate: int | None = None,
        burst: int | None = None,
        *,
        suppressions: bool = False,
    ) -> App:
        """Say anew what an app may send, and how often; its secrets stay. Raises `AppError`."""
        self.get(app_key)
        return self.put(app_key, categories, channels, rate, burst, suppressions=suppressions)

    def put(
        self,
        app_key: str,
        categories: Sequence[str],
        channels: Sequence[str],
        rate: int | None = None,
        burst: int | None = None,
        *,
        suppressions: bool = False,
    ) -> App:
        """Set what an app may send, and how often; an app that has no secret yet gets one. Raises `AppError`."""
        if (rate is None) != (burst is None):
            raise AppError("say both --rate and --burst, or neither")
        if rate is not None and burst is not None and not (1 <= rate <= MAX_RATE and burst >= 1):
            raise AppError(f"--rate must be from 1 to {MAX_RATE} requests a second, and --burst at least 1")
        existing = self.find(app_key)
        valid = existing.secrets if existing else (_new_secret(),)
        return self._store(app_key, App(valid, tuple(categories), tuple(channels), rate, burst, suppressions))

    def rotate(self, app_key: str) -> App:
        """Give an app a new secret; the one it had stays valid until the next rotation. Raises `AppError`."""
        app = self.get(app_key)
        return self._store(app_key, replace(app, secrets=(_new_secret(), *app.secrets[:1])))

    def revoke(self, app_key: str) -> App:
        """Take all its secrets from an app; what it may send is kept for when it gets a new one. Raises `AppError`."""
        return self._store(app_key, replace(self.get(app_key), secrets=()))

    def all(self) -> dict[str, App | None]:
        """All apps of the environment by their keys, in order; None where none was created yet."""
        pages = self._manager.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [self._name("")]}]
        )
        names = sorted(each["Name"] for page in pages for each in page["SecretList"])
        keys = [name.removeprefix(self._name("")) for name in names if name.startswith(self._name(""))]
        return {key: self.find(key) for key in keys}

    def get(self, app_key: str) -> App:
        """An app as it is now. Raises `AppError`."""
        app = self.find(app_key)
        if app is None:
            raise AppError(
                f"{app_key} has no secret yet: carillon apps create {app_key} --environment {self._environment}"
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
        return App(
            tuple(value["secrets"]),
            tuple(value["categories"]),
            tuple(value["channels"]),
            value.get("rate"),
            value.get("burst"),
            value.get("suppressions", False),
        )

    def _store(self, app_key: str, app: App) -> App:
        value = {name: each for name, each in asdict(app).items() if each not in (None, False)}
        self._manager.put_secret_value(SecretId=self._name(app_key), SecretString=json.dumps(value))
        return app

    def _name(self, app_key: str) -> str:
        return f"carillon/{self._environment}/apps/{app_key}"


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)
