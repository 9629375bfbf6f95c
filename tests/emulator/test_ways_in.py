"""Ways of getting in, one in each row: all are refused, as the row says. Each is tried over HTTP on the whole platform.

What a row needs (another app's notification, the links of two mails) is made once. After all of them the test looks
that nothing has come of any: a refusal that acts is none.
"""

import base64
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import READER, Producer, token
from tests.emulator.test_links import links, send, timeline


@dataclass(frozen=True)
class World:
    """An app that may do everything, one that may send mail of one category, and what they have sent."""

    ours: Producer
    theirs: Producer
    api: str
    accepted: dict[str, Any]
    links: dict[str, str]
    other_links: dict[str, str]

    def body(self, **change: Any) -> dict[str, Any]:
        body = {
            "category": "payment",
            "channels": ["email"],
            "content": {"subject": "In", "body": "In"},
            "to": [{"email": "way-in@example.com"}],
            **change,
        }
        return {name: value for name, value in body.items() if value is not None}


WEBHOOK = {"url": "https://way-in.example.com/statuses", "statuses": ["canceled"]}
"""Ours: of what happens to nothing here."""


@pytest.fixture(scope="module")
def world(producer: Producer, operator: Operator, platform: Platform) -> Iterator[World]:
    accepted = send(producer, {"email": f"{uuid.uuid4().hex}@example.com"})
    other = send(producer, {"email": f"{uuid.uuid4().hex}@example.com"})
    with operator.app(["marketing"], ["email"]) as (key, secret):
        theirs = Producer(platform.local.api_url, key, secret, platform.local.inbox_url)
        api = platform.local.api_url
        world = World(producer, theirs, api, accepted, links(producer, accepted), links(producer, other))
        assert producer.call("PUT", "/v1/webhook", WEBHOOK).status_code == 201
        yield world
    producer.call("DELETE", "/v1/webhook")


Attempt = Callable[[World], httpx.Response]


@dataclass(frozen=True)
class Way:
    """How it is tried, with which statuses it is refused, and a word that the refusal must have, if any."""

    attempt: Attempt
    refused: tuple[int, ...]
    said: str = ""


# -- tokens ------------------------------------------------------------------------------------------------------------

SOMEWHERE = "/v1/contacts/way-in"


def bearing(make: Callable[[World], str]) -> Attempt:
    return lambda world: world.ours.call("GET", SOMEWHERE, bearer=make(world))


