import pytest

from local.engine.aws import Aws
from local.engine.deployment import DeploymentFailed
from tests.engine.programs import Program

PASSWORD = "correct horse battery staple"
ENCRYPTED = {"small:password": {"secure": "v1:abc:def"}}
OVERRIDE = {"password": PASSWORD}


def test_a_secret_reaches_the_resource_and_the_outputs_but_neither_messages_nor_errors(
    program: Program, aws: Aws
) -> None:
    deployment = program.write(
        """
        password = pulumi.Config().require_secret("password")
        topic = aws.sns.Topic("topic", name="secretive", display_name=password)
        topic.display_name.apply(lambda shown: print("the name is", shown))
        pulumi.export("shown", topic.display_name)
        pulumi.export("arn", topic.arn)
        """,
        config=ENCRYPTED,
    ).deploy(OVERRIDE)
    attributes = aws.sns.get_topic_attributes(TopicArn=deployment.outputs["arn"])["Attributes"]
    assert attributes["DisplayName"] == PASSWORD
    assert deployment.outputs["shown"] == PASSWORD
    assert program.recorder.messages == ["the name is [secret]"]


def test_a_secret_in_an_error_of_the_emulator_or_the_program_is_not_shown(program: Program) -> None:
    program.write(
        """
        password = pulumi.Config().require_secret("password")
        aws.kms.Alias("alias", name="alias/secret", target_key_id=password)
        """,
        config=ENCRYPTED,
    )
    with pytest.raises(DeploymentFailed, match=r"\[secret\]") as failure:
        program.deploy(OVERRIDE)
    assert PASSWORD not in str(failure.value) + program.recorder.text
    program.write('raise ValueError(pulumi.Config().require("password"))', config=ENCRYPTED)
    with pytest.raises(DeploymentFailed, match=r"ValueError: \[secret\]") as failure:
        program.deploy(OVERRIDE)
    assert PASSWORD not in str(failure.value) + program.recorder.text


def test_a_secret_that_the_program_makes_itself_is_not_shown(program: Program) -> None:
    program.write(
        """
        made = pulumi.Output.secret("made " + "up here")
        aws.sns.Topic("topic", name="self-made", display_name=made).display_name.apply(print)
        """
    ).deploy()
    assert program.recorder.messages == ["[secret]"]


def test_a_secret_stays_one_for_the_program_after_it_went_through_a_resource(program: Program) -> None:
    program.write(
        """
        topic = aws.sns.Topic("topic", name="still-secret", display_name=pulumi.Output.secret("hidden away"),
            opts=pulumi.ResourceOptions(additional_secret_outputs=["arn"]))
        async def tell():
            for output in (topic.display_name, topic.arn, topic.name):
                print(await output.is_secret())
        import asyncio
        asyncio.ensure_future(tell())
        pulumi.Output.all(topic.arn, topic.name).apply(lambda _: None)
        """
    ).deploy()
    assert program.recorder.messages == ["True", "True", "False"]


def test_the_state_keeps_a_hash_in_place_of_a_secret_input(program: Program) -> None:
    program.write('aws.kms.Key("key", description=pulumi.Output.secret("hidden away"))').deploy()
    assert "hidden away" not in program.state_path.read_text()
    program.write('aws.kms.Key("key", description=pulumi.Output.secret("hidden elsewhere"))')
    [step] = [step for step in program.preview().steps if step.changed]
    assert step.changed == ("description",)
