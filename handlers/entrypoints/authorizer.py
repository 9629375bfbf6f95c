"""The door of the API: a Lambda authorizer of type TOKEN
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html).
"""

import json
import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients
from handlers.adapters.aws.app_secrets import AppSecrets
from handlers.config import AuthorizerSettings
from handlers.domain import tokens
from handlers.domain.tokens import TOLD, App, Reason, RefusedTokenError
from handlers.observability import invocation, logger
from handlers.ports import UsedTokens

settings = AuthorizerSettings.read()
apps = AppSecrets(settings.app_secret_prefix, clients.secretsmanager(), settings.app_max_age_seconds)
used: UsedTokens | None = None
if settings.used_tokens_table is not None:
    # Not for everybody: most environments take a token for all its life, and would import this in vain.
    from handlers.adapters.aws.used_tokens import DynamoUsedTokens

    used = DynamoUsedTokens(settings.used_tokens_table, clients.dynamodb())


@invocation
def handler(event: dict[str, str], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return a policy that lets the app call everything, with its key and scopes for the functions behind the API.

    Everything, as API Gateway caches the policy for the token, whatever is called with it next: by the whole header,
    so no other app's token ever meets it. Who is not established
    is denied everything, with the reason for the answer (ACCESS_DENIED in `stacks/api/responses.py`); what is raised is
    answered with 500.
    """
    try:
        app_key, app = _authenticate(event.get("authorizationToken", ""))
    except RefusedTokenError as error:
        logger.warning("refused", reason=error.reason)
        return _policy("nobody", "Deny", event["methodArn"], {"why": TOLD[error.reason]})
    logger.info("admitted", app_key=app_key)
    return _policy(app_key, "Allow", event["methodArn"], _context(app_key, app))


def _authenticate(authorization: str) -> tuple[str, App]:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":  # RFC 9110 11.1: case-insensitive
        raise RefusedTokenError(Reason.MALFORMED)
    app_key = tokens.app_key(token)
    app = apps.app(app_key)
    signed = tokens.verify(token, app.keys(), time.time())
    if used is not None:
        used.use(app_key, signed)
    return app_key, app


def _policy(principal: str, effect: str, method_arn: str, context: dict[str, str]) -> dict[str, Any]:
    api_arn, stage, *_ = method_arn.split("/")
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": f"{api_arn}/{stage}/*"}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


def _context(app_key: str, app: App) -> dict[str, str]:
    """Return what the functions are told of their caller. It holds no lists: API Gateway takes none."""
    return {
        "app_key": app_key,
        "categories": json.dumps(sorted(app.categories)),
        "channels": json.dumps(sorted(app.channels)),
        **({"suppressions": "true"} if app.suppressions else {}),
        **({} if app.rate is None else {"rate": str(app.rate), "burst": str(app.burst)}),
    }
