"""A provider's credentials are remembered, read again when refused, and none of them is no error."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider
from botocore.stub import Stubber

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import MAX_AGE_SECONDS, Credentials, ProviderCredentials
from handlers.domain.providers.errors import AuthenticationError, CredentialsMissingError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from time_machine import Traveller

NAME = "carillon/test/providers/acme"


class Acme(Credentials):
    api_key: str


Of = ProviderCredentials[Acme]


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
def acme(client: "SecretsManagerClient", answers: Stubber) -> Of:
    return ProviderCredentials(
        "acme", Acme, prefix="carillon/test/providers/", secrets=SecretsProvider(boto3_client=client)
    )


def value(document: Any) -> dict[str, Any]:
    return {"Name": NAME, "SecretString": document if isinstance(document, str) else json.dumps(document)}


def accepts(*keys: str) -> Callable[[Acme], str]:
    def call(credentials: Acme) -> str:
        if credentials.api_key not in keys:
            raise AuthenticationError("401")
        return f"with {credentials.api_key}"

    return call


def test_they_are_read_from_the_secret_of_the_provider_and_remembered(
    acme: Of, answers: Stubber, time_machine: "Traveller"
) -> None:
    time_machine.move_to(1_800_000_000, tick=False)
    answers.add_response("get_secret_value", value({"api_key": "old\n", "note": "of another"}), {"SecretId": NAME})
    assert acme.use(accepts("old")) == acme.use(accepts("old")) == "with old"

    answers.add_response("get_secret_value", value({"api_key": "new"}))
    time_machine.shift(MAX_AGE_SECONDS + 1)
    assert acme.use(accepts("new")) == "with new"


def test_when_refused_they_are_read_again_and_used_once_more(acme: Of, answers: Stubber) -> None:
    answers.add_response("get_secret_value", value({"api_key": "old"}))
    answers.add_response("get_secret_value", value({"api_key": "new"}))
    assert acme.use(accepts("new")) == "with new"
    assert acme.use(accepts("new")) == "with new", "the new ones are remembered"


def test_when_refused_and_still_the_same_they_are_not_used_again(acme: Of, answers: Stubber) -> None:
    calls: list[Acme] = []

    def call(credentials: Acme) -> str:
        calls.append(credentials)
        raise AuthenticationError("401")

    for _ in range(2):
        answers.add_response("get_secret_value", value({"api_key": "bad"}))
    with pytest.raises(AuthenticationError):
        acme.use(call)
    assert len(calls) == 1


def test_when_the_new_ones_are_refused_as_well_it_ends_there(acme: Of, answers: Stubber) -> None:
    answers.add_response("get_secret_value", value({"api_key": "old"}))
    answers.add_response("get_secret_value", value({"api_key": "new"}))
    with pytest.raises(AuthenticationError):
        acme.use(accepts())


def test_they_are_read_again_once_for_all_who_were_refused(acme: Of, answers: Stubber) -> None:
    answers.add_response("get_secret_value", value({"api_key": "old"}))
    refused = acme.current()
    answers.add_response("get_secret_value", value({"api_key": "new"}))
    assert [acme._renewed(refused).api_key for _ in range(3)] == ["new", "new", "new"]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException"])
def test_a_provider_without_credentials_is_off_and_says_so_once(
    code: str, acme: Of, answers: Stubber, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(provider_credentials, "monotonic", lambda: now)
    for _ in range(2):
        answers.add_client_error("get_secret_value", code)
        assert not acme.available()
        now += MAX_AGE_SECONDS
    now -= 1
    with pytest.raises(CredentialsMissingError):
        acme.use(accepts("any"))
    assert caplog.messages == ["the provider is off: it has no credentials"]
    assert caplog.records[0].__dict__["provider"] == "acme"


def test_a_secret_without_a_value_is_none(acme: Of, answers: Stubber) -> None:
    answers.add_response("get_secret_value", {"Name": NAME})
    assert not acme.available()


def test_a_provider_that_was_given_credentials_is_on_after_a_while(
    acme: Of, answers: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(provider_credentials, "monotonic", lambda: now)
    answers.add_client_error("get_secret_value", "ResourceNotFoundException")
    assert not acme.available()
    answers.add_response("get_secret_value", value({"api_key": "new"}))
    now += MAX_AGE_SECONDS
    assert acme.available()


@pytest.mark.parametrize("document", ["hunter2", "[]", "{}", {"api_key": {"hunter2": 1}}])
def test_credentials_of_another_form_are_none_and_are_not_repeated(
    document: Any, acme: Of, answers: Stubber, caplog: pytest.LogCaptureFixture
) -> None:
    answers.add_response("get_secret_value", value(document))
    with pytest.raises(CredentialsMissingError) as error:
        acme.current()
    assert error.value.__suppress_context__
    assert "hunter2" not in str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalServiceError"])
def test_not_to_know_is_not_to_be_off(code: str, acme: Of, answers: Stubber) -> None:
    answers.add_client_error("get_secret_value", code)
    answers.add_client_error("get_secret_value", code)
    assert acme.available()
    with pytest.raises(UnavailableError) as error:
        acme.current()
    assert error.value.code == f"SecretsManager:{code}"
