"""Twilio's Programmable Messaging.

Source: https://www.twilio.com/docs/messaging/api/message-resource and, for the errors,
https://www.twilio.com/docs/api/errors. The numbers that always fail are Twilio's own magic ones:
https://www.twilio.com/docs/iam/test-credentials#test-sms-messages
"""

import base64
import binascii
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call
from local.sandbox.providers.sns import utf16_units

_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
_MAX_CHARACTERS: Final = 1600
_MAGIC: Final = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: +15005550001"),
    "+15005550002": (21612, "The 'To' phone number +15005550002 is not currently reachable using this 'From' number"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of +15005550003"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number +15005550009 is not a valid mobile number"),
}


class Twilio:
    """The second provider of SMS."""

    name = "twilio"
    hosts = ("api.twilio.com",)

    def __init__(self, credentials: Credentials) -> None:
        self._account = credentials.twilio

    def answer(self, call: Call) -> Accepted | Response:
        """Take one message to one number."""
        if not self._is_authentic(call.headers.get("authorization", "")):
            return _error(401, 20003, "Authenticate")
        path = f"/2010-04-01/Accounts/{self._account.account_sid}/Messages.json"
        if call.path != path:
            return _error(404, 20404, f"The requested resource {call.path} was not found")
        if call.method != "POST":
            return _error(405, 20004, "Method not allowed")
        form = call.form
        return self._refusal(form) or self._accept(call, form)

    def failure(self, mode: Mode) -> Response:
        """Twilio's codes for each fault."""
        return {
            "outage": lambda: _error(503, 20503, "Service Unavailable"),
            "throttle": lambda: _error(429, 20429, "Too Many Requests", {"Retry-After": str(THROTTLED_SECONDS)}),
            "reject": lambda: _error(400, 21610, "Attempt to send to unsubscribed recipient"),
        }[mode]()

    def _is_authentic(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        expected = f"{self._account.account_sid}:{self._account.auth_token}".encode()
        return scheme == "Basic" and secrets.compare_digest(given, expected)

    def _refusal(self, form: dict[str, str]) -> Response | None:
        to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
        service = form.get("MessagingServiceSid")
        checks = (
            (bool(to), 21604, "A 'To' phone number is required."),
            (bool(sender or service), 21603, "A 'From' phone number is required."),
            (bool(body) or not service, 21619, "A text message body or media urls must be specified."),
            (bool(body), 21602, "Message body is required."),
            (bool(_E164.fullmatch(to)), 21211, f"Invalid 'To' Phone Number: {to}"),
            (to not in _MAGIC, *_MAGIC.get(to, (0, ""))),
            (
                not sender or sender == self._account.sender,
                21606,
                f"The 'From' phone number provided ({sender}) is not a valid message-capable Twilio phone number.",
            ),
            (
                utf16_units(body) <= _MAX_CHARACTERS,
                21617,
                f"The concatenated message body exceeds the {_MAX_CHARACTERS} character limit",
            ),
        )
        return next((_error(400, code, text) for holds, code, text in checks if not holds), None)

    def _accept(self, call: Call, form: dict[str, str]) -> Accepted:
        sid = f"SM{secrets.token_hex(16)}"
        told = [(name, value) for name, value in form.items() if name not in {"To", "Body"}]
        kept = Message(
            channel="sms",
            provider=self.name,
            to=form["To"],
            body=form["Body"],
            details=(("Message SID", sid), *told),
            **call.ids,
        )
        return Accepted(kept, JSONResponse(self._resource(sid, form), 201))

    def _resource(self, sid: str, form: dict[str, str]) -> dict[str, Any]:
        """The Message resource of one that is queued."""
        account, now = self._account.account_sid, format_datetime(datetime.now(UTC))
        uri = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
        return {
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": form["Body"],
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "queued",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": form["To"],
            "uri": f"{uri}.json",
        }


def _error(status: int, code: int, text: str, headers: dict[str, str] | None = None) -> Response:
    body = {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return JSONResponse(body, status, headers=headers)
