"""What each channel and provider takes: whether a rendered message says anything, and whether it is too long.

One function, `check`, looks at a message before it is accepted, in a dry run, and before it is sent. What is measured
is what the adapters send, made by the functions that they make it with.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any, ClassVar, Final

from handlers.domain.channels import REGISTRY, Channel
from handlers.domain.content import sms
from handlers.domain.content.chat_payloads import discord_payload, slack_payload, teams_payload
from handlers.domain.content.links import Purpose
from handlers.domain.content.messages import Message
from handlers.domain.content.push_payloads import apns_payload, fcm_message
from handlers.domain.content.rendering import FIELDS, Fault, TemplateError
from handlers.domain.model import compact
from handlers.domain.notifications.deliveries import Reason


class UnsendableError(TemplateError):
    """A content that renders, and that no provider would take. `reason` is why its delivery ends."""

    reason: ClassVar[Reason]


class EmptyError(UnsendableError):
    """A field says nothing once rendered."""

    reason = Reason.MESSAGE_EMPTY


class TooLongError(UnsendableError):
    """A message is longer than its channel or provider takes."""

    reason = Reason.MESSAGE_TOO_LONG


@dataclass(frozen=True, slots=True)
class Limit:
    """The most of something that is taken, on a channel as a whole or on one platform of it.

    `taker` completes "is too long for …"; `size` is counted in `unit`s.
    """

    channel: Channel
    platform: str | None
    taker: str
    most: int
    unit: str
    size: Callable[[Message], int]


def _bytes(document: Any) -> int:
    return len(compact(document).encode())


def _body_in_utf16(message: Message) -> int:
    return len(message.content.body.encode("utf-16-le")) // 2


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
"""Seen from here, a message for FCM has the longest time to live that it can have."""

LIMITS: Final = (
    # A line of a mail, in octets where it is UTF-8: RFC 5322 2.1.1, RFC 6532 3.4. The mail as a whole (SES 40 MB,
    # SendGrid 30 MB) cannot be reached by fields of 256 KB.
    Limit("email", None, "the subject of a mail", 998, "bytes", lambda m: len((m.content.subject or "").encode())),
    # The body of the request, which does not have the token:
    # https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
    Limit("push", "apns", "APNs", 4096, "bytes of payload", lambda m: _bytes(apns_payload(m))),
    # The message without its token: https://firebase.google.com/docs/cloud-messaging/concept-options. FCM may count
    # less of it, as what is meant for another kind of device.
    Limit("push", "fcm", "FCM", 4096, "bytes of payload", lambda m: _bytes(fcm_message(m, _LONG_AGO))),
    # Escaped, as it is sent: https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages
    Limit("chat", "slack", "Slack", 40_000, "characters", lambda m: len(slack_payload(m.content.body)["text"])),
    # The body of the request:
    # https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
    Limit("chat", "teams", "Teams", 28 * 1024, "bytes of payload", lambda m: _bytes(teams_payload(m.content.body))),
    # Code points, an emoji being one: https://discord.com/developers/docs/resources/webhook#execute-webhook and
    # https://github.com/discord/discord-api-docs/issues/1315
    Limit("chat", "discord", "Discord", 2000, "characters", lambda m: len(discord_payload(m.content.body)["content"])),
    # A webhook of somebody's own takes what they like; each field has its 256 KB.
    *(
        Limit(channel, None, each.title, each.max_characters, "characters", _body_in_utf16)
        for channel, each in REGISTRY.items()
        if each.max_characters is not None
    ),
)


def check(messages: Sequence[Message], channel: Channel, max_segments: int) -> None:
    """Raise `EmptyError` or `TooLongError` for messages that no provider takes, or that their readers would not see.

    They are told all at once, each once. `max_segments` is in how many parts a text message may go. Without a platform
    in its endpoint, a message is measured by what holds for all of its channel.
    """
    if empty := dict.fromkeys(fault for each in messages for fault in _empty(each, channel)):
        raise EmptyError(*empty)
    if too_long := dict.fromkeys(fault for each in messages for fault in _too_long(each, channel, max_segments)):
        raise TooLongError(*too_long)


def _empty(message: Message, channel: Channel) -> Iterator[Fault]:
    """Yield the fields that there are and that say nothing.

    A mail of pictures alone has nothing to say in plain text; in any other, whoever reads that would get nothing.
    """
    content, is_html = message.content, REGISTRY[channel].is_html
    for field in FIELDS[channel]:
        text = getattr(content, field)
        if is_html and field == "body" and not shows_something(text):
            yield Fault(field, "is empty once rendered: it shows neither text nor an image")
        elif text is None or (is_html and field == "text" and is_blank(_text_of(content.body))):
            continue
        elif is_blank(text):
            yield Fault(field, "is empty once rendered")


def _too_long(message: Message, channel: Channel, max_segments: int) -> Iterator[Fault]:
    for limit in LIMITS:
        if limit.channel == channel and limit.platform in (None, message.endpoint.platform):
            size = limit.size(message)
            if size > limit.most:
                text = f"is too long for {limit.taker} once rendered: {size:,} {limit.unit}, of at most {limit.most:,}"
                yield Fault(_longest_field(message, channel), text)
    if REGISTRY[channel].in_segments and (segments := sms.segments(message.content.body)) > max_segments:
        text = f"is too long once rendered: it would go in {segments} text messages, of at most {max_segments}"
        yield Fault("body", text)


def _longest_field(message: Message, channel: Channel) -> str:
    """Return which field to shorten: of HTML the only one that is measured, else whichever takes most."""
    if REGISTRY[channel].is_html:
        return "subject"
    return "subject" if len(message.content.subject or "") > len(message.content.body) else "body"


# -- what a reader sees ------------------------------------------------------------------------------------------------

_UNSEEN: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
"""White space, controls, and what only says how its neighbours are written: a zero-width space, a byte order mark."""

# By patterns, each of which reads on from where it stopped, and not by an HTML parser: a parser may take time that
# grows with the square of what a producer sends, and here it is asked no more than whether there is anything at all.
_HIDDEN: Final = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script|title|template)\b.*?(?:</\1\s*>|\Z)", re.I | re.S)
_TAG: Final = re.compile(r"<[a-z/!?][^<>]*>?", re.I)
_PICTURE: Final = re.compile(r"<(?:img|svg|video|object)\b[^<>]*", re.I)
_PIXEL: Final = re.compile(rf"\b(?:width|height)\s*[=:]\s*[\"']?[01](?:px)?(?![\w.%])|{re.escape(Purpose.OPEN)}", re.I)
"""What shows that a mail was opened, and nothing to its reader."""


def is_blank(text: str) -> bool:
    """Say whether a reader of plain text would see nothing."""
    return all(unicodedata.category(character) in _UNSEEN for character in text)


def shows_something(html: str) -> bool:
    """Say whether a reader of HTML would see anything: text outside of styles and comments, or an image.

    An image of one pixel, in width or height, and the one by which an opening is told are none.
    """
    if not is_blank(_text_of(html)):
        return True
    pictures = _PICTURE.findall(_HIDDEN.sub("", html))
    return any(not _PIXEL.search(picture) for picture in pictures)


def _text_of(html: str) -> str:
    return unescape(_TAG.sub("", _HIDDEN.sub("", html)))
