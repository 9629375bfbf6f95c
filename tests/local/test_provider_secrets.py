"""What is put into Secrets Manager is what the sandbox verifies, and it is nowhere else to be read."""

import json
import stat
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local import provider_secrets
from local.directory import Directory
from local.platform import Platform
from local.sandbox.credentials import Credentials
from tests.local.processes import mentioning
from tests.local.support import session


def secret_of(platform: Platform, provider: str) -> Any:
    account = platform.emulator
    manager = session(account).client("secretsmanager", endpoint_url=account.endpoint_url)
    name = platform.outputs["providerSecretNames"][provider]
    return json.loads(manager.get_secret_value(SecretId=name)["SecretString"])


def verified_by_the_sandbox(platform: Platform) -> Credentials:
    services = Directory(platform.directory).services()
    assert services is not None
    return services.credentials


def test_each_secret_of_the_stack_has_what_the_sandbox_verifies(platform: Platform) -> None:
    expected = verified_by_the_sandbox(platform).secret_strings()
    names = platform.outputs["providerSecretNames"]
    assert {*expected, "sns-push"} <= set(names), "a provider that the sandbox has no server for has no value here"
    assert {name: secret_of(platform, name) for name in expected} == {
        name: json.loads(value) for name, value in expected.items()
    }


def test_sns_has_an_application_for_each_platform(platform: Platform) -> None:
    account = platform.emulator
    sns = session(account).client("sns", endpoint_url=account.endpoint_url)
    there = {each["PlatformApplicationArn"] for each in sns.list_platform_applications()["PlatformApplications"]}
    arns = secret_of(platform, "sns-push")["application_arns"]
    assert set(arns) == {"apns", "fcm"}
    assert set(arns.values()) <= there


def test_only_secrets_that_the_stack_made_are_filled(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    real = boto3.Session.client

    def client(self: boto3.Session, service: Any, **more: Any) -> Any:
        called.append(service)
        return real(self, service, **more)

    monkeypatch.setattr(boto3.Session, "client", client)
    provider_secrets.fill(platform.emulator, Credentials.generate(), {})
    assert called == ["secretsmanager"], "no platform application is made for a secret that is not there"


def test_credentials_are_of_this_run_alone_and_of_the_kind_their_provider_gives() -> None:
    one, other = Credentials.generate(), Credentials.generate()
    assert not set(one.secret_strings().values()) & set(other.secret_strings().values())
    apple = load_pem_private_key(one.apns.private_key.encode(), password=None)
    assert isinstance(apple, ec.EllipticCurvePrivateKey)
    assert apple.curve.name == "secp256r1"
    assert isinstance(load_pem_private_key(one.fcm.private_key.encode(), password=None), rsa.RSAPrivateKey)
    assert set(json.loads(one.secret_strings()["twilio"])) == {"account_sid", "auth_token", "from"}


def test_no_credential_is_in_a_list_of_processes_in_a_log_or_readable_by_others(platform: Platform) -> None:
    place, credentials = Directory(platform.directory), verified_by_the_sandbox(platform)
    secret = (credentials.twilio.auth_token, credentials.sendgrid.api_key, credentials.webhook.secret)
    lines = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in mentioning(place.root)).decode()
    logs = "".join(log.read_text(errors="replace") for log in place.logs.glob("*.log"))
    assert not [word for word in secret if word in lines or word in logs]
    assert stat.S_IMODE((place.run / "services.json").stat().st_mode) == 0o600
