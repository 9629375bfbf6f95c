"""An app is what its secret says; every way of having none is told apart from Secrets Manager not answering."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.stub import Stubber

from handlers.adapters.aws.app_secrets import AppSecrets
from handlers.domain.tokens import Reason, RefusedTokenError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from time_machine import Traveller

MAX_AGE_SECONDS = 30
PREFIX, NAME = "carillon/test/apps/", "carillon/test/apps/demo"
VALUE = {"secrets": ["s" * 32], "categories": ["payment"], "channels": ["*"]}


@pytest.fixture
def client() -> "SecretsManagerClient":
    return boto3.client(
        "secretsmanager", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def answers(client: "SecretsManagerClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def apps(client: "SecretsManagerClient", answers: Stubber) -> AppSecrets:
    return AppSecrets(PREFIX, client, MAX_AGE_SECONDS)


def value(document: Any) -> dict[str, Any]:
    return {"Name": NAME, "SecretString": document if isinstance(document, str) else json.dumps(document)}


def refusal(apps: AppSecrets) -> Reason:
    with pytest.raises(RefusedTokenError) as refused:
        apps.app("demo")
    assert refused.value.__suppress_context__
    return refused.value.reason


def test_an_app_is_read_from_the_secret_of_its_name(apps: AppSecrets, answers: Stubber) -> None:
    answers.add_response("get_secret_value", value(VALUE), {"SecretId": NAME})
    app = apps.app("demo")
    assert app.keys() == (b"s" * 32,)
    assert app.categories == {"payment"}


def test_a_secret_is_read_again_when_it_is_too_old(
    apps: AppSecrets, answers: Stubber, time_machine: "Traveller"
) -> None:
    time_machine.move_to(1_800_000_000, tick=False)
    answers.add_response("get_secret_value", value(VALUE))
    assert apps.app("demo") == apps.app("demo")

    answers.add_response("get_secret_value", value(VALUE | {"secrets": ["n" * 32]}))
    time_machine.shift(MAX_AGE_SECONDS + 1)
    assert apps.app("demo").keys() == (b"n" * 32,)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ResourceNotFoundException", Reason.UNKNOWN_APP),
        ("InvalidRequestException", Reason.UNKNOWN_APP),
        ("AccessDeniedException", Reason.ACCESS_DENIED),
    ],
)
def test_an_app_without_a_secret_is_refused(code: str, reason: Reason, apps: AppSecrets, answers: Stubber) -> None:
    answers.add_client_error("get_secret_value", code)
    assert refusal(apps) is reason


def test_a_secret_without_a_value_is_no_app(apps: AppSecrets, answers: Stubber) -> None:
    answers.add_response("get_secret_value", {"Name": NAME})
    assert refusal(apps) is Reason.UNKNOWN_APP


@pytest.mark.parametrize("document", ["hunter2", "{}", {"secrets": ["hunter2"]}, VALUE | {"rate": "hunter2"}])
def test_a_secret_of_another_form_is_refused_without_repeating_it(
    document: Any, apps: AppSecrets, answers: Stubber
) -> None:
    answers.add_response("get_secret_value", value(document))
    assert refusal(apps) is Reason.APP_MISCONFIGURED


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError", "DecryptionFailure"])
def test_no_answer_is_not_a_refusal(code: str, apps: AppSecrets, answers: Stubber) -> None:
    answers.add_client_error("get_secret_value", code)
    with pytest.raises(GetParameterError):
        apps.app("demo")
