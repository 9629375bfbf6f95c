"""The apps that may call, from Secrets Manager, remembered for a while."""

from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider
from botocore.exceptions import ClientError
from pydantic import ValidationError

from handlers.domain.tokens import App, Reason, RefusedTokenError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_REFUSALS: Final = {
    # Also what a secret answers whose value was never put, or that is being deleted
    # (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
    "ResourceNotFoundException": Reason.UNKNOWN_APP,
    "InvalidRequestException": Reason.UNKNOWN_APP,
    "AccessDeniedException": Reason.ACCESS_DENIED,
}


class AppSecrets:
    """Apps by their key, each in the secret `<prefix><app key>`.

    `max_age_seconds` is for how long a rotated or withdrawn secret is still honoured.
    """

    def __init__(self, prefix: str, client: "SecretsManagerClient", max_age_seconds: int) -> None:
        self._prefix = prefix
        self._max_age = max_age_seconds
        self._provider = SecretsProvider(boto3_client=client)

    def app(self, app_key: str) -> App:
        """Return the app; raise `RefusedTokenError` when there is none or its secret does not have the form of one.

        Calls `secretsmanager:GetSecretValue`. What is not an answer, as throttling or a timeout, is raised as it is:
        it is no reason to call anybody unauthorised.
        """
        try:
            value = self._provider.get(f"{self._prefix}{app_key}", max_age=self._max_age)
        except GetParameterError as error:
            if reason := _refusal(error.__context__):
                raise RefusedTokenError(reason) from None
            raise
        try:
            return App.model_validate_json(str(value))
        except ValidationError:
            raise RefusedTokenError(Reason.APP_MISCONFIGURED) from None


def _refusal(cause: BaseException | None) -> Reason | None:
    if isinstance(cause, KeyError):  # the answer has no value in it, as MiniStack's for a secret that has none yet
        return Reason.UNKNOWN_APP
    return _REFUSALS.get(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else None
