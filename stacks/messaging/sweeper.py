"""The sweeper and its clock: every minute, whatever is in the log and should have moved is published again.

Besides, schedules invoke it when their time comes: `stacks.messaging.schedules`.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, FunctionArgs, permit


@dataclass(frozen=True)
class SweeperArgs:
    """The sweeper's function."""

    function: FunctionArgs


class Sweeper(pulumi.ComponentResource):
    """A function that a schedule invokes every minute."""

    def __init__(self, name: str, args: SweeperArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Sweeper", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        function = Function("sweeper", args.function, child)
        # Schedules exist on the account's default bus alone.
        rule = aws.cloudwatch.EventRule(
            "every-minute",
            name=args.function.name,
            description="Looks every minute for deliveries that do not move",
            schedule_expression="rate(1 minute)",
            opts=child,
        )
        permission = permit("schedule-may-invoke", function, "events.amazonaws.com", rule.arn, child)
        aws.cloudwatch.EventTarget(
            "sweep",
            rule=rule.name,
            target_id="sweeper",
            arn=function.alias_arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        self.register_outputs({})
