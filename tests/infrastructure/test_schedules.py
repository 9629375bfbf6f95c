"""stacks.messaging.schedules: where schedules are made, and what they may do, as whom."""

from local.recording import ACCOUNT, REGION, Program
from tests.infrastructure.permissions import ROLE, functions, statements

GROUP = "aws:scheduler/scheduleGroup:ScheduleGroup"


def variable(deployed: Program, name: str) -> str:
    """What the notification service is told."""
    [service] = (each for name, each in functions(deployed).items() if name.endswith("-notifications"))
    told: str = service.inputs["environment"]["variables"][f"CARILLON_{name}"]
    return told


def test_schedules_are_made_in_the_group_that_there_is(deployed: Program) -> None:
    assert deployed.named(GROUP).inputs["name"] == variable(deployed, "SCHEDULE_GROUP")


def test_schedules_are_given_the_role_that_there_is_and_invoke_the_sweeper_by_its_alias(deployed: Program) -> None:
    role = deployed.named(ROLE, description="What schedules may do").inputs["name"]
    assert variable(deployed, "SCHEDULER_ROLE") == f"arn:aws:iam::{ACCOUNT}:role/{role}"
    *_, function, qualifier = variable(deployed, "SCHEDULE_TARGET").split(":")
    sweeper = deployed.named("aws:lambda/function:Function", handler="handlers.entrypoints.sweeper.handler")
    assert sweeper.inputs["name"] == function
    assert deployed.named("aws:lambda/alias:Alias", functionName=function, name=qualifier)


def test_schedules_may_invoke_the_sweeper_and_nothing_else(deployed: Program) -> None:
    role = variable(deployed, "SCHEDULER_ROLE").rpartition("/")[2]
    assert statements(deployed, role) == [
        {
            "Sid": "InvokeSweeper",
            "Effect": "Allow",
            "Action": ["lambda:InvokeFunction"],
            "Resource": [variable(deployed, "SCHEDULE_TARGET")],
        }
    ]


def test_only_the_scheduler_on_behalf_of_this_group_assumes_their_role(deployed: Program) -> None:
    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{variable(deployed, 'SCHEDULE_GROUP')}"
    role = deployed.named(ROLE, name=variable(deployed, "SCHEDULER_ROLE").rpartition("/")[2])
    [statement] = role.statements("assumeRolePolicy")
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": [ACCOUNT], "aws:SourceArn": [group]}}


def test_the_sweeper_itself_lets_no_schedule_in_as_each_has_its_role(deployed: Program) -> None:
    principals = {each.inputs["principal"] for each in deployed.of("aws:lambda/permission:Permission")}
    assert "scheduler.amazonaws.com" not in principals
