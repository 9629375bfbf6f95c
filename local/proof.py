"""Least privilege, proved: what each deployed role was granted, against what it asked for.

Granted is what the roles' policies say in the account. Used is what the emulator's IAM was asked: its log has each
question of a role once, with the answer. A grant that nobody used fails, and so does a call that no grant allowed.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.table import Table

from policies.documents import Statement
from policies.roles import allows

_TEMPLATES = Path(__file__).with_name("templates")
_SAID: Final = "permission: "


@dataclass(frozen=True)
class Grant:
    """One action on one resource that a role may do."""

    role: str
    sid: str
    action: str
    resource: str
    condition: str
    """The condition keys, with what they must be."""

    def covers(self, use: "Use") -> bool:
        """Say whether it is what this call needed."""
        statement = Statement("", {"Action": self.action, "Resource": self.resource})
        return self.role == use.role and allows(statement, use.action, use.resource)


@dataclass(frozen=True)
class Use:
    """One action on one resource that a role asked for, and whether its policies allowed it."""

    role: str
    action: str
    resource: str
    allowed: bool


@dataclass(frozen=True)
class OnlyOnAws:
    """What only real AWS exercises: `key` is a condition key that the grant must have, if there is one."""

    name: str
    actions: tuple[str, ...]
    resource: str
    reason: str
    source: str
    key: str = ""
    role: str = "*"

    def covers(self, grant: Grant) -> bool:
        """Say whether this grant is one of those."""
        return (
            fnmatchcase(grant.role, self.role)
            and grant.action in self.actions
            and fnmatchcase(grant.resource, self.resource)
            and self.key in grant.condition
        )


@dataclass(frozen=True)
class Row:
    """A grant and what came of it."""

    grant: Grant
    used: bool
    exception: OnlyOnAws | None


@dataclass(frozen=True)
class Proof:
    """The matrix and its verdict."""

    rows: Sequence[Row]
    missing: Sequence[Use]
    exceptions: Sequence[OnlyOnAws]

    @property
    def unused(self) -> list[Row]:
        """Grants that nobody used, and that AWS would not use either."""
        return [row for row in self.rows if not row.used and row.exception is None]

    @property
    def needless(self) -> list[OnlyOnAws]:
        """Exceptions that no unused grant needs: they would hide the next one."""
        needed = [row.exception for row in self.rows if not row.used]
        return [each for each in self.exceptions if each not in needed]

    @property
    def holds(self) -> bool:
        """Say whether nothing is missing, nothing unused, and no exception needless."""
        return bool(self.rows) and not (self.unused or self.missing or self.needless)

    def by_role(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield each role with its grants."""
        for role, rows in groupby(self.rows, lambda row: row.grant.role):
            yield role, list(rows)


_QUEUES = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"
EXCEPTIONS: Final = (
    OnlyOnAws(
        "api-log",
        (
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "logs:GetLogEvents",
            "logs:FilterLogEvents",
        ),
        "arn:*:log-group:*",
        "API Gateway writes its logs with the account's one role for that; the emulator writes them itself.",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",
        role="*-api-logs",
    ),
    OnlyOnAws(
        "schedules",
        ("lambda:InvokeFunction",),
        "arn:*:function:*-sweeper:live",
        "EventBridge Scheduler invokes a schedule's target with the role; the emulator asks no IAM.",
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html",
        role="*-scheduler",
    ),
    OnlyOnAws(
        "own-log",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "arn:*:log-group:*",
        "Lambda writes a function's log with the function's role; the emulator's Lambda asks no IAM.",
        "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",
    ),
    OnlyOnAws(
        "queues",
        ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        "arn:*:sqs:*",
        "Lambda polls the queue with the function's role; the emulator's poller asks no IAM.",
        _QUEUES,
    ),
    OnlyOnAws(
        "keys",
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "arn:*:kms:*",
        "DynamoDB, S3, SQS, SNS and Secrets Manager use the key for whoever calls them; the emulator's do not.",
        "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service",
        "kms:ViaService",
    ),
    OnlyOnAws(
        "stream",
        ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
        "arn:*:table/*/stream/*",
        "Lambda reads a table's stream with its function's role; the emulator's poller asks no IAM.",
        "https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-create-package.html",
    ),
    OnlyOnAws(
        "given-up",
        ("sqs:SendMessage",),
        "arn:*:sqs:*-quarantine",
        "Lambda sends what it gives up of a stream to a queue with its function's role; the emulator sends nothing.",
        "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html",
        role="*-observer",
    ),
    OnlyOnAws(
        "pass-role",
        ("iam:PassRole",),
        "arn:*:role/*",
        "EventBridge Scheduler checks that its caller may hand it the role; the emulator's does not.",
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policy-examples.html",
        "iam:PassedToService",
    ),
    OnlyOnAws(
        "configuration-set",
        ("ses:SendEmail",),
        "arn:*:configuration-set/*",
        "SES authorizes the configuration set beside the identity; the emulator the identity alone.",
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html",
    ),
)
"""The only grants that nothing on this machine can exercise."""


