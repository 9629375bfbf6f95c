"""Fixtures of the emulator tier: a producer, AWS clients with root credentials, a way to break things and mend them."""

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
def app_for_mail_alone(platform: Platform, operator: Operator) -> Iterator[Producer]:
    """An app that may send every category, by e-mail."""
    with operator.app(["*"], ["email"]) as (key, secret):
        yield Producer(platform.local.api_url, key, secret, platform.local.inbox_url)


@pytest.fixture
def other_app(platform: Platform, operator: Operator) -> Iterator[Producer]:
    """A second app, with a secret of its own, gone after the test."""
    with operator.app(["*"], ["*"]) as (key, secret):
        yield Producer(platform.local.api_url, key, secret, platform.local.inbox_url)
