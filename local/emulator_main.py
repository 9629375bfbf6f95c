"""Runs MiniStack for `local.emulator`, by the interpreter of the emulator's environment, which has nothing of ours.

Each question that a role's policies were asked is said in its log, with the answer: once if it was allowed, each time
if it was denied. Who asks why something does not work finds it there, and `local.proof` reads these.

Some of its differences from AWS are mended here. Four because the API could not be tried otherwise:

- A REST API hands on the path as it was sent, percent-encoded, so `%2F` ends no segment
  (https://github.com/middleapi/standard-server/pull/93); MiniStack decodes it first.
- A gateway response may say what the authorizer said, `$context.authorizer.<name>`
  (https://github.com/aws/aws-cdk/issues/10624); MiniStack leaves the name there.
- Part of an object is read by `Range`, of a version too
  (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html); MiniStack reads all of a version.
- A mock's answer without a body has none; MiniStack makes it `{}`, which a 204 cannot have.

And six because the program's own policies could not be enforced otherwise:

- AWS is called over TLS, the emulator over plain HTTP on loopback. MiniStack believes `X-Forwarded-Proto`, so every
  request is given one: a policy that refuses cleartext (`aws:SecureTransport`) then has AWS's outcome.
- `ses:SendEmail` is authorised on the identity that sends
  (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html); MiniStack
  1.5.33 authorises it on `*`, which only a wildcard grants.
- A device's endpoint is named `endpoint/<platform>/<application>/<id>`
  (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html); MiniStack names it like its
  application, `app/…`, which a grant of endpoints alone does not cover.
- A schedule is named with its group, `schedule/<group>/<name>`
  (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html); MiniStack
  authorises every schedule as one of the group `default`.
- A batch of SQS is authorised as one of its messages
  (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html);
  MiniStack asks for an action of the batch's name, which IAM does not have.
- `aws:PrincipalArn` of a role's session is the role's ARN
  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn);
  MiniStack compares the session's.

And one because calls could not be counted by who makes them otherwise:

- CloudTrail's `Username` of a role's session is its name, which Lambda gives it after the function
  (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html); MiniStack
  has the access key there.

And one as what a function logs could not be waited for otherwise:

- All that an invocation has written is in the log when it ends. MiniStack waits five milliseconds for a next line, and
  what comes later, as it does on a busy machine, is in the log of that process's next invocation, if there is any.

And two for the time that they take:

- A function's zip is unpacked once, and each of its processes is given a link to it. MiniStack unpacks two thousand
  files for each, which is most of a cold start here, and no difference to a function.
- After an invocation that failed, its queue or stream is asked again a tenth of a second later. MiniStack leaves it
  alone for a second, with all the other messages in it.
"""

import hashlib
import json
import queue
import re
import tempfile
import zipfile
from contextlib import suppress
from contextvars import ContextVar
from email.utils import parseaddr
from pathlib import Path
from threading import Lock

from ministack import app as ministack  # type: ignore[import-not-found]  # it is in that environment only
from ministack.core import iam_actions, iam_evaluator, lambda_runtime  # type: ignore[import-not-found]
from ministack.services import apigateway_v1, cloudtrail, lambda_svc, s3, ses_v2, sns, sts  # type: ignore[import-not-found]

_serve = ministack.app
_call_api = ministack._handle_execute_api_request
_mock = apigateway_v1._invoke_mock_v1
_ask_authorizer = apigateway_v1._invoke_authorizer_lambda
_decide = apigateway_v1._evaluate_policy
_answer_error = apigateway_v1._gateway_error_response
_resource = iam_actions._ses_v2_resource_arn
_create_endpoint = sns._create_platform_endpoint
_resource_of_any_service = iam_actions.extract_resource_arn
_action = iam_actions.extract_iam_action
_get_object = s3._get_object
_record = cloudtrail.record_event
_unpack = zipfile.ZipFile.extractall
_condition_value = iam_evaluator._resolve_condition_key
_evaluate = iam_evaluator.evaluate
_enforce = iam_evaluator.enforce


async def _serve_as_over_tls(scope, receive, send):  # type: ignore[no-untyped-def]  # there is no ASGI type library here
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await _serve(scope, receive, send)


async def _call_api_by_its_raw_path(host, path, *request, raw_path=None, **more):  # type: ignore[no-untyped-def]
    return await _call_api(host, raw_path or path, *request, raw_path=raw_path, **more)


