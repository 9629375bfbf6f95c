"""Runs MiniStack for `local.emulator`, by the interpreter of the emulator's environment, which has nothing of ours.

What it denies a role is said in its log, one line for each call: who asks why something does not work finds it there.

Some of its differences from AWS are mended here. Two because the API could not be tried otherwise:

- A REST API hands on the path as it was sent, percent-encoded, so `%2F` ends no segment
  (https://github.com/middleapi/standard-server/pull/93); MiniStack decodes it first.
- A mock's answer without a body has none; MiniStack makes it `{}`, which a 204 cannot have.

And five because the program's own policies could not be enforced otherwise:

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
"""

import json
from email.utils import parseaddr

from ministack import app as ministack  # type: ignore[import-not-found]  # it is in that environment only
from ministack.core import iam_actions  # type: ignore[import-not-found]
from ministack.services import apigateway_v1, ses_v2, sns  # type: ignore[import-not-found]

_serve = ministack.app
_call_api = ministack._handle_execute_api_request
_mock = apigateway_v1._invoke_mock_v1
_resource = iam_actions._ses_v2_resource_arn
_create_endpoint = sns._create_platform_endpoint
_resource_of_any_service = iam_actions.extract_resource_arn
_action = iam_actions.extract_iam_action
_deny = iam_actions.access_denied_response


async def _serve_as_over_tls(scope, receive, send):  # type: ignore[no-untyped-def]  # there is no ASGI type library here
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await _serve(scope, receive, send)


async def _call_api_by_its_raw_path(host, path, *request, raw_path=None, **more):  # type: ignore[no-untyped-def]
    return await _call_api(host, raw_path or path, *request, raw_path=raw_path, **more)


def _mock_without_a_body(integration):  # type: ignore[no-untyped-def]  # as MiniStack has it
    status, headers, body = _mock(integration)
    return status, headers, b"" if status == 204 else body


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


def _deny_and_say_so(service, action, principal, request_id, **more):  # type: ignore[no-untyped-def]  # as MiniStack has it
    message = iam_actions.identity_denial_message(action, principal, more.get("resource_arn", "*"), False)
    print(f"denied: {message}", flush=True)  # noqa: T201 - its log
    return _deny(service, action, principal, request_id, **more)


if __name__ == "__main__":
    ministack.app = _serve_as_over_tls
    ministack._handle_execute_api_request = _call_api_by_its_raw_path
    apigateway_v1._invoke_mock_v1 = _mock_without_a_body
    iam_actions._ses_v2_resource_arn = _resource_or_sender
    sns._create_platform_endpoint = _create_endpoint_named_as_one
    iam_actions.extract_resource_arn = _schedule_in_its_group
    iam_actions.extract_iam_action = _action_of_one
    iam_actions.access_denied_response = _deny_and_say_so
    ministack.main()
