"""One-time schedules in the emulator's scheduler: one of each name, and none where there is no group for them."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from handlers.adapters.aws.schedules import EventBridgeSchedules
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.schedules import Scheduled
from tests.unit.handlers.memory import Clock
from tests.unit.handlers.samples import NOW

TARGET = "arn:aws:lambda:eu-central-1:123456789012:function:sweeper:live"
UNTIL = NOW + timedelta(seconds=13)
ROLE = "arn:aws:iam::123456789012:role/scheduler"
EVENTS = [DeliveryRequested(f"e-{n}", "n-1", f"d-{n}", "payment", "email", "demo", "ada") for n in range(3)]


@pytest.fixture
def group(aws: Callable[[str], Any]) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    aws("scheduler").create_schedule_group(Name=name)
    return name


def test_a_schedule_is_made_once_however_often_it_is_asked_for(group: str, aws: Callable[[str], Any]) -> None:
    schedules = EventBridgeSchedules(group, TARGET, ROLE, aws("scheduler"), Clock(NOW))
    assert schedules.schedule("n-1", EVENTS, NOW, UNTIL) == 0
    assert schedules.schedule("n-1", EVENTS[1:], NOW, UNTIL) == 0
    [made] = aws("scheduler").list_schedules(GroupName=group)["Schedules"]
    assert made["Name"] == "n-1-0"
    target = aws("scheduler").get_schedule(GroupName=group, Name="n-1-0")["Target"]
    assert (target["Arn"], target["RoleArn"]) == (TARGET, ROLE)
    assert Scheduled.model_validate(json.loads(target["Input"])) == Scheduled(due_at=NOW, events=tuple(EVENTS))


def test_without_the_group_nothing_is_scheduled_and_nothing_raised(aws: Callable[[str], Any]) -> None:
    schedules = EventBridgeSchedules("no-such-group", TARGET, ROLE, aws("scheduler"), Clock(NOW))
    assert schedules.schedule("n-1", EVENTS, NOW, UNTIL) == len(EVENTS)
