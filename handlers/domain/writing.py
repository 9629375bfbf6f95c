"""Whether what is to be sent can be written with the request's data, found out before it is accepted.

Everybody to whom the same version of a template goes gets the same, so each is tried once, however many they are.
"""

from collections.abc import Mapping
from typing import Any

from handlers.domain.channels import Channel
from handlers.domain.problems import FieldError, InvalidRequest
from handlers.domain.rendering import Content, TemplateError, render, required_variables
from handlers.domain.templates import StoredTemplate


def check_content(content: Content, channel: Channel, data: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` unless the request's own content renders on the channel: `content.<field>`."""
    try:
        _check(content, channel, data)
    except TemplateError as error:
        raise InvalidRequest(
            f"The content cannot be sent by {channel}.",
            [FieldError(f"content.{fault.field}", str(fault)) for fault in error.faults],
        ) from None


def check_template(template: StoredTemplate, data: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` unless the template renders with the data: `template`, as its fields are not ours."""
    try:
        _check(template.content, template.channel, data)
    except TemplateError as error:
        which = f"{template.name}/{template.channel}/{template.locale}"
        raise InvalidRequest(
            f"The template {which} cannot be rendered with these data.",
            [FieldError("template", f"{which}: {fault}") for fault in error.faults],
        ) from None


def _check(content: Content, channel: Channel, data: Mapping[str, Any]) -> None:
    missing = sorted(required_variables(content, channel) - data.keys())
    if missing:
        raise InvalidRequest(
            f"The data lack what the message needs by {channel}.",
            [FieldError(f"data.{name}", "is needed and not there") for name in missing],
        )
    render(content, channel, data)
