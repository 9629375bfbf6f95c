"""What a stored template is called and where it is kept."""

from dataclasses import dataclass
from typing import Annotated, Final

from handlers.domain.channels import Channel
from handlers.domain.content.rendering import Content
from handlers.domain.model import Form

TemplateName = Annotated[
    str,
    Form(
        r"[a-z0-9][a-z0-9_-]{0,63}",
        "must be the name of a template: a lower-case letter or digit, then up to 63 of these, _ and -",
    ),
]
"""The name by which a notification asks for a template; the same in all channels and languages."""

SUFFIX: Final = ".j2"


class TemplateGoneError(Exception):
    """The version of a template that was asked for is stored no longer: it will never be read again."""


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """One version of a template: `key` and `version_id` are S3's and stay valid whatever is stored later."""

    name: str
    channel: Channel
    locale: str
    key: str
    version_id: str
    content: Content


def folder(name: str, channel: Channel) -> str:
    """Return the prefix under which a template's languages lie, with its final slash."""
    return f"templates/{name}/{channel}/"


def key(name: str, channel: Channel, locale: str) -> str:
    """Return the key of the template in one language."""
    return f"{folder(name, channel)}{locale}{SUFFIX}"


def name_in(key: str) -> str | None:
    """Return the name of the template that has this key, None for what is no template's key."""
    parts = key.split("/")
    return parts[1] if len(parts) == 4 and parts[0] == "templates" else None
