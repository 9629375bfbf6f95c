"""Fixtures of the emulator tier: a producer, AWS clients with root credentials, a way to break things and mend them."""

import json
import secrets
import uuid
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import boto3
import pytest

from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer


@pytest.fixture(scope="session")
def producer(platform: Platform) -> Producer:
    """A producer that has nothing but what `.carillon/local.json` says."""
    local = platform.local
    return Producer(local.api_url, local.app_key, local.app_secret, local.inbox_url)


@pytest.fixture(scope="session")
def aws(platform: Platform) -> Callable[[str], Any]:
    """boto3 clients as the account's root, to look and to break: `aws("iam")`."""
    emulator = platform.emulator
    session = boto3.Session(
        aws_access_key_id=emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
        region_name=emulator.region,
    )
    return cache(partial(session.client, endpoint_url=emulator.endpoint_url))


@pytest.fixture(scope="session")
def operator(platform: Platform, aws: Callable[[str], Any]) -> Operator:
    """Somebody with root credentials on the running platform."""
    return Operator(platform, aws)


@pytest.fixture
def other_app(platform: Platform, producer: Producer, operator: Operator) -> Iterator[Producer]:
    """A second app, with a secret of its own, gone after the test."""
    key, secret = f"other-{uuid.uuid4().hex[:8]}", secrets.token_urlsafe(32)
    value = {"secrets": [secret], "categories": ["*"], "channels": ["*"]}
    manager = operator.aws("secretsmanager")
    arn = manager.create_secret(Name=f"carillon/local/apps/{key}", SecretString=json.dumps(value))["ARN"]
    yield Producer(platform.local.api_url, key, secret, platform.local.inbox_url)
    manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
