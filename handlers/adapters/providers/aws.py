"""What the providers that are AWS services have in common: what no answer, and what throttling, means.

The client has to make one attempt alone (see `handlers.adapters.aws.clients`).
"""

from collections.abc import Callable
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ReadTimeoutError

from handlers.domain.providers.errors import (
    CONNECTION_LOST,
    NO_ANSWER,
    NOT_REACHED,
    OutcomeUnknownError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)

R = TypeVar("R")

# All of them are of the account's rate or quota:
# https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html,
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
_THROTTLING: Final = frozenset(
    {
        "TooManyRequestsException",
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
        "Throttled",
        "ThrottledException",
        "KMSThrottling",
        "RequestLimitExceeded",
    }
)


def call(request: Callable[[], R], meaning: Callable[[str, str], ProviderError]) -> R:
    """Return the answer of a request to AWS; raise `ProviderError` otherwise.

    `meaning` tells what an error's code and its text, which is not to be repeated, say. It is not asked of throttling.
    """
    try:
        return request()
    except ClientError as error:
        raise _answered(error, meaning) from None
    except HTTPClientError as error:
        # Among them ReadTimeoutError and ConnectionClosedError: the request had left.
        raise OutcomeUnknownError(NO_ANSWER if isinstance(error, ReadTimeoutError) else CONNECTION_LOST) from None
    except BotoCoreError:
        # What is left is raised before anything is sent: no connection (EndpointConnectionError, SSLError,
        # ConnectTimeoutError), no credentials, parameters that botocore does not take.
        raise UnavailableError(NOT_REACHED) from None


def _answered(error: ClientError, meaning: Callable[[str, str], ProviderError]) -> ProviderError:
    code = error.response["Error"]["Code"]
    metadata = error.response["ResponseMetadata"]
    if code in _THROTTLING or metadata["HTTPStatusCode"] == 429:
        return ThrottledError(code, _seconds(metadata.get("HTTPHeaders", {}).get("retry-after")))
    return meaning(code, error.response["Error"].get("Message", ""))


def _seconds(retry_after: str | None) -> float | None:
    """Return a Retry-After in seconds; its other form, a date, is not known of AWS."""
    return float(retry_after) if retry_after and retry_after.isdigit() else None
