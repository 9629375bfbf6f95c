import json
import os
import signal
import threading
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.engine.aws import Aws
from local.engine.deployment import DeploymentFailed, Operation
from local.engine.inputs import Inputs
from local.engine.resources import PROVISIONERS
from local.engine.resources.provisioner import Created
from tests.engine.programs import Program, Recorder, operations


def test_a_program_gets_the_real_ids_and_arns_of_what_it_made(program: Program, aws: Aws) -> None:
    deployment = program.write(
        """
        key = aws.kms.Key("key", description="of a small program", enable_key_rotation=True)
        pulumi.export("id", key.key_id)
        pulumi.export("nested", {"arns": [key.arn]})
        """
    ).deploy()
    metadata = aws.kms.describe_key(KeyId=deployment.outputs["id"])["KeyMetadata"]
    assert metadata["Description"] == "of a small program"
    assert deployment.outputs["nested"] == {"arns": [metadata["Arn"]]}


def test_what_depends_on_a_resource_is_made_after_it(program: Program) -> None:
    program.write(
        """
        first = aws.sqs.Queue("first", name="ordered-first")
        second = aws.sqs.Queue("second", name=first.name.apply(lambda name: name + "-second"))
        aws.sqs.Queue("third", name="ordered-third", opts=pulumi.ResourceOptions(depends_on=[second]))
        """
    ).deploy()
    assert program.recorder.created == ["first", "second", "third"]


