"""Whether what is to be sent can be written with the request's data, found out before it is accepted.

Everybody to whom the same version of a template goes gets the same, so each is tried once, however many they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handlers.domain.channels import Channel
from handlers.domain.content.links import SAMPLE
from handlers.domain.content.rendering import Content, RenderedContent, TemplateError, render, required_variables
from handlers.domain.content.templates import StoredTemplate
from handlers.domain.problems import FieldError, InvalidRequest


def check_content(content: Content, channel: Channel, data: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` unless the request's own content renders on the channel: `content.<field>`."""
    try:
        sample(content, channel, data)
    except TemplateError as error:
        raise InvalidRequest(
            f"The content cannot be sent by {channel}.",
            [FieldError(f"content.{fault.field}", str(fault)) for fault in error.faults],
        ) from None


def check_template(template: StoredTemplate, data: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` unless the template renders with the data: `template`, as its fields are not ours."""
    try:
        sample(template.content, template.channel, data)
    except TemplateError as error:
        which = f"{template.name}/{template.channel}/{template.locale}"
        raise InvalidRequest(
            f"The template {which} cannot be rendered with these data.",
            [FieldError("template", f"{which}: {fault}") for fault in error.faults],
        ) from None


def sample(content: Content, channel: Channel, data: Mapping[str, Any]) -> RenderedContent:
    """Return what would be sent with these data, with links that lead nowhere.

    Raises `InvalidRequest` for data that are missing, or have a name that the platform gives every message (`links`),
    and `TemplateError` for what cannot be rendered.
    """
    if reserved := SAMPLE.keys() & data.keys():
        raise _refusal(reserved, "is a name that every message has of its own; give it another one")
    if missing := required_variables(content, channel) - data.keys() - SAMPLE.keys():
        raise _refusal(missing, "is required")
    return render(content, channel, {**data, **SAMPLE})


def _refusal(names: Iterable[str], why: str) -> InvalidRequest:
    errors = [FieldError(f"data.{name}", why) for name in sorted(names)]
    return InvalidRequest("; ".join(f"{each.field}: {each.message}" for each in errors[:3]), errors)
