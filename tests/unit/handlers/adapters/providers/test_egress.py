"""Egress: which addresses are called, which never, and that every exchange ends."""

import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from handlers.adapters.providers import egress
from handlers.domain.providers.errors import RecipientRefusedError
from handlers.domain.urls import is_public
from tests.unit.handlers.adapters.providers.webserver import says, serving

PUBLIC = "93.184.215.14"


class Names:
    """The answers of DNS, one for each question about a name; the last one stays. Addresses stand for themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self._really = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def _getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in self.answers:
            return self._really(host, port, *args, **kwargs)
        answers = self.answers[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which a connection was tried; none of them answers."""
    tried: list[str] = []

    def create_connection(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return tried


def call(url: str, *allowed: tuple[str, int], read: float = 5) -> httpx.Response:
    with httpx.Client(transport=egress.transport(allowed), timeout=httpx.Timeout(read), trust_env=False) as client:
        return client.post(url, content=b"hello")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001::1",
        "2001:db8::1",
    ],
)
def test_an_address_off_the_public_internet_is_never_called(address: str, names: Names, connected: list[str]) -> None:
    names.answers["hook.example"] = [[address]]
    assert not is_public(ip_address(address))
    with pytest.raises(RecipientRefusedError) as error:
        call("https://hook.example/")
    assert error.value.code == "address_not_public"
    assert connected == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "2a00:1450:4001:81b::200e"])
def test_the_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "127.0.0.1.", "[fe80::1%25lo]"]
)
def test_no_way_to_write_the_machine_itself_reaches_it(host: str, connected: list[str]) -> None:
    with pytest.raises((RecipientRefusedError, httpx.ConnectError, httpx.InvalidURL)):
        call(f"https://{host}/")
    assert connected == []


def test_no_other_port_is_called(names: Names, connected: list[str]) -> None:
    names.answers["hook.example"] = [[PUBLIC]]
    with pytest.raises(RecipientRefusedError) as error:
        call("https://hook.example:8443/")
    assert (error.value.code, connected) == ("port_not_443", [])


def test_one_inner_address_among_public_ones_refuses_the_host(names: Names, connected: list[str]) -> None:
    names.answers["hook.example"] = [[PUBLIC, "10.0.0.1"]]
    with pytest.raises(RecipientRefusedError):
        call("https://hook.example/")
    assert connected == []


def test_what_was_checked_is_what_is_called_whatever_the_name_resolves_to_next(
    names: Names, connected: list[str]
) -> None:
    names.answers["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
    with pytest.raises(httpx.ConnectError):
        call("https://rebinding.example/")
    assert connected == [PUBLIC]


def test_every_address_of_a_host_is_tried(names: Names, connected: list[str]) -> None:
    names.answers["hook.example"] = [[PUBLIC, "8.8.8.8"]]
    with pytest.raises(httpx.ConnectError):
        call("https://hook.example/")
    assert connected == [PUBLIC, "8.8.8.8"]


def test_a_name_that_does_not_resolve_was_not_reached(monkeypatch: pytest.MonkeyPatch, connected: list[str]) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(httpx.ConnectError):
        call("https://hook.example/")
    assert connected == []


def test_a_stand_in_is_reached_at_its_own_port_alone() -> None:
    with serving(says(200)) as allowed, serving(says(200)) as other:
        assert call(f"http://localhost:{allowed.port}/", ("localhost", allowed.port)).status_code == 200
        with pytest.raises(RecipientRefusedError):
            call(f"http://localhost:{other.port}/", ("localhost", allowed.port))
    assert other.received == []


def test_a_redirect_is_not_followed() -> None:
    with serving(says(200)) as elsewhere, serving(says(307, Location=f"http://localhost:{elsewhere.port}/")) as server:
        ports = [("localhost", server.port), ("localhost", elsewhere.port)]
        assert call(f"http://localhost:{server.port}/", *ports).status_code == 307
    assert elsewhere.received == []


def test_the_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says(200)) as server, serving(says(200)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        call(f"http://localhost:{server.port}/", ("localhost", server.port))
    assert proxy.received == []


class Clock:
    """The time that exchanges are given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.looks = threading.Semaphore(0)
        """One for each time that somebody has looked at the clock."""
        monkeypatch.setattr(egress, "time", self)

    def monotonic(self) -> float:
        self.looks.release()
        return self.now


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_trickles_ends_all_the_same(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte a second, one for each time that its reader has looked at the clock and reads on."""
    clock = Clock(monkeypatch)
    tls = server_tls(certificate(tmp_path, "localhost"), monkeypatch) if scheme == "https" else None
    over = threading.Event()

    def trickles(request: BaseHTTPRequestHandler) -> None:
        while clock.looks.acquire(blocking=False):
            """Those of the connection and of the request."""
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        with suppress(OSError):  # it is hung up on
            while clock.looks.acquire(timeout=60) and not over.is_set():
                clock.now += 1
                request.wfile.write(b"z")
        request.close_connection = True

    begun = clock.now
    with serving(trickles, tls) as server:
        with pytest.raises(httpx.ReadTimeout):
            call(f"{scheme}://localhost:{server.port}/", ("localhost", server.port), read=60)
        over.set()
        clock.looks.release()
    assert egress.EXCHANGE_SECONDS <= clock.now - begun <= egress.EXCHANGE_SECONDS + 2


def test_a_connection_is_used_again_and_its_next_exchange_has_its_full_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    peers = []

    def slowly(request: BaseHTTPRequestHandler) -> None:
        peers.append(request.client_address)
        clock.now += egress.EXCHANGE_SECONDS * 0.6
        says(200)(request)

    with serving(slowly) as server:
        transport = egress.transport([("localhost", server.port)])
        with httpx.Client(transport=transport, trust_env=False) as client:
            for _ in range(3):
                assert client.post(f"http://localhost:{server.port}/", content=b"x").status_code == 200
    assert len(set(peers)) == 1


# -- TLS ---------------------------------------------------------------------------------------------------------------


def certificate(tmp_path: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM)
    )
    return path


def server_tls(pem: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs to show this certificate, which is trusted from here on."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    return tls


@pytest.mark.parametrize(("certified", "trusted"), [("hook.example", True), ("other.example", False)])
def test_tls_verifies_the_name_and_not_the_address_that_was_called(
    certified: str, trusted: bool, tmp_path: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = server_tls(certificate(tmp_path, certified), monkeypatch)
    names.answers["hook.example"] = [["127.0.0.1"]]
    monkeypatch.setattr(egress, "is_public", lambda _: True)
    with serving(says(200), tls) as server:
        monkeypatch.setattr(egress, "_HTTPS", server.port)
        if trusted:
            assert call(f"https://hook.example:{server.port}/").status_code == 200
        else:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                call(f"https://hook.example:{server.port}/")
