"""Secrets Manager of an emulator, with a container as the program makes it for each test's app."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local import emulator
from local.engine.emulator import Emulator
from tests.local.support import session


@pytest.fixture(scope="package")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator.running(tmp_path_factory.mktemp("ops")) as running:
        yield running


@pytest.fixture(scope="package")
def manager(account: Emulator) -> Any:
    return session(account).client("secretsmanager", endpoint_url=account.endpoint_url)


@pytest.fixture
def app_key(manager: Any) -> str:
    """An app that the program knows and nobody has given a secret."""
    key = f"app-{uuid.uuid4().hex[:8]}"
    manager.create_secret(Name=f"carillon/dev/apps/{key}")
    return key
