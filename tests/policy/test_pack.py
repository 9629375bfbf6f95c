"""The whole pack, over the protocol that the Pulumi CLI speaks to it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from local.engine.analyzer import AnalyzedResource, Level, PolicyPackError, PolicyPackProcess, Violation
from policies.pack import ALL_RULES

PACK = Path(__file__).resolve().parents[2] / "policies"
# Pulumi's marks in property maps: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/properties.go
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
ASSET = "c44067f5952c0a294b673a41bacd8c17"

WIDE = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
TABLE = "aws:dynamodb/table:Table"
QUEUE = "aws:sqs/queue:Queue"
GOOD_TABLE = {
    "serverSideEncryption": {"enabled": True, "kmsKeyArn": "arn:aws:kms:eu-central-1:000000000000:key/1"},
    "pointInTimeRecovery": {"enabled": True},
    "billingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def pack() -> Iterator[PolicyPackProcess]:
    with PolicyPackProcess.start(PACK) as running:
        yield running


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:local::carillon::{type_}::{name}"


def resource(type_: str, properties: Mapping[str, Any], name: str = "it", **more: Any) -> AnalyzedResource:
    return AnalyzedResource(type_, urn(type_, name), name, properties, **more)


def policies_of(violations: list[Violation]) -> list[str]:
    return [violation.policy for violation in violations]


def without_dead_letters(violations: list[Violation]) -> list[Violation]:
    return [violation for violation in violations if violation.policy == "sqs-dead-letter-queue"]


def test_the_pack_tells_the_cli_its_name_and_every_rule_with_its_level(pack: PolicyPackProcess) -> None:
    info = pack.info()
    assert info.name == "carillon"
    assert [(each.name, each.description, each.url) for each in info.policies] == [
        (rule.name, rule.description, rule.reference.url) for rule in ALL_RULES
    ]
    assert {each.enforcementLevel for each in info.policies} == {1}  # MANDATORY in analyzer.proto


def test_a_violation_names_the_policy_the_resource_what_is_wrong_and_the_way_out(pack: PolicyPackProcess) -> None:
    (violation,) = pack.analyze(resource(ROLE_POLICY, {"policy": WIDE}))
    assert violation.policy == "iam-no-wildcard-actions"
    assert violation.urn == urn(ROLE_POLICY, "it")
    assert violation.level is Level.MANDATORY
    assert violation.mandatory
    assert "policy, statement 0: allows s3:*" in violation.message
    assert "Name each action that the code calls." in violation.message
    assert "What a preview does not know is checked during the update" in violation.message


def test_a_good_resource_has_no_violation(pack: PolicyPackProcess) -> None:
    assert pack.analyze(resource(TABLE, GOOD_TABLE)) == []


def test_a_bad_table_violates_every_rule_for_tables(pack: PolicyPackProcess) -> None:
    assert policies_of(pack.analyze(resource(TABLE, {}))) == [
        "dynamodb-customer-managed-key",
        "dynamodb-point-in-time-recovery",
        "dynamodb-on-demand",
    ]


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        (ROLE_POLICY, {"policy": UNKNOWN}),
        ("aws:iam/role:Role", {"inlinePolicies": [{"name": "a", "policy": UNKNOWN}], "assumeRolePolicy": UNKNOWN}),
        (
            TABLE,
            {
                "serverSideEncryption": UNKNOWN,
                "pointInTimeRecovery": UNKNOWN,
                "replicas": UNKNOWN,
                "billingMode": UNKNOWN,
            },
        ),
        (TABLE, GOOD_TABLE | {"serverSideEncryption": {"enabled": True, "kmsKeyArn": UNKNOWN}}),
    ],
)
def test_unknown_values_of_a_preview_make_no_remark_of_any_level(
    pack: PolicyPackProcess, type_: str, properties: dict[str, Any]
) -> None:
    assert pack.analyze(resource(type_, properties)) == []


def test_a_rule_stays_mandatory_next_to_unknown_values(pack: PolicyPackProcess) -> None:
    half_known = {
        "serverSideEncryption": {"enabled": False, "kmsKeyArn": UNKNOWN},
        "hashKey": UNKNOWN,
        "billingMode": UNKNOWN,
    }
    violations = pack.analyze(resource(TABLE, half_known | {"pointInTimeRecovery": {"enabled": UNKNOWN}}))
    assert policies_of(violations) == ["dynamodb-customer-managed-key"]
    assert all(violation.mandatory for violation in violations)


@pytest.mark.parametrize(
    "policy",
    [
        {SIGNATURE: SECRET, "value": WIDE},
        {SIGNATURE: OUTPUT, "value": WIDE, "dependencies": [urn(TABLE, "other")]},
        {SIGNATURE: OUTPUT, "value": WIDE, "secret": True},
        {SIGNATURE: OUTPUT, "value": {SIGNATURE: SECRET, "value": WIDE}},
    ],
)
def test_secrets_and_outputs_are_looked_into(pack: PolicyPackProcess, policy: dict[str, Any]) -> None:
    assert policies_of(pack.analyze(resource(ROLE_POLICY, {"policy": policy}))) == ["iam-no-wildcard-actions"]


def test_an_output_without_a_value_is_unknown(pack: PolicyPackProcess) -> None:
    later = {SIGNATURE: OUTPUT, "dependencies": []}
    assert pack.analyze(resource(ROLE_POLICY, {"policy": later, "role": later | {"secret": True}})) == []


def test_what_a_preview_cannot_decide_is_said_and_decided_when_it_is_known(pack: PolicyPackProcess) -> None:
    preview = pack.judge(resource(ROLE_POLICY, {"policy": UNKNOWN}))
    assert preview.violations == []
    assert "iam-no-wildcard-actions" in {each.policy for each in preview.undecided}
    assert {each.reason for each in preview.undecided} == {
        "not decided yet, for want of policy of it; the update checks it"
    }
    update = pack.judge(resource(ROLE_POLICY, {"policy": WIDE}))
    assert policies_of(update.violations) == ["iam-no-wildcard-actions"]
    assert update.undecided == []


def test_a_stack_too_says_what_a_preview_cannot_decide(pack: PolicyPackProcess) -> None:
    queues = [resource(QUEUE, {"redrivePolicy": UNKNOWN, "arn": UNKNOWN, "url": UNKNOWN}, "work")]
    left = {each.policy: each.reason for each in pack.judge_stack(queues).undecided}
    assert "redrivePolicy of work" in left["sqs-dead-letter-queue"]


def test_assets_references_and_the_engines_own_keys_do_no_harm(pack: PolicyPackProcess) -> None:
    properties = {
        "code": {SIGNATURE: ASSET, "path": "x.zip", "hash": "1"},
        "role": {SIGNATURE: RESOURCE, "urn": urn("aws:iam/role:Role", "r"), "id": "r"},
        "__defaults": ["policy"],
        "tracingConfig": {"mode": "Active"},
        "tags": {"a": None},
    }
    assert pack.analyze(resource("aws:lambda/function:Function", properties)) == []


def test_a_stack_is_checked_as_a_whole(pack: PolicyPackProcess) -> None:
    redrive = {"redrivePolicy": json.dumps({"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5})}
    queues = [
        resource(QUEUE, {"arn": "arn:work", **redrive}, "work"),
        resource(QUEUE, {"arn": "arn:dead"}, "dead"),
        resource(QUEUE, {"arn": "arn:alone"}, "alone"),
    ]
    (violation,) = without_dead_letters(pack.analyze_stack(queues))
    assert violation.urn == urn(QUEUE, "alone")
    assert violation.mandatory
    assert without_dead_letters(pack.analyze_stack(queues[:2])) == []


def test_the_preview_of_a_stack_goes_by_what_properties_depend_on(pack: PolicyPackProcess) -> None:
    queues = [
        resource(
            QUEUE,
            {"redrivePolicy": UNKNOWN, "arn": UNKNOWN},
            "work",
            property_dependencies={"redrivePolicy": [urn(QUEUE, "dead")]},
        ),
        resource(QUEUE, {"arn": UNKNOWN}, "dead"),
        resource(QUEUE, {"arn": UNKNOWN}, "alone"),
    ]
    assert [violation.urn for violation in without_dead_letters(pack.analyze_stack(queues))] == [urn(QUEUE, "alone")]


def test_a_pack_that_does_not_come_up_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("raise ValueError('no rules today')")
    with pytest.raises(PolicyPackError, match="no rules today"):
        PolicyPackProcess.start(tmp_path)


def test_a_rule_that_fails_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "from pulumi_policy import PolicyPack, ResourceValidationPolicy\n"
        "def broken(args, report): raise ValueError('a fault in the rule')\n"
        "PolicyPack('broken', [ResourceValidationPolicy('broken', 'Broken.', broken)])\n"
    )
    with PolicyPackProcess.start(tmp_path) as broken, pytest.raises(PolicyPackError, match="a fault in the rule"):
        broken.analyze(resource(TABLE, GOOD_TABLE))


def test_closing_ends_the_process() -> None:
    pack = PolicyPackProcess.start(PACK)
    pack.close()
    assert pack._popen.returncode is not None
