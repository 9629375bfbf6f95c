"""SendGrid, as its own library sees it."""

import json
from typing import Any

import pytest
from python_http_client.exceptions import BadRequestsError, TooManyRequestsError, UnauthorizedError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from local.sandbox.credentials import Credentials
from local.sandbox.providers.http import Accepted, Call
from local.sandbox.providers.sendgrid import SendGrid
from tests.local.sandbox.providers import calls
from tests.local.support import Sandbox


def client(sandbox: Sandbox, key: str | None = None) -> Any:
    made = SendGridAPIClient(key or sandbox.credentials.sendgrid.api_key, host=sandbox.url)
    made.client.request_headers["Host"] = "api.sendgrid.com"
    return made


MAIL = Mail("no-reply@example.com", "ada@example.com", "A subject", "plain", "<p>rich</p>")


def test_sendgrids_own_library_sends(sandbox: Sandbox) -> None:
    answer = client(sandbox).send(MAIL)
    assert (answer.status_code, answer.body) == (202, b"")
    assert answer.headers["X-Message-Id"]
    kept = sandbox.last()
    assert (kept["channel"], kept["to"], kept["subject"], kept["body"]) == (
        "email",
        "ada@example.com",
        "A subject",
        "<p>rich</p>",
    )


def test_sendgrids_own_library_understands_the_errors(sandbox: Sandbox) -> None:
    with pytest.raises(UnauthorizedError):
        client(sandbox, "SG.wrong").send(MAIL)
    for mode, expected in (("throttle", TooManyRequestsError), ("reject", BadRequestsError)):
        with sandbox.fault(mode, provider="sendgrid"), pytest.raises(expected) as failed:
            client(sandbox).send(MAIL)
        assert failed.value.to_dict["errors"]


def test_sendgrid_takes_30_mb() -> None:
    known = Credentials.generate()
    body = json.dumps(calls.MAIL).encode()
    headers = {"authorization": f"Bearer {known.sendgrid.api_key}", "content-type": "application/json"}

    def answer(size: int) -> Accepted | Response:
        padded = body + b" " * (size - len(body))
        where = ("POST", "api.sendgrid.com", "/v3/mail/send")
        return SendGrid(known).answer(Call(*where, QueryParams(), Headers(headers), padded, "peer"))

    assert isinstance(answer(30 * 1024 * 1024), Accepted)
    refused = answer(30 * 1024 * 1024 + 1)
    assert isinstance(refused, Response)
    assert refused.status_code == 413


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": [{"email": "ada"}]}]}, "personalizations.0.to.0.email"),
        ({"from": {}}, "from.email"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"colour": "red"}, "colour"),
        ({"categories": ["x"] * 11}, "categories"),
        ({"custom_args": {"count": 1}}, "custom_args.count"),
        ({"subject": ""}, "subject"),
        ({"headers": {"Reply-To": "x@example.com"}}, None),
        ({"content": list(reversed(calls.MAIL["content"]))}, None),  # type: ignore[call-overload]
    ],
)
def test_sendgrid_refuses_what_its_schema_does_not_have(
    sandbox: Sandbox, changed: dict[str, Any], field: str | None
) -> None:
    answer = calls.sendgrid(sandbox, mail={**calls.MAIL, **changed})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
