"""The emulator's process: IAM enforced, on loopback alone, and nothing of it is left."""

import base64
import io
import json
import os
import signal
import socket
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from local import emulator
from local.errors import PortTakenError, ProcessError
from local.processes import free_port, spawn, wait_until_ready
from tests.local import processes
from tests.local.support import role_session, session


def test_it_answers_its_root_and_refuses_a_stranger(tmp_path: Path) -> None:
    with emulator.running(tmp_path) as account:
        sts = session(account).client("sts", endpoint_url=account.endpoint_url)
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{account.account_id}:root"
        stranger = boto3.Session("AKIASTRANGER00000000", account.secret_access_key, region_name=account.region)
        with pytest.raises(ClientError) as refused:
            stranger.client("dynamodb", endpoint_url=account.endpoint_url).list_tables()
        assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_a_policy_that_refuses_cleartext_has_the_outcome_it_has_on_aws(tmp_path: Path) -> None:
    with emulator.running(tmp_path) as account:
        s3 = session(account).client("s3", endpoint_url=account.endpoint_url)
        s3.create_bucket(Bucket="b-1", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for refused, passes in (("false", True), ("true", False)):
            s3.put_bucket_policy(Bucket="b-1", Policy=json.dumps(_refusing("b-1", refused)))
            lists = role_session(account, "s3:ListBucket").client("s3", endpoint_url=account.endpoint_url)
            with nullcontext() if passes else pytest.raises(ClientError, match="explicit deny"):
                lists.list_objects_v2(Bucket="b-1")


def test_a_schedule_is_authorised_as_one_of_its_group(tmp_path: Path) -> None:
    with emulator.running(tmp_path) as account:
        root = session(account).client("scheduler", endpoint_url=account.endpoint_url)
        for group in ("ours", "theirs"):
            root.create_schedule_group(Name=group)
        resource = f"arn:aws:scheduler:{account.region}:{account.account_id}:schedule/ours/*"
        role = role_session(account, "scheduler:CreateSchedule", resource)
        schedules = role.client("scheduler", endpoint_url=account.endpoint_url)
        schedules.create_schedule(**_schedule("ours"))
        with pytest.raises(ClientError, match="not authorized to perform: scheduler:CreateSchedule"):
            schedules.create_schedule(**_schedule("theirs"))


def _schedule(group: str) -> dict[str, Any]:
    return {
        "GroupName": group,
        "Name": "one",
        "ScheduleExpression": "at(2099-01-31T12:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:sqs:eu-central-1:123456789012:q", "RoleArn": "arn:aws:iam::123456789012:role/r"},
    }


def test_a_batch_of_a_queue_is_authorised_as_one_of_its_messages(tmp_path: Path) -> None:
    with emulator.running(tmp_path) as account:
        root = session(account).client("sqs", endpoint_url=account.endpoint_url)
        url, other = (root.create_queue(QueueName=name)["QueueUrl"] for name in ("ours", "other"))
        resource = f"arn:aws:sqs:{account.region}:{account.account_id}:ours"
        role = role_session(account, "sqs:ChangeMessageVisibility", resource)
        sqs = role.client("sqs", endpoint_url=account.endpoint_url)
        entry: Any = {"Id": "0", "ReceiptHandle": "r", "VisibilityTimeout": 1}
        assert sqs.change_message_visibility_batch(QueueUrl=url, Entries=[entry])["Failed"]  # of the handle, not of us
        with pytest.raises(ClientError, match="not authorized to perform: sqs:ChangeMessageVisibility"):
            sqs.change_message_visibility_batch(QueueUrl=other, Entries=[entry])


