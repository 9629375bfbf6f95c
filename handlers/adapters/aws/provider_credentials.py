"""The providers' credentials, from Secrets Manager, cached for five minutes.

Each provider's credentials are a JSON document in the secret `<prefix><name>`. A secret without a value means that the
provider is off, and that is no error: an operator turns it on by putting one.
"""

from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final, Generic, TypeVar, cast

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from handlers.adapters.aws import clients
from handlers.config import CredentialsSettings
from handlers.domain.providers.errors import (
    CREDENTIALS_MISSING,
    CREDENTIALS_NOT_READ,
    AuthenticationError,
    CredentialsMissingError,
    UnavailableError,
)
from handlers.observability import logger

MAX_AGE_SECONDS: Final = 300
"""How long credentials are used, or a provider is off, before Secrets Manager is asked again."""

_NO_VALUE: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})


class Credentials(BaseModel):
    """What a provider's secret holds. What it does not know, it leaves alone: others may read the same document."""

    # A key that was pasted with its line break is a frequent mistake, and no header may have one.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, str_strip_whitespace=True)


C = TypeVar("C", bound=Credentials)
R = TypeVar("R")


class ProviderCredentials(Generic[C]):
    """The credentials of one provider; calls `secretsmanager:GetSecretValue` on its secret alone."""

    def __init__(self, name: str, model: type[C], *, prefix: str, secrets: SecretsProvider) -> None:
        self._name = name
        self._model = model
        self._secret = f"{prefix}{name}"
        self._secrets = secrets
        self._lock = Lock()
        self._off_until = 0.0
        self._told = False

    def use(self, call: Callable[[C], R]) -> R:
        """Return what the call returns, made with the credentials as remembered.

        If it raises `AuthenticationError` they are read again, and if there are new ones it is called a second time.
        Raises `CredentialsMissingError` when the provider is off, and `UnavailableError` when that is not known.
        """
        credentials = self.current()
        try:
            return call(credentials)
        except AuthenticationError:
            renewed = self._renewed(credentials)
            if renewed == credentials:
                raise
        return call(renewed)

    def current(self) -> C:
        """Return the credentials, at most `MAX_AGE_SECONDS` old; raises as `use` does."""
        if monotonic() < self._off_until:
            raise CredentialsMissingError(CREDENTIALS_MISSING)
        return self._read()

    def available(self) -> bool:
        """Whether the provider has credentials, as far as is known: False only when it is off."""
        try:
            self.current()
        except CredentialsMissingError:
            return False
        except UnavailableError:
            return True
        return True

    def _renewed(self, refused: C) -> C:
        """Read them again, once for all the threads that were refused."""
        with self._lock:
            remembered = self.current()
            return self._read(afresh=True) if remembered == refused else remembered

    def _read(self, *, afresh: bool = False) -> C:
        try:
            value = self._secrets.get(self._secret, max_age=MAX_AGE_SECONDS, force_fetch=afresh)
        except GetParameterError as error:
            cause = error.__context__
            if _says_no_value(cause):
                raise self._off("has no credentials") from None
            raise UnavailableError(f"SecretsManager:{_code(cause)}") from None
        try:
            return self._model.model_validate_json(str(value))
        except ValidationError as error:
            fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
            raise self._off("has credentials of another form", fields=fields) from None

    def _off(self, why: str, fields: Sequence[str] = ()) -> CredentialsMissingError:
        """Turn the provider off until the next look, and say so once."""
        self._off_until = monotonic() + MAX_AGE_SECONDS
        if not self._told:
            self._told = True
            logger.warning(f"the provider is off: it {why}", provider=self._name, fields=fields)
        return CredentialsMissingError(CREDENTIALS_MISSING)


def of(name: str, model: type[C]) -> ProviderCredentials[C]:
    """Return the credentials of a provider as the environment configures them; nothing is read yet."""
    return ProviderCredentials(
        name, model, prefix=CredentialsSettings.read().provider_secret_prefix, secrets=_secrets()
    )


@cache
def _secrets() -> SecretsProvider:
    # Powertools asks the client for its events at once, and that would make the client at every start.
    return cast(SecretsProvider, clients.AtFirstUse(lambda: SecretsProvider(boto3_client=clients.secretsmanager())))


def _says_no_value(cause: BaseException | None) -> bool:
    # KeyError: the answer has no value in it, as MiniStack's for a secret that has none yet.
    return isinstance(cause, KeyError) or (isinstance(cause, ClientError) and _code(cause) in _NO_VALUE)


def _code(cause: BaseException | None) -> str:
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else CREDENTIALS_NOT_READ
