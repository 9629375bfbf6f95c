"""The role through which API Gateway writes access logs: one per account and region, whichever API logs."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming
from stacks.security.iam import Statement, document, service, trust


@dataclass(frozen=True)
class AccountLoggingArgs:
    """The account and region to set it in."""

    naming: Naming


class AccountLogging(pulumi.ComponentResource):
    """Lets API Gateway write logs. Deleting it takes that from every API of the account and region."""

    def __init__(self, name: str, args: AccountLoggingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:AccountLogging", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            "api-log-role",
            name=args.naming.named("api-logs"),
            description="What API Gateway may do to log",
            # No source condition: API Gateway does not document one for this role.
            assume_role_policy=trust(service("apigateway.amazonaws.com")),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            "api-log-policy", name="permissions", role=role.name, policy=document(_write_logs(args.naming)), opts=child
        )
        aws.apigateway.Account(
            "account",
            cloudwatch_role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})


def _write_logs(naming: Naming) -> Statement:
    return Statement(
        "WriteApiLogs",
        (
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
            "logs:PutLogEvents",
        ),
        (naming.arn("logs", "log-group:*"),),
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        reason="API Gateway refuses a role without all of these, and uses it for every API of the account and region",
    )
