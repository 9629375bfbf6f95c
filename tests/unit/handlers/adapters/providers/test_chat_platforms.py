"""Slack, Teams and Discord: what they are sent, as their own libraries would send it, and what their answers mean."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import discord
import pytest
import requests
from microsoft_teams.cards import AdaptiveCard, TextBlock
from slack_sdk.webhook import WebhookClient

from handlers.adapters import providers
from handlers.adapters.providers.discord import DiscordProvider
from handlers.adapters.providers.slack import SlackProvider
from handlers.adapters.providers.teams import TeamsProvider
from handlers.adapters.providers.urls import UrlClient
from handlers.domain.providers.errors import (
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.domain.providers.registry import of_channel
from handlers.ports import Provider
from tests.unit.handlers.adapters.providers.chat import message, url_client
from tests.unit.handlers.adapters.providers.webserver import Answer, Request, WebServer, says, serving

SLACK = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
TEAMS = (
    "https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc"
)
DISCORD = "https://discord.com/api/webhooks/223704706495545344/3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe28a41f8b2f777c372ba2939e72279b94526ff5d1bd4358d65cf11"

Platform = tuple[Callable[[UrlClient], Provider], str]
PLATFORMS: list[Platform] = [(SlackProvider, SLACK), (TeamsProvider, TEAMS), (DiscordProvider, DISCORD)]


@contextmanager
def platform(answer: Answer, create: Callable[[UrlClient], Provider]) -> Iterator[tuple[WebServer, Provider]]:
    with serving(answer) as server:
        yield server, create(url_client(server.port))


def sent(create: Callable[[UrlClient], Provider], url: str, body: str, answer: Answer) -> tuple[Request, str]:
    with platform(answer, create) as (server, provider):
        message_id = provider.send(message(url, body))
    [request] = server.received
    return request, message_id


def refused(create: Callable[[UrlClient], Provider], url: str, answer: Answer) -> ProviderError:
    with platform(answer, create) as (_, provider), pytest.raises(ProviderError) as error:
        provider.send(message(url, "secret words"))
    assert "secret" not in error.value.code
    return error.value


def told(status: int, document: Any) -> Answer:
    return says(status, json.dumps(document).encode(), Content_Type="application/json")


# -- Slack -------------------------------------------------------------------------------------------------------------


def test_slack_is_sent_what_its_own_client_sends() -> None:
    ours, message_id = sent(SlackProvider, SLACK, "*Grüße*, Ada", says(200, b"ok", x_slack_req_id="req-1"))
    with serving(says(200, b"ok")) as server:
        WebhookClient(f"http://localhost:{server.port}{ours.path}").send(text="*Grüße*, Ada")
    [theirs] = server.received
    assert json.loads(ours.body) == json.loads(theirs.body)
    assert ours.headers["content-type"].partition(";")[0] == theirs.headers["content-type"].partition(";")[0]
    assert (ours.headers["host"], message_id) == ("hooks.slack.com", "req-1")


def test_slack_is_sent_the_text_as_it_was_rendered() -> None:
    """Values were escaped then, and what the author wrote is formatting."""
    text = "<https://shop.example|Your order>, &lt;!channel&gt; &amp; 1 &gt; 0"
    ours, _ = sent(SlackProvider, SLACK, text, says(200, b"ok"))
    assert json.loads(ours.body)["text"] == text


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (404, b"no_service", EndpointGoneError, "no_service"),
        (404, b"channel_not_found", EndpointGoneError, "channel_not_found"),
        (410, b"channel_is_archived", RecipientRefusedError, "channel_is_archived"),
        (403, b"invalid_token", RecipientRefusedError, "invalid_token"),
        (403, b"action_prohibited", RecipientRefusedError, "action_prohibited"),
        (400, b"user_not_found", EndpointGoneError, "user_not_found"),
        (404, b"<html>who@example.com</html>", EndpointGoneError, "404"),
        (400, b"invalid_payload", MessageRefusedError, "invalid_payload"),
        (400, b"no_text", MessageRefusedError, "no_text"),
        (429, b"rate_limited", ThrottledError, "rate_limited"),
        (500, b"rollup_error", UnavailableError, "500"),
        (503, b"", UnavailableError, "503"),
    ],
)
def test_each_answer_of_slack_means_something(status: int, body: bytes, kind: type[ProviderError], code: str) -> None:
    error = refused(SlackProvider, SLACK, says(status, body))
    assert (type(error), error.code) == (kind, code)


# -- Teams -------------------------------------------------------------------------------------------------------------


def test_teams_is_sent_an_adaptive_card_as_its_own_library_has_it() -> None:
    ours, message_id = sent(TeamsProvider, TEAMS, "Grüße, *Ada*", says(202, x_ms_workflow_run_id="run-1"))
    document = json.loads(ours.body)
    [attachment] = document["attachments"]
    theirs = AdaptiveCard(version="1.2", body=[TextBlock(text="Grüße, *Ada*", wrap=True)])
    schema = "http://adaptivecards.io/schemas/adaptive-card.json"
    assert attachment["content"] == {"$schema": schema, **theirs.model_dump(by_alias=True, exclude_none=True)}
    assert (document["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert ours.path.endswith("?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc")
    assert message_id == "run-1"


def _flow(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": "of who@example.com"}}).encode()


def _connector(status: str) -> bytes:
    return f"Webhook message delivery failed with error: Microsoft Teams endpoint returned {status}..".encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (404, _flow("WorkflowNotFound"), EndpointGoneError, "WorkflowNotFound"),
        (401, _flow("DirectApiAuthorizationRequired"), RecipientRefusedError, "DirectApiAuthorizationRequired"),
        (400, _flow("WorkflowTriggerIsNotEnabled"), RecipientRefusedError, "WorkflowTriggerIsNotEnabled"),
        (410, b"", EndpointGoneError, "410"),
        (400, _flow("TriggerInputSchemaMismatch"), MessageRefusedError, "TriggerInputSchemaMismatch"),
        (400, _flow("not a code: who@example.com"), MessageRefusedError, "400"),
        (400, b'{"error": "x"}', MessageRefusedError, "400"),
        (413, b"", MessageRefusedError, "413"),
        (429, _flow("TooManyRequests"), ThrottledError, "TooManyRequests"),
        (408, b"", UnavailableError, "408"),
        (502, _flow("NoResponse"), UnavailableError, "502"),
        (200, _connector("HTTP error 429 with ContextId tcid=0"), ThrottledError, "429"),
        (200, _connector("HTTP error 413 with ContextId tcid=4"), MessageRefusedError, "413"),
        (200, _connector("HTTP error 404 with ContextId tcid=4"), RecipientRefusedError, "404"),
        (200, _connector("HTTP error 500 with ContextId tcid=4"), UnavailableError, "500"),
        (200, _connector("nothing"), UnavailableError, "connector_failed"),
    ],
)
def test_each_answer_of_teams_means_something(status: int, body: bytes, kind: type[ProviderError], code: str) -> None:
    error = refused(TeamsProvider, TEAMS, says(status, body))
    assert (type(error), error.code) == (kind, code)


def test_a_workflow_that_fails_tells_nothing_of_others() -> None:
    assert refused(TeamsProvider, TEAMS, says(502)).of_endpoint


def test_a_connector_that_says_1_has_accepted() -> None:
    assert sent(TeamsProvider, TEAMS, "hello", says(200, b"1", request_id="r-1"))[1] == "r-1"


# -- Discord -----------------------------------------------------------------------------------------------------------


class ToLoopback(requests.Session):
    """A session of discord.py's transport whose requests all go to a server on loopback."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        local = str(url).replace("https://discord.com", f"http://localhost:{self._port}")
        return super().request(method, local, *args, **kwargs)


