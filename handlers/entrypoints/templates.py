"""`/v1/templates/{name}/{channel}/{locale}`: what is sent, in each language."""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from handlers.adapters.aws import clients
from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.adapters.aws.template_index import DynamoTemplateIndex
from handlers.adapters.aws.templates import S3TemplateStore
from handlers.config import TemplatesSettings
from handlers.domain.channels import REGISTRY, Channel
from handlers.domain.content.links import sample_links
from handlers.domain.content.rendering import (
    FIELDS,
    Content,
    RenderedContent,
    TemplateError,
    check,
    ignored_fields,
    with_text_part,
)
from handlers.domain.content.templates import StoredTemplate, TemplateName
from handlers.domain.content.writing import Trial, sample
from handlers.domain.model import Model
from handlers.domain.people.locales import LocaleOrDefault
from handlers.domain.problems import FieldError, InvalidRequest, NotFound, ScopeNotGranted
from handlers.entrypoints.http import Decoded, caller, create_app, lambda_handler

settings = TemplatesSettings.read()
dynamodb = clients.dynamodb()
app = create_app(rates=DynamoAppRates(settings.limits_table, lambda: dynamodb))
index = DynamoTemplateIndex(settings.templates_table, dynamodb, partial(datetime.now, UTC))
store = S3TemplateStore(settings.template_bucket, clients.s3(), index)
trial = Trial(links=sample_links(settings.sample_url), max_segments=settings.sms_max_segments)

Name = Annotated[TemplateName, Decoded, Path(description="The name by which notifications ask for it")]
Sent = Annotated[Channel, Decoded, Path(description="The channel it is sent on")]
Language = Annotated[LocaleOrDefault, Decoded, Path(description="A language tag, or `default`")]


class Template(Content):
    """A template as it is answered: its current version."""

    name: TemplateName
    channel: Channel
    locale: LocaleOrDefault
    version_id: str


class GivenTemplate(Content):
    """A template as it is sent, which may be just as it was answered; what the path says has to be the same there."""

    name: TemplateName = Field(default="", exclude=True, description="Read-only: the same as in the path")
    channel: Channel | None = Field(default=None, exclude=True, description="Read-only: the same as in the path")
    locale: LocaleOrDefault = Field(default="", exclude=True, description="Read-only: the same as in the path")
    version_id: str = Field(default="", exclude=True, description="Read-only: the current version's")


class PreviewRequest(Model):
    """The data to render a template with."""

    data: dict[str, Any] = Field(default_factory=dict)


@app.get("/v1/templates/<name>/<channel>/<locale>", operation_id="getTemplate", summary="Get a template")
def read(name: Name, channel: Sent, locale: Language) -> Template:
    """Return the template in exactly this language; 404 when there is none."""
    return _answer(_stored(name, channel, locale))


@app.put("/v1/templates/<name>/<channel>/<locale>", operation_id="putTemplate", summary="Store a template")
def replace(name: Name, channel: Sent, locale: Language, content: GivenTemplate) -> Response[Template]:
    """Store a version that is used from now on: 201 when it is the first in this language, else 200.

    Deliveries that were accepted before keep the version they were accepted with.
    """
    if not caller(app).may_use(channel):
        raise ScopeNotGranted(f"The app may not use {channel}.")
    _refuse_another(name, channel, locale, content)
    _refuse_what_cannot_be_sent(content, channel)
    stored, is_new = store.put(name, channel, locale, content)
    return Response(
        status_code=HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        content_type=content_types.APPLICATION_JSON,
        body=_answer(stored),
    )


@app.post(
    "/v1/templates/<name>/<channel>/<locale>/preview",
    operation_id="previewTemplate",
    summary="See what would be sent",
)
def preview(name: Name, channel: Sent, locale: Language, request: PreviewRequest) -> RenderedContent:
    """Return what would be sent with these data, links that lead nowhere in place of real ones; nothing is sent."""
    content = _stored(name, channel, locale).content
    try:
        rendered = sample(content, channel, request.data, trial)
        return with_text_part(rendered) if REGISTRY[channel].is_html else rendered
    except TemplateError as error:
        raise _refused(error) from None


def _refuse_another(name: str, channel: Channel, locale: str, given: GivenTemplate) -> None:
    """Raise `InvalidRequest` for read-only fields that are given and differ; one call more if a version is given."""
    in_path = {"name": name, "channel": channel, "locale": locale}
    differing = [
        FieldError(field, "must be the same as in the path")
        for field, value in in_path.items()
        if getattr(given, field) not in ("", None, value)
    ]
    if given.version_id:
        stored = store.get(name, channel, locale)
        if stored is None or stored.version_id != given.version_id:
            differing.append(FieldError("version_id", "is not the current version: get the template and change that"))
    if differing:
        raise InvalidRequest.fields(differing)


def _stored(name: str, channel: Channel, locale: str) -> StoredTemplate:
    stored = store.get(name, channel, locale)
    if stored is None:
        raise NotFound("There is no such template for this channel in this language.")
    return stored


def _answer(stored: StoredTemplate) -> Template:
    return Template(
        name=stored.name,
        channel=stored.channel,
        locale=stored.locale,
        version_id=stored.version_id,
        **stored.content.model_dump(),
    )


def _refuse_what_cannot_be_sent(content: Content, channel: Channel) -> None:
    if ignored := ignored_fields(content, channel):
        sent = " and ".join(FIELDS[channel])
        raise InvalidRequest.fields(
            FieldError(field, f"is not sent on this channel, which has {sent}") for field in ignored
        )
    try:
        check(content, channel)
    except TemplateError as error:
        raise _refused(error) from None


def _refused(error: TemplateError) -> InvalidRequest:
    return InvalidRequest.fields(
        FieldError(fault.field, fault.message if fault.line is None else f"line {fault.line}: {fault.message}")
        for fault in error.faults
    )


handler = lambda_handler(app)