def signed(world: World, key: bytes, algorithm: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token written by hand: a library would refuse to make some of these."""
    now = int(time.time())
    body = {"iss": world.ours.app_key, "jti": "way-in", "iat": now, "exp": now + 60, **claims}
    parts = [_encoded(json.dumps(each).encode()) for each in ({"alg": algorithm, "typ": "JWT", **(header or {})}, body)]
    hashed = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm]
    return ".".join([*parts, _encoded(hmac.new(key, ".".join(parts).encode(), hashed).digest())])


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def unsigned(algorithm: str) -> Callable[[World], str]:
    def made(world: World) -> str:
        _, body, _ = token(world.ours.app_key, "x" * 64).split(".")
        header = _encoded(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
        return f"{header}.{body}."

    return made


def renamed(world: World) -> str:
    """A good token of one app that says, unsigned, to be another's."""
    head, _, signature = token(world.theirs.app_key, world.theirs.app_secret).split(".")
    _, body, _ = token(world.ours.app_key, "x" * 64).split(".")
    return f"{head}.{body}.{signature}"


def issued(**how: Any) -> Callable[[World], str]:
    def made(world: World) -> str:
        late = {name: value + time.time() if name == "issued_at" else value for name, value in how.items()}
        return token(world.ours.app_key, world.ours.app_secret, **late)

    return made


TOKENS = {
    "signed with another secret": lambda world: token(world.ours.app_key, "x" * 64),
    "signed with the secret of another app": lambda world: token(world.ours.app_key, world.theirs.app_secret),
    "signed with the empty secret": lambda world: signed(world, b"", "HS256"),
    "of an app that there is not": lambda world: token("nobody", "x" * 64),
    "of an app key that walks up a path": lambda world: token("../demo", world.ours.app_secret),
    "of an app key that is a whole secret's name": lambda world: token("demo*", world.ours.app_secret),
    "without an app key": issued(iss=None),
    "without a signature, alg none": unsigned("none"),
    "without a signature, alg None": unsigned("None"),
    "without a signature, alg HS256": unsigned("HS256"),
    "of algorithm HS384": lambda world: signed(world, world.ours.app_secret.encode(), "HS384"),
    "of algorithm HS512": lambda world: signed(world, world.ours.app_secret.encode(), "HS512"),
    "with a key id that is a file": lambda world: signed(world, b"", "HS256", {"kid": "/dev/null"}),
    "with a key of its own in its header": lambda world: signed(
        world, b"y" * 64, "HS256", {"jwk": {"kty": "oct", "k": "eQ"}}
    ),
    "whose claims were changed to another app's": renamed,
    "that has expired, replayed": issued(issued_at=-300),
    "that was issued long ago": issued(issued_at=-3600, lifetime=7200),
    "that is of tomorrow": issued(issued_at=86400),
    "that lives too long": issued(lifetime=86400),
    "without a jti": issued(jti=None),
    "without an end": issued(exp=None),
    "with a list as its app": lambda world: signed(world, world.ours.app_secret.encode(), "HS256", iss=["demo"]),
    "that is two": lambda world: f"{token(world.ours.app_key, 'x' * 64)}, {token('demo', world.ours.app_secret)}",
    "that is no token": lambda _: "' OR 1=1 --",
}

# -- what another app sent and may do ----------------------------------------------------------------------------------


def others(method: str, path: str = "") -> Attempt:
    return lambda world: world.theirs.call(method, f"/v1/notifications/{world.accepted['notification_id']}{path}")


def posting(by: str = "theirs", **change: Any) -> Attempt:
    return lambda world: getattr(world, by).send(world.body(**change))


def key_again(world: World) -> httpx.Response:
    """The same idempotency key for another request: neither another's answer nor a second meaning."""
    headers = {"Idempotency-Key": f"way-in-{uuid.uuid4()}"}
    to = [{"email": f"{uuid.uuid4().hex}@example.com"}]
    first = world.ours.send(world.body(to=to), headers=headers)
    assert first.status_code == 202, first.text
    return world.ours.send(world.body(to=to, category="marketing"), headers=headers)


SCOPES = {
    "to read another app's notification": Way(others("GET"), (404,)),
    "to cancel another app's notification": Way(others("POST", "/cancel"), (404,)),
    "to send in a category of others": Way(posting(category="payment"), (403,)),
    "to send on a channel of others": Way(posting(category="marketing", channels=["sms"]), (403,)),
    "to use an idempotency key again for something else": Way(key_again, (409, 422)),
}

# -- paths, headers and bodies -----------------------------------------------------------------------------------------


def raw(method: str, path: str, *headers: tuple[str, str], body: bytes = b"", good: bool = True) -> Attempt:
    """A request written by hand, which no client would send: its path and headers as they stand here."""

    def tried(world: World) -> httpx.Response:
        split = urlsplit(world.api)
        connection = http.client.HTTPConnection(str(split.hostname), split.port, timeout=600)
        connection.putrequest(method, split.path + path, skip_accept_encoding=True)
        if good:
            connection.putheader("Authorization", f"Bearer {world.ours.bearer()}")
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        with closing(connection):
            return httpx.Response(answer.status, content=answer.read(), headers=answer.getheaders())

    return tried


NOBODY = ("Authorization", "Bearer no-token")
REQUESTS = {
    "a path that walks up out of a link": Way(raw("GET", "/u/../v1/contacts/way-in", good=False), (401, 403, 404)),
    "a path that walks up, percent-encoded": Way(
        raw("GET", "/u/%2e%2e%2fv1%2fcontacts%2fway-in", good=False), (401, 403, 404)
    ),
    "two slashes before the path": Way(raw("GET", "//v1/contacts/way-in", good=False), (401, 403, 404)),
    "a path with another case": Way(raw("GET", "/V1/Contacts/way-in", good=False), (401, 403, 404)),
    "a path with a parameter": Way(raw("GET", "/v1;/contacts/way-in", good=False), (401, 403, 404)),
    "a template's name that walks up": Way(raw("GET", "/v1/templates/..%2f..%2fsecrets/email/default"), (400, 404)),
    "another method by a header": Way(
        raw("GET", "/v1/contacts/way-in", ("X-HTTP-Method-Override", "PUT"), ("X-Method-Override", "PUT")), (404,)
    ),
    "another path by a header": Way(
        raw(
            "GET", "/v1/contacts/way-in", NOBODY, ("X-Original-URL", "/t/o/x"), ("X-Rewrite-URL", "/t/o/x"), good=False
        ),
        (401, 403),
    ),
    "an app by the authorizer's own header": Way(
        raw("GET", "/v1/contacts/way-in", ("X-App-Key", "demo"), ("X-Amzn-Authorizer", "demo"), good=False), (401, 403)
    ),
    "an address of the network by a header": Way(
        raw("GET", "/v1/contacts/way-in", ("X-Forwarded-For", "127.0.0.1"), good=False), (401, 403)
    ),
    "a token in the query": Way(
        lambda world: httpx.get(
            f"{world.api}{SOMEWHERE}", params={"access_token": token(world.ours.app_key, world.ours.app_secret)}
        ),
        (401, 403),
    ),
    "a token as Basic": Way(raw("GET", SOMEWHERE, ("Authorization", "Basic ZGVtbzpkZW1v"), good=False), (401, 403)),
    "a body that says a name twice": Way(
        lambda world: world.ours.raw("POST", "/v1/notifications", b'{"category":"marketing","category":"payment"}'),
        (400,),
        "more than once",
    ),
    "a field that we set ourselves": Way(posting("ours", app_key="other"), (400,), "app_key"),
    "a body nested without end": Way(
        lambda world: world.ours.raw("POST", "/v1/notifications", b'{"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        (400,),
    ),
    "a number without end": Way(
        lambda world: world.ours.raw("POST", "/v1/notifications", b'{"data":{"n":' + b"9" * 20_000 + b"}}"), (400,)
    ),
    "a body in another encoding": Way(
        lambda world: world.ours.raw("POST", "/v1/notifications", json.dumps(world.body()).encode("utf-16")), (400,)
    ),
}

# -- links -------------------------------------------------------------------------------------------------------------


def token_in(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[-1].partition("?")[0]


def mixed(world: World) -> httpx.Response:
    """What is signed of one delivery's link, with the signature of another's."""
    mine, other = world.links["u"], token_in(world.other_links["u"])
    body, _, _ = token_in(mine).rpartition(".")
    return READER.post(f"{world.api}/u/{body}.{other.rpartition('.')[2]}", data={"List-Unsubscribe": "One-Click"})


LINKS = {
    "an open link used to unsubscribe": Way(
        lambda world: READER.post(
            f"{world.api}/u/{token_in(world.links['t/o'])}", data={"List-Unsubscribe": "One-Click"}
        ),
        (404,),
    ),
    "a click link used to unsubscribe": Way(
        lambda world: READER.post(
            f"{world.api}/u/{token_in(world.links['t/c'])}", data={"List-Unsubscribe": "One-Click"}
        ),
        (404,),
    ),
    "an unsubscribe link used to be led on": Way(
        lambda world: READER.get(f"{world.api}/t/c/{token_in(world.links['u'])}"), (404,)
    ),
    "a link of one delivery with another's signature": Way(mixed, (404,)),
    "a link that is cut": Way(lambda world: READER.get(world.links["u"][:-4]), (404,)),
    "a link's token as a producer's": Way(
        lambda world: world.ours.call("GET", SOMEWHERE, bearer=token_in(world.links["u"])), (401, 403)
    ),
    "a producer's token as a link": Way(
        lambda world: READER.get(f"{world.api}/u/{token(world.ours.app_key, world.ours.app_secret)}"), (404,)
    ),
}

# -- urls that lead inside, or that two parsers read differently -------------------------------------------------------

URLS = {
    "of this machine": "https://127.0.0.1/x",
    "of this machine, decimal": "https://2130706433/x",
    "of this machine, hexadecimal": "https://0x7f000001/x",
    "of this machine, octal": "https://0177.0.0.1/x",
    "of this machine, short": "https://127.1/x",
    "of this machine, IPv6": "https://[::1]/x",
    "of this machine, IPv6-mapped": "https://[::ffff:7f00:1]/x",
    "of a network inside": "https://10.0.0.1/x",
    "of AWS's metadata": "https://169.254.169.254/latest/meta-data",
    "of AWS's metadata, NAT64": "https://[64:ff9b::a9fe:a9fe]/x",
    "of AWS's metadata, 6to4": "https://[2002:a9fe:a9fe::1]/x",
    "that is not encrypted": "http://hooks.example.com/x",
    "that is a file": "file:///etc/passwd",
    "with another port": "https://hooks.example.com:8443/x",
    "with the port of SSH": "https://hooks.example.com:22/x",
    "with credentials": "https://hooks.example.com@evil.example/x",
    "with a backslash": "https://evil.example\\@hooks.example.com/x",
    "with a fragment before the host": "https://evil.example#@hooks.example.com/",
    "with a percent-encoded dot in the host": "https://hooks.example.com%2eevil.example/x",
    "with a fullwidth slash": "https://evil.example／.hooks.example.com/x",
    "with a line break": "https://hooks.example.com/x\r\nX-Evil: 1",
    "with an encoded walk up": "https://hooks.example.com/a/%2E%2e/b",
}


def storing(url: str, platform: str = "webhook") -> Attempt:
    channel = {"platform": platform, "url": url, "status": True}
    return lambda world: world.ours.call("PUT", f"/v1/contacts/way-in-{uuid.uuid4()}", {"external_channels": [channel]})


# -- webhooks of apps -------------------------------------------------------------------------------------------------

HOOKS = {
    "of this machine, decimal": "https://2130706433/x",
    "of this machine, IPv6-mapped": "https://[::ffff:7f00:1]/x",
    "of AWS's metadata": "https://169.254.169.254/latest/meta-data",
    "with a name inside AWS": "https://ip-10-0-0-1.eu-central-1.compute.internal/x",
    "with another port": "https://hooks.example.com:8443/x",
    "that is not encrypted": "http://hooks.example.com/x",
}


def hooking(by: str = "ours", **body: Any) -> Attempt:
    return lambda world: getattr(world, by).call("PUT", "/v1/webhook", {**WEBHOOK, **body})


WEBHOOKS = {
    **{f"a webhook {name}": Way(hooking(url=url), (400,), "url") for name, url in HOOKS.items()},
    "a webhook with a secret of one's own": Way(hooking(secret="whsec_" + "QUFB" * 8), (400,), "secret"),
    "a webhook in another app's name": Way(hooking("theirs", app_key="demo"), (400,), "app_key"),
    "to see another app's webhook": Way(lambda world: world.theirs.call("GET", "/v1/webhook"), (404,)),
    "to end another app's webhook by naming it": Way(
        lambda world: world.theirs.call("DELETE", "/v1/webhook?app_key=demo"), (400,), "app_key"
    ),
}

# -- templates ---------------------------------------------------------------------------------------------------------

SOURCES = {
    "classes of a literal": "{{ ''.__class__.__mro__ }}",
    "classes by a filter": "{{ ''|attr('__class__') }}",
    "classes by an index": "{{ ''['__class__'] }}",
    "globals of a function": "{{ cycler.__init__.__globals__.os }}",
    "globals of our own function": "{{ tracked.__globals__ }}",
    "format of a string": "{{ '{0.__class__}'.format(1) }}",
    "a file by include": "{% include '/etc/passwd' %}",
    "a module by import": "{% import 'os' as os %}",
    "the template's own context": "{{ self._TemplateReference__context }}",
    "a loop without end": "{% for a in range(99999999) %}{% for b in range(99999999) %}x{% endfor %}{% endfor %}",
}


def rendering(source: str) -> Attempt:
    return lambda world: world.ours.send(world.body(content={"subject": "In", "body": source}))


# -- headers of a mail -------------------------------------------------------------------------------------------------

MAIL = {
    "a header by the address": Way(
        posting("ours", to=[{"email": "a@example.com\r\nBcc: evil@example.com"}]), (400,), "to.0.email"
    ),
    "a second address in one": Way(
        posting("ours", to=[{"email": "a@example.com,evil@example.com"}]), (400,), "to.0.email"
    ),
    "a route in the address": Way(posting("ours", to=[{"email": "<evil@example.com>"}]), (400,), "to.0.email"),
}

WAYS: dict[str, Way] = {
    **{f"a token {name}": Way(bearing(made), (401, 403)) for name, made in TOKENS.items()},
    **SCOPES,
    **REQUESTS,
    **LINKS,
    **{f"a url {name}": Way(storing(url), (400,), "external_channels") for name, url in URLS.items()},
    **WEBHOOKS,
    "a url of another's as Slack's": Way(storing("https://hooks.slack.com.evil.example/x", "slack"), (400,)),
    **{f"a template that reaches {name}": Way(rendering(source), (400,)) for name, source in SOURCES.items()},
    **MAIL,
}


@pytest.mark.parametrize("name", WAYS)
def test_a_way_in_is_refused(name: str, world: World) -> None:
    way = WAYS[name]
    answer = way.attempt(world)
    assert answer.status_code in way.refused, (answer.status_code, answer.text)
    assert way.said in answer.text
    assert world.ours.app_secret not in answer.text


def test_a_token_written_by_hand_is_good_but_for_what_a_row_changes(world: World) -> None:
    good = signed(world, world.ours.app_secret.encode(), "HS256")
    assert world.ours.call("GET", SOMEWHERE, bearer=good).status_code == 404
    assert raw("GET", SOMEWHERE)(world).status_code == 404


def test_nothing_has_come_of_them(world: World) -> None:
    assert len(WAYS) >= 40
    assert world.ours.call("GET", SOMEWHERE).status_code == 404
    assert timeline(world.ours, world.accepted)[-1] == "sent"
    assert world.ours.call("GET", "/v1/webhook").json() == WEBHOOK
    assert not [each for each in world.ours.messages() if "way-in@example.com" in json.dumps(each)]


def test_a_line_break_in_the_data_begins_no_header(world: World) -> None:
    """This one is accepted: the data are text, which ends up in the subject on one line."""
    address = f"{uuid.uuid4().hex}@example.com"
    data = {"name": "Ada\r\nBcc: evil@example.com\r\n\r\nbody"}
    content = {"subject": "To {{ name }}", "body": "In"}
    accepted = world.ours.send(world.body(content=content, data=data, to=[{"email": address}])).json()
    world.ours.until_final(accepted["notification_id"])
    [delivery] = accepted["deliveries"]
    [mail] = [each for each in world.ours.messages() if each["delivery_id"] == delivery["delivery_id"]]
    assert (mail["to"], mail["subject"]) == (address, "To Ada Bcc: evil@example.com body")