MADE = {"id": "1100000000000000000", "type": 0, "content": "", "channel_id": "1", "timestamp": "2026-01-01T00:00:00Z"}


def test_discord_is_sent_what_the_library_discord_py_sends() -> None:
    ours, message_id = sent(DiscordProvider, DISCORD, "**Grüße**, Ada", told(200, MADE))
    with serving(says(204)) as server, ToLoopback(server.port) as session:
        webhook = discord.SyncWebhook.from_url(DISCORD, session=session)
        webhook.send("**Grüße**, Ada", allowed_mentions=discord.AllowedMentions.none())
    [theirs] = server.received
    assert {**json.loads(ours.body), "tts": False} == json.loads(theirs.body)
    assert ours.path.partition("?")[0].removeprefix("/api") == theirs.path.partition("?")[0].removeprefix("/api/v10")
    assert ours.headers["content-type"] == theirs.headers["content-type"].partition(";")[0] == "application/json"
    assert message_id == MADE["id"]


@pytest.mark.parametrize(("query", "asked"), [("", "?wait=true"), ("?thread_id=7", "?thread_id=7&wait=true")])
def test_discord_is_asked_to_wait_and_a_thread_stays_in_the_url(query: str, asked: str) -> None:
    ours, _ = sent(DiscordProvider, DISCORD + query, "hello", told(200, MADE))
    assert ours.path.endswith(asked)