def granted(iam: Any, prefix: str) -> list[Grant]:
    """Return what the roles of this prefix may do, as they are deployed: inline and attached policies."""
    pages = iam.get_paginator("list_roles").paginate()
    roles = sorted(each["RoleName"] for page in pages for each in page["Roles"] if each["RoleName"].startswith(prefix))
    return [grant for role in roles for document in _documents(iam, role) for grant in grants(role, document)]


def grants(role: str, document: dict[str, Any]) -> Iterator[Grant]:
    """Yield each action and resource that a policy document allows."""
    for stated in _listed(document["Statement"]):
        if stated["Effect"] != "Allow":
            continue
        condition = "; ".join(
            f"{key} {operator} {', '.join(_listed(values))}"
            for operator, operands in stated.get("Condition", {}).items()
            for key, values in operands.items()
        )
        for action in _listed(stated["Action"]):
            for resource in _listed(stated["Resource"]):
                yield Grant(role, stated.get("Sid", "no sid"), action, resource, condition)


def used(log: Path, prefix: str, begin: int = 0) -> list[Use]:
    """Return what the roles of this prefix asked for, each question once, by the emulator's log from a place on."""
    with log.open("rb") as opened:
        opened.seek(begin)
        lines = opened.read().decode(errors="replace").splitlines()
    asked = [Use(**json.loads(line.removeprefix(_SAID))) for line in lines if line.startswith(_SAID)]
    return [each for each in dict.fromkeys(asked) if each.role.startswith(prefix)]


def judge(granted: Iterable[Grant], used: Sequence[Use], exceptions: Sequence[OnlyOnAws] = EXCEPTIONS) -> Proof:
    """Put what was granted against what was used."""
    allowed = [use for use in used if use.allowed]
    grants = list(granted)
    rows = [
        Row(
            grant,
            any(grant.covers(use) for use in allowed),
            next((each for each in exceptions if each.covers(grant)), None),
        )
        for grant in grants
    ]
    missing = [use for use in used if not use.allowed or not any(grant.covers(use) for grant in grants)]
    return Proof(rows, missing, exceptions)


def table(proof: Proof) -> Table:
    """Return the matrix for a terminal."""
    matrix = Table(title="Granted and used")
    for column in ("role", "action", "resource", "condition", "used"):
        matrix.add_column(column, overflow="fold")
    for row in proof.rows:
        told = "[green]yes" if row.used else "[cyan]only on AWS" if row.exception else "[red]no"
        grant = row.grant
        matrix.add_row(grant.role, grant.action, _short(grant.resource), grant.condition, told)
    for use in proof.missing:
        matrix.add_row(use.role, use.action, _short(use.resource), "", "[red]missing")
    return matrix


def html(proof: Proof) -> str:
    """Return one page that needs nothing else."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("proof.html").render(proof=proof)


def _documents(iam: Any, role: str) -> Iterator[dict[str, Any]]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
        yield found["PolicyVersion"]["Document"]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _short(arn: str) -> str:
    """Leave out of an ARN what is the same in all."""
    return arn.split(":", 5)[-1]
