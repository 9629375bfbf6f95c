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
from handlers.domain.tokens import App, Reason, RefusedTokenError
from handlers.observability import logger

apps = AppSecrets(AuthorizerSettings().app_secret_prefix, clients.secretsmanager())


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, str], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return a policy that lets the app call everything, with its key and scopes for the functions behind the API.

    Everything, as API Gateway caches the policy for the token, whatever is called with it next. Raises
    `Exception("Unauthorized")`, which is what API Gateway answers with 401, when the sender is not established; what
    else is raised is answered with 500.
    """
    try:
        app_key, app = _authenticate(event.get("authorizationToken", ""))
    except RefusedTokenError as error:
        logger.warning("refused", reason=error.reason)
        raise Exception("Unauthorized") from None
    logger.info("admitted", app_key=app_key)
    return _policy(app_key, app, event["methodArn"])


def _authenticate(authorization: str) -> tuple[str, App]:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":  # RFC 9110 11.1: case-insensitive
        raise RefusedTokenError(Reason.MALFORMED)
    app_key = tokens.app_key(token)
    app = apps.app(app_key)
    tokens.verify(token, app.keys(), time.time())
    return app_key, app


def _policy(app_key: str, app: App, method_arn: str) -> dict[str, Any]:
    api_arn, stage, *_ = method_arn.split("/")
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{api_arn}/{stage}/*"}
    return {
        "principalId": app_key,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        # A context holds no lists, only strings, numbers and booleans.
        "context": {
            "app_key": app_key,
            "categories": json.dumps(sorted(app.categories)),
            "channels": json.dumps(sorted(app.channels)),
        },
    }