def test_what_depends_on_nothing_is_made_at_the_same_time(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(8)

    def only_with_the_others(inputs: Inputs, _: Aws) -> Created:
        together.wait(timeout=240)
        return Created(inputs.name())

    monkeypatch.setitem(PROVISIONERS, "aws:sqs/queue:Queue", only_with_the_others)
    deployment = program.write('for n in range(8): aws.sqs.Queue(f"queue-{n}", name=f"together-{n}")').deploy()
    assert len(deployment.steps) == 9


def test_components_and_their_children_are_registered_under_their_parents_type(program: Program) -> None:
    deployment = program.write(
        """
        class Box(pulumi.ComponentResource):
            everything: dict[str, pulumi.Input[object]]
            def __init__(self):
                super().__init__("small:index:Box", "box", {})
                queue = aws.sqs.Queue("inside", name="in-a-box", opts=pulumi.ResourceOptions(parent=self))
                self.register_outputs({"everything": {"urls": [queue.url]}})
        Box()
        """
    ).deploy()
    assert set(operations(program.deploy()).values()) == {Operation.SAME}
    urns = {step.urn for step in deployment.steps}
    assert "urn:pulumi:test::small::small:index:Box$aws:sqs/queue:Queue::inside" in urns


def test_the_providers_default_tags_are_on_what_it_makes(program: Program, aws: Aws) -> None:
    deployment = program.write(
        """
        provider = aws.Provider("aws", region="eu-central-1", default_tags={"tags": {"team": "x", "kind": "default"}})
        options = pulumi.ResourceOptions(provider=provider)
        queue = aws.sqs.Queue("tagged", name="tagged", tags={"kind": "own"}, opts=options)
        pulumi.export("url", queue.url)
        pulumi.export("all", queue.tags_all)
        """
    ).deploy()
    expected = {"team": "x", "kind": "own"}
    assert aws.sqs.list_queue_tags(QueueUrl=deployment.outputs["url"])["Tags"] == expected
    assert deployment.outputs["all"] == expected


def test_a_provider_of_another_region_or_account_is_refused(program: Program) -> None:
    program.write('aws.Provider("aws", region="eu-west-3")')
    with pytest.raises(DeploymentFailed, match=r"region is eu-west-3, the emulator's eu-central-1"):
        program.deploy()
    program.write('aws.Provider("aws", allowed_account_ids=["999999999999"])')
    with pytest.raises(DeploymentFailed, match="is not among the allowed"):
        program.deploy()


def test_the_program_may_ask_who_and_where_it_is(program: Program) -> None:
    deployment = program.write(
        """
        pulumi.export("account", aws.get_caller_identity().account_id)
        pulumi.export("region", aws.get_region_output().region)
        pulumi.export("partition", aws.get_partition().partition)
        """
    ).deploy()
    assert deployment.outputs == {"account": "123456789012", "region": "eu-central-1", "partition": "aws"}


def test_a_function_that_cannot_be_answered_is_named(program: Program) -> None:
    program.write("aws.ec2.get_vpc(default=True)")
    with pytest.raises(DeploymentFailed, match=r"aws:ec2/getVpc:getVpc: add it to local/engine/invokes\.py"):
        program.deploy()


def test_a_type_without_a_provisioner_stops_even_a_preview_and_says_where_to_add_it(program: Program) -> None:
    program.write('aws.kinesis.Stream("stream", shard_count=1)')
    for run in (program.preview, program.deploy):
        with pytest.raises(DeploymentFailed, match=r"aws:kinesis/stream:Stream: add one to .*resources/kinesis\.py"):
            run()


def test_a_property_that_nothing_applies_stops_and_names_type_property_and_both_places(program: Program) -> None:
    program.write('aws.sqs.Queue("fast", name="fast.fifo", fifo_queue=True)')
    with pytest.raises(DeploymentFailed) as failure:
        program.deploy()
    for part in ("fifoQueue", "aws:sqs/queue:Queue", "local/engine/resources/sqs.py", "no_local_meaning.py"):
        assert part in str(failure.value)


def test_a_nested_property_that_nothing_applies_is_named_by_its_path(program: Program) -> None:
    program.write(
        """
        aws.dynamodb.Table("table", name="nested", billing_mode="PAY_PER_REQUEST", hash_key="id",
            attributes=[{"name": "id", "type": "S"}],
            point_in_time_recovery={"enabled": True, "recovery_period_in_days": 7})
        """
    )
    with pytest.raises(DeploymentFailed, match=r"ignores pointInTimeRecovery\.recoveryPeriodInDays of"):
        program.deploy()


def test_an_output_that_no_provisioner_gives_is_refused_rather_than_none(program: Program) -> None:
    program.write(
        """
        role = aws.iam.Role("role", name="forgetful", assume_role_policy="{}")
        aws.sqs.Queue("queue", name=role.create_date)
        """
    )
    with pytest.raises(DeploymentFailed, match="Queue queue: name depends on an output that the local engine does not"):
        program.deploy()


def test_what_the_emulator_refuses_is_told_with_the_resource(program: Program) -> None:
    program.write('aws.kms.Alias("alias", name="alias/of-nothing", target_key_id="no-such-key")')
    with pytest.raises(DeploymentFailed, match=r"^aws:kms/alias:Alias alias: .*NotFoundException"):
        program.deploy()


def test_an_exception_in_the_program_is_told_with_its_line(program: Program) -> None:
    program.write('print("so far")\nraise ValueError("no good")')
    with pytest.raises(
        DeploymentFailed, match=r"(?s)exit code 1.*__main__\.py\", line 4.*ValueError: no good"
    ) as failure:
        program.deploy()
    assert "site-packages" not in str(failure.value)
    assert "so far" in program.recorder.text


def test_an_exception_inside_an_apply_is_told(program: Program) -> None:
    program.write('aws.sqs.Queue("q", name="applied").url.apply(lambda url: url["impossible"])')
    with pytest.raises(DeploymentFailed, match="TypeError"):
        program.deploy()


def test_a_program_that_is_not_python_is_told(program: Program) -> None:
    program.write("def (")
    with pytest.raises(DeploymentFailed, match="SyntaxError"):
        program.deploy()


def test_a_program_that_ends_its_own_process_is_told(program: Program) -> None:
    program.write('import os\nprint("bye", flush=True)\nos._exit(7)')
    with pytest.raises(DeploymentFailed, match=r"(?s)exit code 7.*bye"):
        program.deploy()


def test_what_the_program_logs_reaches_the_user(program: Program) -> None:
    program.write('pulumi.log.info("as planned")\npulumi.log.warn("a little late")\npulumi.log.debug("noise")').deploy()
    assert program.recorder.messages == ["as planned", "warning: a little late"]


WRITE_PID = "import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\n"


def assert_gone(program: Program) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(int((program.directory / "pid").read_text()), 0)


def test_a_failed_deployment_leaves_no_thread_and_no_process_behind(program: Program) -> None:
    program.write(WRITE_PID + 'aws.kinesis.Stream("stream", shard_count=1)')
    before = set(threading.enumerate())
    with pytest.raises(DeploymentFailed):
        program.deploy()
    assert set(threading.enumerate()) <= before
    assert_gone(program)


def test_an_interrupted_deployment_ends_at_once_and_leaves_nothing_behind(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write(WRITE_PID + 'import threading\nprint("waiting for ever")\nthreading.Event().wait()')
    before = set(threading.enumerate())
    monkeypatch.setattr(Recorder, "message", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        program.deploy()
    assert set(threading.enumerate()) <= before
    assert_gone(program)


def test_nothing_new_is_started_after_a_failure(program: Program) -> None:
    program.write(
        """
        bad = aws.kinesis.Stream("bad", shard_count=1)
        aws.sqs.Queue("after", name="never", opts=pulumi.ResourceOptions(depends_on=[bad]))
        """
    )
    with pytest.raises(DeploymentFailed):
        program.deploy()
    assert program.recorder.created == []


def test_two_resources_of_the_same_name_and_type_are_refused(program: Program) -> None:
    program.write('for n in range(2): aws.sqs.Queue("twin", name=f"twin-{n}")')
    with pytest.raises(DeploymentFailed, match="has the same name"):
        program.deploy()


def test_what_this_engine_cannot_do_is_said(program: Program) -> None:
    for source, reason in (
        ('aws.sqs.Queue.get("there", "url")', "reads no resource"),
        ('aws.sqs.Queue("imported", opts=pulumi.ResourceOptions(import_="url"))', "imports nothing"),
        ("pulumi.runtime.register_resource_transform(lambda args: None)", "does not support transforms"),
    ):
        with pytest.raises(DeploymentFailed, match=reason):
            program.write(source).deploy()


def test_state_is_readable_by_its_owner_alone(program: Program) -> None:
    program.write('aws.sqs.Queue("kept", name="kept")').deploy()
    assert program.state_path.stat().st_mode & 0o777 == 0o600
    resources = json.loads(program.state_path.read_text())["resources"]
    assert [urn for urn in resources if urn.endswith("::kept")]


def test_what_was_made_before_a_failure_is_known_to_the_next_deployment(program: Program) -> None:
    made = 'made = aws.sqs.Queue("made", name="made-before")\n'
    program.write(made + 'aws.kinesis.Stream("bad", shard_count=1, opts=pulumi.ResourceOptions(depends_on=[made]))')
    with pytest.raises(DeploymentFailed):
        program.deploy()
    assert operations(program.write(made).deploy()) == {"made": Operation.SAME}


def test_a_preview_touches_nothing_and_leaves_unknown_what_is_unknown(program: Program, aws: Aws) -> None:
    program.write(
        """
        queue = aws.sqs.Queue("queue", name="only-previewed")
        queue.arn.apply(lambda arn: print("known", arn))
        pulumi.export("name", queue.name)
        pulumi.export("arn", queue.arn)
        """
    )
    deployment = program.preview()
    assert operations(deployment) == {"queue": Operation.CREATE}
    assert deployment.outputs["name"] == "only-previewed"
    assert repr(deployment.outputs["arn"]) == "<unknown>"
    assert "known" not in program.recorder.text
    assert not program.state_path.exists()
    with pytest.raises(ClientError, match="NonExistentQueue"):
        aws.sqs.get_queue_url(QueueName="only-previewed")


SMALL = """
key = aws.kms.Key("key", description={description!r})
alias = aws.kms.Alias("alias", name="alias/{alias}", target_key_id=key.key_id)
pulumi.export("arn", alias.arn)
"""


def test_a_second_deployment_changes_nothing_and_gives_the_same_outputs(program: Program) -> None:
    program.write(SMALL.format(description="one", alias="twice"))
    first, second = program.deploy(), program.deploy()
    assert set(operations(second).values()) == {Operation.SAME}
    assert program.recorder.created == []
    assert second.outputs == first.outputs
    assert set(operations(program.preview()).values()) == {Operation.SAME}


def test_a_changed_property_is_an_update_that_names_it_and_is_refused_by_a_deployment(program: Program) -> None:
    program.write(SMALL.format(description="one", alias="changed")).deploy()
    # Of another length: Python knows a source by its second and its size, and would run what it compiled before.
    program.write(SMALL.format(description="another", alias="changed"))
    steps = {step.urn.rpartition("::")[2]: step for step in program.preview().steps}
    assert (steps["key"].operation, steps["key"].changed) == (Operation.UPDATE, ("description",))
    assert steps["alias"].operation is Operation.SAME
    with pytest.raises(DeploymentFailed, match=r"description changed, and .*`make down && make up`"):
        program.deploy()


def test_a_changed_property_that_the_program_says_to_ignore_is_no_change(program: Program) -> None:
    source = 'aws.kms.Key("key", description={!r}, opts=pulumi.ResourceOptions(ignore_changes=["description"]))'
    program.write(source.format("one")).deploy()
    assert operations(program.write(source.format("two")).deploy()) == {"key": Operation.SAME}


def test_a_removed_resource_is_a_deletion_that_a_deployment_refuses(program: Program) -> None:
    program.write(SMALL.format(description="one", alias="removed")).deploy()
    program.write("")
    deletions = [step.type for step in program.preview().steps if step.operation is Operation.DELETE]
    assert sorted(deletions) == ["aws:kms/alias:Alias", "aws:kms/key:Key"]
    with pytest.raises(DeploymentFailed, match="no longer in the program"):
        program.deploy()


def test_an_archive_is_compared_by_what_is_in_it(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def keep(inputs: Inputs, _: Aws) -> Created:
        seen.append(inputs.required("code").read())
        return Created("function")

    monkeypatch.setitem(PROVISIONERS, "aws:lambda/function:Function", keep)
    archive = program.directory / "code.zip"
    archive.write_bytes(b"one")
    program.write('aws.lambda_.Function("function", role="r", code=pulumi.FileArchive("code.zip"))')
    monkeypatch.setattr("local.engine.provisioning.check_all_used", lambda *_: frozenset())
    program.deploy()
    assert seen == [b"one"]
    archive.touch()
    assert operations(program.preview()) == {"function": Operation.SAME}
    archive.write_bytes(b"two")
    [step] = [step for step in program.preview().steps if step.operation is Operation.UPDATE]
    assert step.changed == ("code",)


def test_a_missing_archive_is_told(program: Program) -> None:
    program.write('aws.lambda_.Function("function", role="r", code=pulumi.FileArchive("missing.zip"))')
    with pytest.raises(DeploymentFailed, match=r"missing\.zip cannot be read: No such file"):
        program.deploy()


def test_a_program_elsewhere_is_run_in_its_own_directory(program: Program) -> None:
    (program.directory / "beside.py").write_text("NAME = 'beside'")
    program.write("import beside, pathlib\npulumi.export('name', beside.NAME + pathlib.Path.cwd().name)")
    assert program.deploy().outputs["name"] == "beside" + Path(program.directory).name