def test_what_an_invocation_has_written_is_its_log(tmp_path: Path) -> None:
    with emulator.running(tmp_path) as account:
        functions = session(account).client("lambda", endpoint_url=account.endpoint_url)
        iam = session(account).client("iam", endpoint_url=account.endpoint_url)
        role = iam.create_role(RoleName="writes", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        zipped: Any = {"ZipFile": _zip("function.py", _WRITING)}
        functions.create_function(
            FunctionName="writes", Runtime="python3.13", Handler="function.handler", Role=role, Code=zipped
        )
        for dies, lines in ((False, ["1", "2"]), (False, []), (False, ["3"]), (True, ["4"]), (False, ["5"])):
            asked = json.dumps({"lines": lines, "dies": dies})
            answer = functions.invoke(FunctionName="writes", Payload=asked, LogType="Tail")
            assert ("FunctionError" in answer) is dies
            logged = base64.b64decode(answer.get("LogResult", "")).decode()
            assert [line for line in logged.splitlines() if not (dies and "died" in line)] == lines


_WRITING = """
import os
def handler(event, context):
    for line in event["lines"]:
        print(line, flush=True)
    if event["dies"]:
        os._exit(1)
"""


def _zip(name: str, content: str) -> bytes:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(name, content)
    return zipped.getvalue()


def _refusing(bucket: str, over_tls: str) -> dict[str, object]:
    """A bucket policy that refuses what comes over TLS, or what does not."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": over_tls}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_two_run_side_by_side_with_credentials_of_their_own(tmp_path: Path) -> None:
    with emulator.running(tmp_path / "one") as one, emulator.running(tmp_path / "two") as two:
        assert len({one.endpoint_url, two.endpoint_url, one.access_key_id, two.access_key_id}) == 4
        session(one).client("sqs", endpoint_url=one.endpoint_url).create_queue(QueueName="only-in-one")
        assert not session(two).client("sqs", endpoint_url=two.endpoint_url).list_queues().get("QueueUrls")
        with pytest.raises(ClientError):
            session(one).client("sqs", endpoint_url=two.endpoint_url).list_queues()


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with emulator.running(tmp_path) as account:
        port = httpx.URL(account.endpoint_url).port or 0
        socket.create_connection(("127.0.0.1", port)).close()
        # 127.0.0.2 is this machine too: whoever listens on every interface answers there.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))


def test_nothing_of_it_is_left_when_it_is_stopped(tmp_path: Path) -> None:
    with emulator.running(tmp_path):
        assert processes.mentioning(tmp_path)
    assert not processes.mentioning(tmp_path)


def test_functions_do_not_see_the_engineers_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    with emulator.running(tmp_path):
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in processes.mentioning(tmp_path)]
    assert environments
    assert not [content for content in environments if b"AWS_PROFILE" in content]


def test_a_port_that_is_taken_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} .*CARILLON_EMULATOR_PORT"):
            emulator.start(tmp_path, port)
    assert not processes.mentioning(tmp_path)


def test_a_fixed_port_is_used(tmp_path: Path) -> None:
    port = free_port()
    running = emulator.start(tmp_path, port)
    running.stop()
    assert running.emulator.endpoint_url == f"http://localhost:{port}"


def test_a_process_that_dies_while_starting_is_said_with_its_last_words(tmp_path: Path) -> None:
    child = spawn("the oracle", ["this_module_does_not_exist"], log=tmp_path / "log", environment=os.environ)
    with pytest.raises(ProcessError, match=r"(?s)the oracle ended with exit code 1.*this_module_does_not_exist"):
        wait_until_ready(child, lambda: False)


def test_a_process_that_never_answers_is_given_up(tmp_path: Path) -> None:
    child = spawn("the sphinx", ["http.server", "0"], log=tmp_path / "log", environment=os.environ)
    try:
        with pytest.raises(ProcessError, match="the sphinx was not ready within 0 s"):
            wait_until_ready(child, lambda: False, seconds=0.2)
    finally:
        child.stop()


def test_a_process_that_ignores_being_asked_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.processes._GRACE_SECONDS", 0.2)
    (tmp_path / "stubborn.py").write_text(
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.run([sys.executable, '-c', 'import signal, time; signal.signal(15, 1); time.sleep(600)'])\n"
    )
    child = spawn("it", ["stubborn"], log=tmp_path / "log", environment={**os.environ, "PYTHONPATH": str(tmp_path)})
    processes.until(lambda: len(processes.mentioning(tmp_path)) == 2)
    child.stop()
    assert child.popen.returncode == -signal.SIGKILL
    processes.until(lambda: not processes.mentioning(tmp_path))
