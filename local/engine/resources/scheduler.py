"""Amazon EventBridge Scheduler: groups of schedules."""

from collections.abc import Mapping
from typing import Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def schedule_group(inputs: Inputs, aws: Aws) -> Created:
    """A group, whose schedules are made by others."""
    name = inputs.name()
    created = aws.scheduler.create_schedule_group(Name=name, Tags=tag_list(inputs.tags()))
    return Created(name, {"name": name, "arn": created["ScheduleGroupArn"], "state": "ACTIVE"})


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:scheduler/scheduleGroup:ScheduleGroup": schedule_group,
}