def test_discord_may_call_nobody() -> None:
    ours, _ = sent(DiscordProvider, DISCORD, "@everyone", told(200, MADE))
    assert json.loads(ours.body)["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(
    ("status", "document", "kind", "code"),
    [
        (404, {"message": "Unknown Webhook", "code": 10015}, EndpointGoneError, "10015"),
        (401, {"message": "Invalid Webhook Token", "code": 50027}, RecipientRefusedError, "50027"),
        (403, {"message": "Missing Access", "code": 50001}, RecipientRefusedError, "50001"),
        (400, {"message": "Webhooks posted to forum channels…", "code": 220001}, RecipientRefusedError, "220001"),
        (400, {"message": "Invalid Form Body", "code": 50035}, MessageRefusedError, "50035"),
        (400, {"message": "Cannot send an empty message", "code": 50006}, MessageRefusedError, "50006"),
        (400, {"code": "who@example.com"}, MessageRefusedError, "400"),
        (413, ["not an object"], MessageRefusedError, "413"),
        (500, {"message": "500: Internal Server Error", "code": 0}, UnavailableError, "500"),
    ],
)
def test_each_answer_of_discord_means_something(
    status: int, document: Any, kind: type[ProviderError], code: str
) -> None:
    error = refused(DiscordProvider, DISCORD, told(status, document))
    assert (type(error), error.code) == (kind, code)


def test_discord_says_when_to_come_back() -> None:
    body = json.dumps({"message": "You are being rate limited.", "retry_after": 64.57, "global": False}).encode()
    error = refused(DiscordProvider, DISCORD, says(429, body, Retry_After="65"))
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 65


# -- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("create", "url"), PLATFORMS)
def test_a_platform_that_gives_no_id_leaves_ours(create: Callable[[UrlClient], Provider], url: str) -> None:
    assert sent(create, url, "hello", says(200, b"ok"))[1] == "d-1"


@pytest.mark.parametrize(("create", "url"), PLATFORMS)
def test_a_url_off_https_is_never_called(create: Callable[[UrlClient], Provider], url: str) -> None:
    with platform(says(200), create) as (server, provider), pytest.raises(RecipientRefusedError):
        provider.send(message(url.replace("https://", "http://")))
    assert server.received == []


def test_the_registry_has_one_provider_for_each_platform_of_a_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    served = {provider.name: provider.platforms for provider in providers.create("chat")}
    assert served == {each.name: frozenset({each.name}) for each in of_channel("chat")}
