"""What only the real provider would check, checked without it: each value that the program gives, by AWS's schemas."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local.recording import Program
from tests.infrastructure.cloudformation import LEFT_OUT, NOT_CHECKED, refused, unmapped
from tests.programs import of_stack

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
FUNCTION = "aws:lambda/function:Function"
QUEUE = "aws:sqs/queue:Queue"

pytestmark = pytest.mark.usefixtures("untraced")  # nearly all that runs is cfn-lint


def test_aws_takes_every_value_of_every_environment_on_it(prod: Program) -> None:
    assert refused(prod) == []
    assert refused(of_stack("dev"), beside=prod) == []


def test_every_type_of_the_program_is_checked_or_has_a_reason_not_to_be(deployed: Program) -> None:
    assert sorted(unmapped(deployed)) == [], "say in tests/infrastructure/cloudformation.py what these are"


def test_nothing_is_left_out_that_the_program_does_not_have(prod: Program, local: Program) -> None:
    resources = [*prod.resources, *local.resources]
    given = {(type_, name) for each in resources for type_ in ("", each.type) for name in each.inputs}
    assert set(LEFT_OUT) - given == set()
    assert set(NOT_CHECKED) - {each.type for each in resources} == set()


@dataclass(frozen=True)
class Planted:
    """What is put into the inputs of the first resource of a type, and the rule of cfn-lint that must say where."""

    what: str
    type: str
    inputs: dict[str, Any]
    rule: str
    path: str


# https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md
PLANTED = [
    Planted("an enum", ALARM, {"comparisonOperator": "MoreThan"}, "E3030", "ComparisonOperator"),
    Planted("an enum of runtimes", FUNCTION, {"runtime": "python3.99"}, "E3030", "Runtime"),
    Planted("a format", FUNCTION, {"role": "worker"}, "E3031", "Role"),
    Planted("a format of ARNs", "aws:lambda/permission:Permission", {"sourceArn": "bus"}, "E3031", "SourceArn"),
    Planted("a length", "aws:cloudwatch/eventRule:EventRule", {"name": "r" * 65}, "E3033", "Name"),
    Planted("a length of text", FUNCTION, {"description": "d" * 257}, "E3033", "Description"),
    Planted("too much", QUEUE, {"visibilityTimeoutSeconds": 43201.0}, "E3034", "VisibilityTimeout"),
    Planted("too little", FUNCTION, {"memorySize": 64.0}, "E3034", "MemorySize"),
    Planted("a conflict", ALARM, {"statistic": "Sum", "extendedStatistic": "p99"}, "E3020", "Statistic"),
    Planted(
        "one of two that is lacking",
        "aws:cloudwatch/eventRule:EventRule",
        {"eventPattern": None, "scheduleExpression": None},
        "E3058",
        "",
    ),
    Planted("a wrong type", QUEUE, {"messageRetentionSeconds": "a week"}, "E3012", "MessageRetentionPeriod"),
    Planted("what there is not", QUEUE, {"colour": "blue"}, "E3002", "Colour"),
    Planted("what is lacking", FUNCTION, {"role": None}, "E3003", ""),
    Planted(
        "a part of another resource",
        "aws:s3/bucketVersioning:BucketVersioning",
        {"versioningConfiguration": {"status": "On"}},
        "E3030",
        "VersioningConfiguration.Status",
    ),
    Planted(
        "an enum in a policy",
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": json.dumps({"Statement": [{"Effect": "Perhaps"}]})},
        "E3510",
        "PolicyDocument.Statement.0.Effect",
    ),
]


def with_planted(program: Program, planted: Planted) -> tuple[Program, str]:
    first = next(each for each in program.of(planted.type))
    spoiled = replace(first, inputs={**first.inputs, **planted.inputs})
    return Program([spoiled if each is first else each for each in program.resources], program.outputs), first.urn


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
def test_a_planted_violation_is_found_where_it_is(planted: Planted, prod: Program) -> None:
    spoiled, urn = with_planted(prod, planted)
    found = refused(spoiled, urn)
    assert (planted.rule, planted.path) in {(each.rule, each.path) for each in found}, found
