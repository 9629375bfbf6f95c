from local.engine.aws import Aws
from tests.engine.resources.creation import DEFAULT_TAGS, create


def test_a_group_of_schedules_is_there_for_schedules_to_be_made_in(aws: Aws) -> None:
    group = create(aws, "aws:scheduler/scheduleGroup:ScheduleGroup", name="reminders")
    made = aws.scheduler.get_schedule_group(Name="reminders")
    assert (group.id, group.outputs["arn"], group.outputs["state"]) == ("reminders", made["Arn"], made["State"])
    tags = aws.scheduler.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == DEFAULT_TAGS
    schedule = aws.scheduler.create_schedule(
        GroupName="reminders",
        Name="one",
        ScheduleExpression="at(2099-01-31T12:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": aws.arn("lambda", "function:f"), "RoleArn": "arn:aws:iam::123456789012:role/r"},
    )
    assert schedule["ScheduleArn"] == aws.arn("scheduler", "schedule/reminders/one")
