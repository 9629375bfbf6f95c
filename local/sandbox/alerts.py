"""The alert topic, as the page shows it: what is published passes through here on its way to the emulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.sandbox.messages import rfc3339
from local.sandbox.providers.aws import AwsRequest
from local.sandbox.providers.sns import attributes

_SAID = frozenset({"channel", "cause", "state", "since"})
"""The attributes of every notice (`handlers.adapters.aws.alert_topic`)."""


@dataclass(frozen=True)
class Notice:
    """One notice as SNS took it; `told` are its attributes."""

    subject: str
    text: str
    told: Mapping[str, str]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        """The entry of `GET /api/alerts`."""
        return {"subject": self.subject, "text": self.text, "at": rfc3339(self.at), **self.told}


@dataclass
class Alert:
    """One trouble of one channel and cause, from its first notice on, with all its notices, oldest first."""

    notices: list[Notice]

    @property
    def last(self) -> Notice:
        """The newest notice, which says how it stands."""
        return self.notices[-1]

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.last.told.get("state") == "over"


def notice_of(request: AwsRequest) -> Notice | None:
    """Return what a call publishes of an alert to a topic; None when it does something else.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    query = request.query
    if query.get("Action") != "Publish" or "TopicArn" not in query:
        return None
    told = attributes(query)
    return Notice(query.get("Subject", ""), query.get("Message", ""), told) if told.keys() >= _SAID else None


def grouped(notices: list[Notice]) -> list[Alert]:
    """Return the alerts that the notices are of, the newest first: one for each channel, cause and beginning."""
    alerts: dict[tuple[str, ...], Alert] = {}
    for notice in notices:
        key = tuple(notice.told.get(name, "") for name in ("channel", "cause", "since"))
        alerts.setdefault(key, Alert([])).notices.append(notice)
    return sorted(alerts.values(), key=lambda each: (not each.is_over, each.last.at), reverse=True)
