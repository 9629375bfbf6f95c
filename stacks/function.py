"""A Lambda function with a role, a log group and an alias of its own. All that runs is made by this component."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks import grants
from stacks.iam import Statement, document, equals, service, trust
from stacks.naming import Naming
from stacks.packaging import Package

ALIAS = "live"
_NAME_LIMIT = 64  # of a function and of a role
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: all variables together, names and values
_ENVIRONMENT_BYTES = 4096


@dataclass(frozen=True)
class Logging:
    """How the logs of all functions are kept."""

    key_arn: pulumi.Output[str]
    retention_days: int


@dataclass(frozen=True)
class FunctionArgs:
    """One function. Raises ValueError, saying what to change, for what Lambda would refuse.

    `statements` is what its role may do besides writing its own log. `environment` holds nothing secret: whoever may
    see the function can read it.
    """

    naming: Naming
    function: str
    description: str
    package: Package
    statements: tuple[Statement, ...]
    environment: Mapping[str, str]
    logging: Logging
    timeout_seconds: int
    memory_mb: int
    snap_start: bool

    def __post_init__(self) -> None:
        name = self.naming.named(self.function)
        if len(name) > _NAME_LIMIT:
            raise ValueError(f"The function name {name} has {len(name)} characters; shorten it to {_NAME_LIMIT}.")
        size = sum(len(f"{key}{value}".encode()) for key, value in self.environment.items())
        if size > _ENVIRONMENT_BYTES:
            largest = max(self.environment, key=lambda key: len(self.environment[key]))
            raise ValueError(
                f"The environment variables of {name} take {size} bytes and Lambda allows {_ENVIRONMENT_BYTES}: "
                f"shorten {largest}, the largest."
            )


class Function(pulumi.ComponentResource):
    """A function, published at every change, behind the alias `live`: callers name the alias, never a version."""

    alias_arn: pulumi.Output[str]
    invoke_arn: pulumi.Output[str]
    """What API Gateway calls the alias by."""
    function_name: pulumi.Output[str]

    def __init__(self, name: str, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Function", name, {}, opts)
        self._name = name
        self._args = args
        role, policy = self._role()
        # Made before the function, or Lambda would make one that keeps everything for ever in the clear.
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.naming.function_log_group(args.function),
            kms_key_id=args.logging.key_arn,
            retention_in_days=args.logging.retention_days,
            opts=pulumi.ResourceOptions(parent=self),
        )
        function = self._function(role, [log_group, policy])
        alias = aws.lambda_.Alias(
            f"{name}-alias",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.alias_arn, self.invoke_arn, self.function_name = alias.arn, alias.invoke_arn, function.name
        self.register_outputs(
            {"alias_arn": self.alias_arn, "invoke_arn": self.invoke_arn, "function_name": self.function_name}
        )

    def _role(self) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        naming, function = self._args.naming, self._args.function
        role = aws.iam.Role(
            f"{self._name}-role",
            name=naming.named(function),
            description=f"What the function {naming.named(function)} may do",
            assume_role_policy=trust(service("lambda.amazonaws.com"), equals("aws:SourceAccount", naming.account_id)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-policy",
            name="permissions",
            role=role.name,
            policy=document(grants.own_log(naming, function), *self._args.statements),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return role, policy

    def _function(self, role: aws.iam.Role, needed: list[pulumi.Resource]) -> aws.lambda_.Function:
        args = self._args
        return aws.lambda_.Function(
            self._name,
            name=args.naming.named(args.function),
            description=args.description,
            role=role.arn,
            runtime=args.package.runtime,
            architectures=[args.package.architecture],
            handler=args.package.handler,
            code=pulumi.FileArchive(str(args.package.path)),
            source_code_hash=args.package.sha256,
            timeout=args.timeout_seconds,
            memory_size=args.memory_mb,
            environment={"variables": dict(args.environment)},
            publish=True,
            snap_start={"apply_on": "PublishedVersions"} if args.snap_start else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )


def permit(
    name: str, function: Function, principal: str, source_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> aws.lambda_.Permission:
    """Let a service invoke the function through its alias, on behalf of one of the service's resources alone."""
    return aws.lambda_.Permission(
        name,
        action="lambda:InvokeFunction",
        function=function.function_name,
        qualifier=ALIAS,
        principal=principal,
        source_arn=source_arn,
        opts=opts,
    )
