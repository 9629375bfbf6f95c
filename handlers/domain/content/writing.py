"""Whether what is to be sent can be written with the request's data and be sent, found out before it is accepted.

Everybody to whom the same version of a template goes gets the same, so each is tried once, however many they are.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from handlers.domain.channels import Channel
from handlers.domain.content import sizes, sms
from handlers.domain.content.links import SAMPLE_ID, SAMPLE_LINKS, Links
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import (
    Content,
    RenderedContent,
    TemplateError,
    digest_item,
    read_as_subtraction,
    render,
    required_variables,
)
from handlers.domain.content.templates import StoredTemplate
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.notifications.digests import digest_data
from handlers.domain.people.reach import Endpoint
from handlers.domain.problems import FieldError, InvalidRequest


@dataclass(frozen=True, slots=True)
class Trial:
    """What is known of the messages that a content is tried for: their size depends on it.

    `platforms` are those that they go to, or None alone where there are none. `links` lead nowhere and are as long as
    the real ones. `max_segments` is in how many parts a text message may go.
    """

    platforms: AbstractSet[str | None] = frozenset({None})
    category: str = ""
    priority: Priority = Priority.NORMAL
    expires_at: datetime | None = None
    links: Links = SAMPLE_LINKS
    max_segments: int = sms.MAX_SEGMENTS

    def message(self, content: RenderedContent, platform: str | None) -> Message:
        """Return a message such as will be sent to somebody."""
        return Message(
            endpoint=Endpoint("", platform),
            content=content,
            notification_id=SAMPLE_ID,
            delivery_id=SAMPLE_ID,
            category=self.category,
            priority=self.priority,
            expires_at=self.expires_at,
        )


NOTHING_KNOWN: Final = Trial()


def check_content(content: Content, channel: Channel, data: Mapping[str, Any], trial: Trial = NOTHING_KNOWN) -> None:
    """Raise `InvalidRequest` unless the request's own content can be sent on the channel: `content.<field>`."""
    try:
        sample(content, channel, data, trial)
    except TemplateError as error:
        raise InvalidRequest(
            f"The content cannot be sent by {channel}.",
            [FieldError(f"content.{fault.field}", str(fault)) for fault in error.faults],
        ) from None


def check_template(template: StoredTemplate, data: Mapping[str, Any], trial: Trial = NOTHING_KNOWN) -> None:
    """Raise `InvalidRequest` unless the template can be sent with the data: `template`, as its fields are not ours."""
    try:
        sample(template.content, template.channel, data, trial)
    except TemplateError as error:
        which = f"{template.name}/{template.channel}/{template.locale}"
        raise InvalidRequest(
            f"The template {which} cannot be sent with these data.",
            [FieldError("template", f"{which}: {fault}") for fault in error.faults],
        ) from None


def check_digest(digest: StoredTemplate, entry: Content, data: Mapping[str, Any], trial: Trial = NOTHING_KNOWN) -> None:
    """Raise `InvalidRequest` unless the digest's template can list an entry of this content and data: `category`."""
    which = f"{digest.name}/{digest.channel}/{digest.locale}"
    links = trial.links.variables(SAMPLE_ID, SAMPLE_ID)
    own = digest_data([]).keys() | links.keys()
    try:
        if missing := required_variables(digest.content, digest.channel) - own:
            names = ", ".join(sorted(missing))
            raise InvalidRequest.field("category", f"its digest's template {which} needs {names}, which no digest has")
        for platform in sorted(trial.platforms, key=str):
            rendered = render(entry, digest.channel, {**data, **links}, platform)
            listed = {**digest_data([digest_item(SAMPLE_ID, rendered, data, digest.channel, platform)]), **links}
            message = trial.message(render(digest.content, digest.channel, listed, platform), platform)
            sizes.check([message], digest.channel, trial.max_segments)
    except TemplateError as error:
        raise InvalidRequest(
            f"The template {which}, by which the category is gathered, cannot list this.",
            [FieldError("category", f"{which}: {fault}") for fault in error.faults],
        ) from None


def sample(
    content: Content, channel: Channel, data: Mapping[str, Any], trial: Trial = NOTHING_KNOWN
) -> RenderedContent:
    """Return what would be sent with these data, with links that lead nowhere; to several platforms, to one of them.

    Raises `InvalidRequest` for data that are missing, or have a name that the platform gives every message (`links`),
    and `TemplateError` for what cannot be rendered, is empty or is too long.
    """
    links = trial.links.variables(SAMPLE_ID, SAMPLE_ID)
    if reserved := links.keys() & data.keys():
        raise _refusal(reserved, "is a name that every message has of its own; give it another one")
    if missing := required_variables(content, channel) - data.keys() - links.keys():
        raise _missing(missing, read_as_subtraction(content, channel))
    messages = [
        trial.message(render(content, channel, {**data, **links}, platform), platform)
        for platform in sorted(trial.platforms, key=str)
    ]
    sizes.check(messages, channel, trial.max_segments)
    return messages[0].content


def _missing(names: AbstractSet[str], subtractions: Mapping[str, AbstractSet[str]]) -> InvalidRequest:
    """Return the refusal that names what is missing, a name with a dash as the source has it."""
    dashed = {path: parts for path, parts in subtractions.items() if parts & names}
    plain = names - frozenset().union(*dashed.values())
    errors = [
        *(FieldError(f"data.{name}", "is required") for name in sorted(plain)),
        *(FieldError(f"data.{path}", _A_SUBTRACTION) for path in sorted(dashed)),
    ]
    return InvalidRequest.fields(errors)


_A_SUBTRACTION: Final = "is read as a subtraction: a name in a template has letters, digits and underscores alone"


def _refusal(names: Iterable[str], why: str) -> InvalidRequest:
    return InvalidRequest.fields(FieldError(f"data.{name}", why) for name in sorted(names))