def _mock_without_a_body(integration):  # type: ignore[no-untyped-def]  # as MiniStack has it
    status, headers, body = _mock(integration)
    return status, headers, b"" if status == 204 else body


_said_by_authorizer: ContextVar[dict[str, str]] = ContextVar("_said_by_authorizer", default={})  # noqa: B039 - read only


async def _ask_authorizer_and_keep_what_it_said(*request):  # type: ignore[no-untyped-def]  # as MiniStack has it
    result = await _ask_authorizer(*request)
    policy = result and result.get("body")
    if policy and not result.get("error"):
        policy = policy if isinstance(policy, dict) else json.loads(policy)
        # The policy alone reaches `_decide`, also out of the authorizer's cache.
        policy["policyDocument"]["said"] = policy.get("context") or {}
        result["body"] = policy
    return result


def _decide_and_recall(policy, method_arn):  # type: ignore[no-untyped-def]  # as MiniStack has it
    _said_by_authorizer.set(policy.get("said", {}))
    return _decide(policy, method_arn)


def _answer_error_with_what_the_authorizer_said(error, request):  # type: ignore[no-untyped-def]  # as MiniStack has it
    status, headers, body = _answer_error(error, request)
    said = _said_by_authorizer.get()
    text = re.sub(r"\$context\.authorizer\.(\w+)", lambda found: said.get(found[1], ""), body.decode())
    return status, headers, text.encode()


def _resource_or_sender(method: str, path: str, body: bytes, region: str, account_id: str) -> str:
    if (method, path) != ("POST", "/v2/email/outbound-emails"):
        return str(_resource(method, path, body, region, account_id))
    address = parseaddr(json.loads(body).get("FromEmailAddress", ""))[1]
    identity = address if ses_v2._identities.get(address) else address.rpartition("@")[2]
    return f"arn:aws:ses:{region}:{account_id}:identity/{identity}"


def _create_endpoint_named_as_one(params):  # type: ignore[no-untyped-def]  # as MiniStack has it
    status, headers, body = _create_endpoint(params)
    for arn in [arn for arn in sns._platform_endpoints if ":app/" in arn]:
        named = arn.replace(":app/", ":endpoint/")
        sns._platform_endpoints[named] = {**sns._platform_endpoints.pop(arn), "arn": named}
    return status, headers, body.replace(b":app/", b":endpoint/")


def _schedule_in_its_group(service, method, path, headers, body, *rest):  # type: ignore[no-untyped-def]
    arn = str(_resource_of_any_service(service, method, path, headers, body, *rest))
    if service != "scheduler" or method not in ("POST", "PUT"):  # whose group is in the body
        return arn
    return arn.replace(":schedule/default/", f":schedule/{json.loads(body).get('GroupName', 'default')}/")


def _action_of_one(service, *request):  # type: ignore[no-untyped-def]
    action = _action(service, *request)
    return action.removesuffix("Batch") if service == "sqs" and action else action


def _get_part_of_object(bucket, key, headers, query=None):  # type: ignore[no-untyped-def]  # as MiniStack has it
    status, answered, body = _get_object(bucket, key, headers, query)
    if status != 200 or not headers.get("range"):
        return status, answered, body
    part = s3._parse_range(headers["range"], len(body))
    if part is None:
        return s3._error("InvalidRange", "The requested range is not satisfiable", 416, f"/{bucket}/{key}")
    start, end = part
    body = body[start : end + 1]
    sized = {**answered, "Content-Length": str(len(body)), "Content-Range": f"bytes {start}-{end}"}
    return 206, sized, body


def _condition_value_of_role(key, context):  # type: ignore[no-untyped-def]  # as MiniStack has it
    value = _condition_value(key, context)
    if key.lower() != "aws:principalarn" or not isinstance(value, str):
        return value
    return re.sub(r"^arn:(\w[\w-]*):sts::(\d+):assumed-role/([^/]+)/.*$", r"arn:\1:iam::\2:role/\3", value)


def _record_by_name(*, username, access_key_id, **event):  # type: ignore[no-untyped-def]  # as MiniStack has it
    session = sts._sessions.get(access_key_id)
    name = session["Arn"].rsplit("/", 1)[-1] if session else username
    _record(username=name, access_key_id=access_key_id, **event)


_unpacked: dict[str, str] = {}
_unpacking = Lock()


