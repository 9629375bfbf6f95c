import textwrap
from pathlib import Path

import pytest

from local.engine.deployment import DeploymentFailed, Operation
from tests.engine.programs import Program, operations

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

def named(args, report):
    if args.resource_type == "aws:sqs/queue:Queue" and args.props["name"].startswith("bad"):
        report("no bad names")

def encrypted(args, report):
    if args.resource_type == "aws:sqs/queue:Queue" and "kmsMasterKeyId" not in args.props:
        report("better encrypted")

def few(args, report):
    queues = [r for r in args.resources if r.resource_type == "aws:sqs/queue:Queue"]
    if len(queues) > 1:
        url, identity = queues[0].props["url"], queues[0].props["id"]
        report(f"too many queues, the first at {url[:7]}, id {identity[:7]}", queues[0].urn)

def later(args, report):
    if "later" in args.props.get("name", ""):
        args.not_applicable("not decided yet, for want of a key")

PolicyPack("small", [
    ResourceValidationPolicy("later", "Later", later, EnforcementLevel.MANDATORY),
    ResourceValidationPolicy("names", "Names", named, EnforcementLevel.MANDATORY),
    ResourceValidationPolicy("encryption", "Encryption", encrypted, EnforcementLevel.ADVISORY),
    StackValidationPolicy("few", "Few", few, EnforcementLevel.MANDATORY),
])
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    directory = tmp_path / "pack"
    directory.mkdir()
    (directory / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (directory / "__main__.py").write_text(textwrap.dedent(PACK))
    return directory


def test_a_mandatory_violation_stops_its_resource_before_it_is_made(program: Program, pack: Path) -> None:
    program.write('aws.sqs.Queue("queue", name="bad-queue", kms_master_key_id="alias/aws/sqs")')
    with pytest.raises(DeploymentFailed, match=r"^aws:sqs/queue:Queue queue: policy names: Names\sno bad names"):
        program.deploy(policy_pack=pack)
    assert program.recorder.created == []
    with pytest.raises(DeploymentFailed, match="no bad names"):
        program.preview(policy_pack=pack)


def test_an_advisory_violation_is_told_and_stops_nothing(program: Program, pack: Path) -> None:
    program.write('aws.sqs.Queue("queue", name="plain-queue")')
    deployment = program.deploy(policy_pack=pack)
    assert operations(deployment) == {"queue": Operation.CREATE}
    assert [violation.policy for violation in deployment.violations] == ["encryption"]
    assert "policy encryption (advisory): " in program.recorder.text
    assert "better encrypted" in program.recorder.text


def test_one_advice_about_many_resources_is_told_once_and_counted(program: Program, pack: Path) -> None:
    program.write('for name in ("one", "two", "three"): aws.sqs.Queue(name, name=name)')
    with pytest.raises(DeploymentFailed, match="too many queues"):
        program.deploy(policy_pack=pack)
    assert program.recorder.text.count("better encrypted") == 1
    assert "policy encryption (advisory): the same of 2 more" in program.recorder.text


def test_a_preview_says_which_policies_the_update_decides(program: Program, pack: Path) -> None:
    program.write('aws.sqs.Queue("queue", name="later", kms_master_key_id="alias/aws/sqs")')
    program.preview(policy_pack=pack)
    assert "policies that the update decides, when it knows all values: later" in program.recorder.text


def test_the_stack_is_checked_as_a_whole_by_what_it_put_out(program: Program, pack: Path) -> None:
    program.write('for n in range(2): aws.sqs.Queue(f"queue-{n}", name=f"many-{n}", kms_master_key_id="alias/aws/sqs")')
    with pytest.raises(DeploymentFailed, match=r"policy few: Few\stoo many queues, the first at http://, id http://"):
        program.deploy(policy_pack=pack)


def test_a_pack_that_does_not_start_stops_the_deployment_before_anything_is_made(
    program: Program, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (broken / "__main__.py").write_text("raise ImportError('half a pack')")
    program.write('aws.sqs.Queue("queue", name="unchecked")')
    with pytest.raises(DeploymentFailed, match="half a pack"):
        program.deploy(policy_pack=broken)
    assert program.recorder.created == []
