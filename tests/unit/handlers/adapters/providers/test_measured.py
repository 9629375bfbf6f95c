"""What is measured before a message is accepted is what the adapters put on the wire."""

import json
from collections.abc import Callable

import httpx
import pytest
import time_machine

from handlers.adapters.providers.apns import ApnsCredentials, ApnsProvider
from handlers.adapters.providers.discord import DiscordProvider
from handlers.adapters.providers.fcm import FcmCredentials, FcmProvider
from handlers.adapters.providers.slack import SlackProvider
from handlers.adapters.providers.sns_push import _bodies
from handlers.adapters.providers.teams import TeamsProvider
from handlers.adapters.providers.urls import UrlClient
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.content.sizes import LIMITS
from handlers.domain.model import compact
from handlers.domain.people.reach import Endpoint
from handlers.ports import Provider
from tests.unit.handlers.adapters.providers import test_apns, test_fcm
from tests.unit.handlers.adapters.providers.exchange import Exchange, credentials
from tests.unit.handlers.adapters.providers.push import NOW, push

TEXT = 'Grüße, "Ada" 😀\n\\ <b>&amp; \u2028'
TAKEN = httpx.Response(200, json={"id": "1", "name": "n", "access_token": "t", "expires_in": 3600})


def chat(platform: str) -> Message:
    return Message(Endpoint("https://example.com/x", platform), RenderedContent(body=TEXT), "n-1", "d-1", "payment")


def measured(message: Message) -> int:
    [limit] = [limit for limit in LIMITS if limit.platform == message.endpoint.platform]
    return limit.size(message)


def sent(exchange: Exchange, provider: Provider, message: Message) -> bytes:
    provider.send(message)
    return exchange.requests[-1].content


def apns(exchange: Exchange) -> Provider:
    return ApnsProvider(exchange.client, credentials("apns", ApnsCredentials, test_apns.SECRET))


def fcm(exchange: Exchange) -> Provider:
    return FcmProvider(exchange.client, credentials("fcm", FcmCredentials, test_fcm.SECRET))


def test_of_apns_it_is_the_body() -> None:
    exchange, message = Exchange(TAKEN), push(body=TEXT)
    assert len(sent(exchange, apns(exchange), message)) == measured(message)


@time_machine.travel(NOW, tick=False)
def test_of_fcm_it_is_the_message_without_its_token() -> None:
    exchange, message = Exchange(TAKEN), push("fcm", body=TEXT)
    body = sent(exchange, fcm(exchange), message)
    overhead = compact({"message": {"token": message.endpoint.address}})
    assert len(body) == measured(message) + len(overhead) - len("{}") + len(",")


@pytest.mark.parametrize(("platform", "name"), [("apns", "APNS"), ("apns", "APNS_SANDBOX"), ("fcm", "GCM")])
def test_by_sns_the_platforms_get_no_more_than_from_us(platform: str, name: str) -> None:
    message = push(platform, body=TEXT)
    payload = json.loads(_bodies(name, message))[name]
    overhead = len(compact({"fcmV1Message": {"message": {}}})) - len("{}") if platform == "fcm" else 0
    assert len(payload.encode()) == measured(message) + overhead


@pytest.mark.parametrize(
    ("make", "platform", "size"),
    [
        (TeamsProvider, "teams", len),
        (SlackProvider, "slack", lambda body: len(json.loads(body)["text"])),
        (DiscordProvider, "discord", lambda body: len(json.loads(body)["content"])),
    ],
)
def test_of_chat_it_is_what_each_platform_counts(
    make: Callable[[UrlClient], Provider], platform: str, size: Callable[[bytes], int]
) -> None:
    exchange = Exchange(TAKEN)
    body = sent(exchange, make(UrlClient(exchange.client)), chat(platform))
    assert size(body) == measured(chat(platform))
