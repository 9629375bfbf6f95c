"""A Lambda function with a role, a log group and an alias of its own. All that runs is made by this component."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from stacks.compute.functions import FunctionSpec
from stacks.compute.packaging import Package
from stacks.naming import ALIAS, Naming
from stacks.security import grants
from stacks.security.iam import Statement, document, service, trust

_NAME_LIMIT = 64  # of a function and of a role


@dataclass(frozen=True)
class Logging:
    """How the logs of all functions are kept."""

    key_arn: pulumi.Output[str]
    retention_days: int


@dataclass(frozen=True)
class FunctionArgs:
    """One function, and what its role may do besides writing its own log. Raises ValueError for too long a name."""

    naming: Naming
    spec: FunctionSpec
    package: Package
    statements: tuple[Statement, ...]
    logging: Logging
    snap_start: bool
    made: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Environment variables that name what was made for it; a few short ones, beside those of the spec."""
    tracing: bool = False
    """Whether its invocations are traced by X-Ray."""

    def __post_init__(self) -> None:
        if len(self.name) > _NAME_LIMIT:
            raise ValueError(
                f"The function name {self.name} has {len(self.name)} characters: shorten it to {_NAME_LIMIT}."
            )

    @property
    def name(self) -> str:
        """The physical name of the function and of its role."""
        return self.naming.named(self.spec.function)


class Function(pulumi.ComponentResource):
    """A function, published at every change, behind the alias `live`: callers name the alias, never a version."""

    alias_arn: pulumi.Output[str]
    invoke_arn: pulumi.Output[str]
    """What API Gateway calls the alias by."""
    function_name: pulumi.Output[str]
    qualifier: pulumi.Output[str]
    """The alias, known once it exists: what is permitted or mapped before would be refused."""

    def __init__(self, name: str, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Function", name, {}, opts)
        self._name = name
        self._args = args
        role, policy = self._role()
        function = self._function(role, [policy, self._log_group()])
        alias = aws.lambda_.Alias(
            f"{name}-alias",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=self._child,
        )
        self.alias_arn, self.invoke_arn = alias.arn, alias.invoke_arn
        self.function_name, self.qualifier = function.name, alias.name
        self.register_outputs(
            {
                "alias_arn": self.alias_arn,
                "invoke_arn": self.invoke_arn,
                "function_name": self.function_name,
                "qualifier": self.qualifier,
            }
        )

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _role(self) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        naming, name = self._args.naming, self._args.name
        role = aws.iam.Role(
            f"{self._name}-role",
            name=name,
            description=f"What the function {name} may do",
            # Without a condition: no page of AWS says that Lambda tells its source when it assumes a role, and one that
            # is met nowhere would lock every function out. No other account can use it, as a role cannot be passed
            # across accounts: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
            assume_role_policy=trust(service("lambda.amazonaws.com")),
            opts=self._child,
        )
        own_log = grants.own_log(naming, self._args.spec.function)
        traces = (grants.own_traces(),) if self._args.tracing else ()
        policy = aws.iam.RolePolicy(
            f"{self._name}-policy",
            name="permissions",
            role=role.name,
            policy=document(own_log, *traces, *self._args.statements),
            opts=self._child,
        )
        return role, policy

    def _log_group(self) -> aws.cloudwatch.LogGroup:
        """Make the log group before the function, or Lambda would make one that keeps everything, under AWS's key."""
        return aws.cloudwatch.LogGroup(
            f"{self._name}-log",
            name=self._args.naming.function_log_group(self._args.spec.function),
            kms_key_id=self._args.logging.key_arn,
            retention_in_days=self._args.logging.retention_days,
            opts=self._child,
        )

    def _function(self, role: aws.iam.Role, needed: list[pulumi.Resource]) -> aws.lambda_.Function:
        args = self._args
        return aws.lambda_.Function(
            self._name,
            name=args.name,
            description=args.spec.description,
            role=role.arn,
            runtime=args.package.runtime,
            architectures=[args.package.architecture],
            handler=args.package.handler,
            code=pulumi.FileArchive(str(args.package.path)),
            source_code_hash=args.package.sha256,
            timeout=args.spec.timeout_seconds,
            memory_size=args.spec.memory_mb,
            environment={"variables": {**args.spec.environment, **args.made}},
            reserved_concurrent_executions=args.spec.concurrency,
            publish=True,
            logging_config=_logging(self._args.naming.function_log_group(self._args.spec.function)),
            # Without it Lambda still follows a trace that a caller has begun, and there is none.
            tracing_config={"mode": "Active"} if args.tracing else None,
            snap_start={"apply_on": "PublishedVersions"} if args.snap_start else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )


def _logging(group: str) -> dict[str, str]:
    """Return how Lambda logs: the function's own JSON lines as they are, of Lambda's own those that warn alone.

    A start and a report of each invocation say what metrics say as well; a time-out and a crash are still told.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    return {"log_format": "JSON", "application_log_level": "INFO", "system_log_level": "WARN", "log_group": group}


def permit(
    name: str, function: Function, principal: str, source_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> aws.lambda_.Permission:
    """Let a service invoke the function through its alias, on behalf of one of the service's resources alone."""
    return aws.lambda_.Permission(
        name,
        action="lambda:InvokeFunction",
        function=function.function_name,
        qualifier=function.qualifier,
        principal=principal,
        source_arn=source_arn,
        opts=opts,
    )