def _unpack_once(zipped, path):  # type: ignore[no-untyped-def]  # as MiniStack calls it, for a directory that is empty
    digest = hashlib.sha256(Path(zipped.filename).read_bytes()).hexdigest()
    with _unpacking:
        if digest not in _unpacked:
            directory = tempfile.mkdtemp(prefix="unpacked-")
            _unpack(zipped, directory)
            _unpacked[digest] = directory
    Path(path).rmdir()
    Path(path).symlink_to(_unpacked[digest])


_END_OF_LOG = "-- this is all that the invocation has written --"
_FOR_THE_END = 5.0
"""Seconds, for a process that is gone and whose pipe somebody else has open."""
_ANSWER = """        _real_stdout.flush()

run()
"""


def _say_where_a_log_ends(script: str) -> str:
    if not script.endswith(_ANSWER):
        raise RuntimeError("a function's process does not run the script of MiniStack 1.5.33")
    return f"{script.removesuffix(_ANSWER)}        print({_END_OF_LOG!r}, flush=True)\n{_ANSWER}"


def _read_log(worker):  # type: ignore[no-untyped-def]  # as MiniStack calls it, in a thread for each process
    lines = worker._stderr_queue
    for line in worker._proc.stderr:
        lines.put(line.rstrip("\n"))
    lines.put(_END_OF_LOG)


def _log_of_the_invocation(worker, **_):  # type: ignore[no-untyped-def]  # as MiniStack calls it, after the answer
    lines = []
    with suppress(queue.Empty):
        while (line := worker._stderr_queue.get(timeout=_FOR_THE_END)) != _END_OF_LOG:
            lines.append(line)
    return "\n".join(lines)


_asked: ContextVar[list] = ContextVar("_asked")  # type: ignore[type-arg]  # of what MiniStack has
_said: set[str] = set()


def _evaluate_and_keep_what_was_asked(asked, *policies):  # type: ignore[no-untyped-def]  # as MiniStack has it
    _asked.get([]).append(asked)
    return _evaluate(asked, *policies)


def _enforce_and_say_so(*request, **more):  # type: ignore[no-untyped-def]  # as MiniStack has it
    asked: list = []  # type: ignore[type-arg]  # the first is of the role's policies, others of the resource's
    token = _asked.set(asked)
    try:
        denied = _enforce(*request, **more)
    finally:
        _asked.reset(token)
    if asked and asked[0].principal_type == "AssumedRole":
        role, action, resource = asked[0].principal_arn.split("/")[1], asked[0].action, asked[0].resource_arn
        line = json.dumps({"role": role, "action": action, "resource": resource, "allowed": denied is None})
        if denied or line not in _said:
            _said.add(line)
            print(f"permission: {line}", flush=True)  # noqa: T201 - its log
    return denied


if __name__ == "__main__":
    ministack.app = _serve_as_over_tls
    ministack._handle_execute_api_request = _call_api_by_its_raw_path
    apigateway_v1._invoke_mock_v1 = _mock_without_a_body
    apigateway_v1._invoke_authorizer_lambda = _ask_authorizer_and_keep_what_it_said
    apigateway_v1._evaluate_policy = _decide_and_recall
    apigateway_v1._gateway_error_response = _answer_error_with_what_the_authorizer_said
    iam_actions._ses_v2_resource_arn = _resource_or_sender
    sns._create_platform_endpoint = _create_endpoint_named_as_one
    iam_actions.extract_resource_arn = _schedule_in_its_group
    iam_actions.extract_iam_action = _action_of_one
    s3._get_object = _get_part_of_object
    cloudtrail.record_event = _record_by_name
    zipfile.ZipFile.extractall = _unpack_once  # type: ignore[assignment]
    lambda_svc._ESM_BACKOFF_SECONDS = 0.1
    lambda_runtime._PYTHON_WORKER_SCRIPT = _say_where_a_log_ends(lambda_runtime._PYTHON_WORKER_SCRIPT)
    lambda_runtime.Worker._read_stderr = _read_log
    lambda_runtime.Worker._drain_stderr_bounded = _log_of_the_invocation
    iam_evaluator._resolve_condition_key = _condition_value_of_role
    iam_evaluator.evaluate = _evaluate_and_keep_what_was_asked
    iam_evaluator.enforce = _enforce_and_say_so
    ministack.main()
