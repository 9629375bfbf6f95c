"""Where the notification service makes its schedules, and as whom they invoke the sweeper."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming
from stacks.security.iam import Statement, document, equals, service, trust


@dataclass(frozen=True)
class SchedulesArgs:
    """The environment."""

    naming: Naming


class Schedules(pulumi.ComponentResource):
    """A group for the schedules of this environment alone, and the role that each of them invokes the sweeper by.

    Amazon EventBridge Scheduler invokes as this role, so the function's own policy says nothing of it
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role). Whoever deletes
    the group deletes the schedules in it, and loses nothing: their deliveries are in the log.
    """

    def __init__(self, name: str, args: SchedulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Schedules", name, {}, opts)
        naming = args.naming
        child = pulumi.ResourceOptions(parent=self)
        aws.scheduler.ScheduleGroup("schedules", name=naming.schedule_group, opts=child)
        role = aws.iam.Role(
            "scheduler-role",
            name=naming.scheduler_role,
            description="What schedules may do",
            assume_role_policy=_trusted(naming),
            opts=child,
        )
        aws.iam.RolePolicy(
            "scheduler-policy", name="permissions", role=role.name, policy=document(_invoke_sweeper(naming)), opts=child
        )
        self.register_outputs({})


def _trusted(naming: Naming) -> pulumi.Output[str]:
    """Trust the service on behalf of this group; its page says that a single schedule cannot be named."""
    page = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html"
    return trust(
        service("scheduler.amazonaws.com"),
        equals("aws:SourceAccount", naming.account_id, page=page),
        equals("aws:SourceArn", naming.arn("scheduler", f"schedule-group/{naming.schedule_group}"), page=page),
    )


def _invoke_sweeper(naming: Naming) -> Statement:
    return Statement("InvokeSweeper", ("lambda:InvokeFunction",), (naming.alias_arn("sweeper"),))
