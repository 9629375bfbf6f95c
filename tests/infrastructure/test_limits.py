"""What components refuse at construction: a limit of AWS's, and what to change."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.recording import ACCOUNT, REGION
from stacks.api.api import ApiArgs
from stacks.compute.function import FunctionArgs, Logging
from stacks.compute.functions import specs
from stacks.compute.packaging import Package
from stacks.messaging.channel import ChannelArgs
from stacks.naming import Naming
from stacks.settings import Settings, load
from tests.infrastructure.test_settings import configured

# No output: those need a loop, and what is refused at construction waits for none.
KEY: Any = "arn:aws:kms:eu-central-1:123456789012:key/1"
LOGGING = Logging(KEY, retention_days=7)
PACKAGE = Package(Path("worker.zip"), "hash", 1, "handler", "python3.13", "arm64")


@pytest.fixture
def settings() -> Settings:
    return load("dev", configured())


@pytest.fixture
def worker(settings: Settings) -> FunctionArgs:
    naming = Naming("dev", REGION, ACCOUNT)
    return FunctionArgs(naming, specs(settings, naming)["worker-email"], PACKAGE, (), LOGGING, snap_start=False)


def test_a_function_name_may_fill_what_lambda_and_iam_take(worker: FunctionArgs) -> None:
    longest = replace(worker, naming=Naming("e" * 42, REGION, ACCOUNT))
    assert len(longest.name) == 64
    with pytest.raises(
        ValueError, match=r"The function name carillon-e+-worker-email has 65 characters: shorten it to 64"
    ):
        replace(worker, naming=Naming("e" * 43, REGION, ACCOUNT))


@pytest.fixture
def redriver(settings: Settings) -> FunctionArgs:
    naming = Naming("dev", REGION, ACCOUNT)
    return FunctionArgs(naming, specs(settings, naming)["redriver-email"], PACKAGE, (), LOGGING, snap_start=False)


def test_a_queue_name_may_fill_what_sqs_takes(settings: Settings, worker: FunctionArgs, redriver: FunctionArgs) -> None:
    def args(environment: str) -> ChannelArgs:
        naming = Naming(environment, REGION, ACCOUNT)
        return ChannelArgs(naming, "email", settings.channels["email"], worker, redriver, KEY, KEY)

    assert len(args("e" * 61).dead_letter_queue) == 80
    with pytest.raises(ValueError, match=r"The queue name carillon-e+-email-dlq has 81 characters"):
        args("e" * 62)


def test_a_route_to_a_function_that_is_not_there_is_refused_naming_it(settings: Settings) -> None:
    naming = Naming("dev", REGION, ACCOUNT)
    with pytest.raises(
        ValueError,
        match="Routes lead to functions that are not given: broadcasts, contacts, hooks, notifications, reports, ",
    ):
        ApiArgs(naming, settings.api, authorizer=None, functions={}, logging=LOGGING)
