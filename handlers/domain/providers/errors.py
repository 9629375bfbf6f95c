"""Why a provider did not say "accepted": four answers, because four different things are done next.

    ProviderError
    ├── RefusedError                  said no to this very message, and would again
    │   ├── RecipientRefusedError     … for its address
    │   │   └── EndpointGoneError     … which is dead for good
    │   └── MessageRefusedError       … for its content
    ├── UnavailableError              said no to serving us now, or was not reached: nothing was sent
    │   ├── ThrottledError            … and may have said when to come back
    │   ├── AuthenticationError       … as it does not accept our credentials
    │   └── CredentialsMissingError   … as we have none: the provider is off, and was not asked
    └── OutcomeUnknownError           the request was on its way and no answer came: it may have been sent

The first kind ends the delivery in `error`. The second is tried with the next provider at once, and later again. The
third is never given to another provider at once, as both might deliver it; it is tried again later, and may then be
sent twice: a rare second message is better than a lost one.

Whom a failure is of matters as much. What a provider says of us (our account, our rate) or of itself counts towards its
circuit. What it says of one address (`of_endpoint`) does not: the next message goes to another one.

| it says            | of the account, or of itself          | of this address alone (`of_endpoint`)             |
|--------------------|---------------------------------------|---------------------------------------------------|
| `UnavailableError` | a failure; the next provider is asked | no signal; the next provider is asked             |
| `ThrottledError`   | a failure; the next provider is asked | no signal; nobody else is asked, since the limit  |
|                    |                                       | is the address's, and another may not tell us so  |

A `code` is the provider's own word for it (`TooManyRequestsException`, `503`) or one of ours for a failure on the way
(`no_answer`); never the name of a Python class, which tells a producer nothing. It goes into the log's attempts and
into our logs, so it never holds an address or a message: adapters take it from the provider's error code, not from its
text.
"""

from typing import Final

NOT_REACHED: Final = "not_reached"
"""Nothing left this machine: no connection, no TLS, no credentials of the role."""
NO_ANSWER: Final = "no_answer"
"""The request had left, and no answer came in time."""
CONNECTION_LOST: Final = "connection_lost"
"""The request had left, or may have, and the connection broke before the answer."""
CREDENTIALS_MISSING: Final = "credentials_missing"
"""There are no credentials, or not in the form that the provider's adapter takes."""
CREDENTIALS_NOT_READ: Final = "credentials_not_read"
"""Where the credentials are kept could not be asked."""


class ProviderError(Exception):
    """A call to a provider that did not end in acceptance.

    `of_endpoint` says that the failure is of this one address, or of a kind of addresses, as of somebody's own webhook
    server, of a device's rate, or of a country: it tells nothing of the provider's other addresses, and so counts
    towards no circuit.
    """

    def __init__(self, code: str, *, of_endpoint: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.of_endpoint = of_endpoint


class RefusedError(ProviderError):
    """The provider will not take this message, today or tomorrow."""


class RecipientRefusedError(RefusedError):
    """The address cannot be sent to: it does not exist, or is blocked."""


class EndpointGoneError(RecipientRefusedError):
    """The address is dead for good: a device without the app, a number that nobody has, a url that was taken away.

    It is to be tried no more (`ports.DeadEndpoints`). For no other reason: a token that belongs to another app or
    environment of ours is alive, and so is a channel that takes no messages of ours now.
    """


class MessageRefusedError(RefusedError):
    """The provider does not take this content."""


class UnavailableError(ProviderError):
    """The provider is not serving us: an outage (5xx), a refused connection, our account paused or misconfigured."""


class ThrottledError(UnavailableError):
    """The provider asks for patience."""

    def __init__(self, code: str, retry_after: float | None = None, *, of_endpoint: bool = False) -> None:
        """`retry_after` is in seconds, when the provider named a time."""
        super().__init__(code, of_endpoint=of_endpoint)
        self.retry_after = retry_after


class AuthenticationError(UnavailableError):
    """The provider does not accept our credentials: others may be in Secrets Manager by now."""


class CredentialsMissingError(UnavailableError):
    """There are no credentials for this provider, so it is off; no call was made."""


class OutcomeUnknownError(ProviderError):
    """The connection broke, or time ran out, after the request had been sent."""
