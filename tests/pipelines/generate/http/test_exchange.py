"""Bodies that are compressed: unfolded within a bound, and every damage an attempt."""

import datetime
import gzip
import ipaddress
import math
import ssl
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.recipe.servers import http_settings
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Origin, Problem, Sampling, request_for
from rollmill.pipelines.generate.http.exchange import probe, proxy_of, unfolded
from rollmill.pipelines.generate.http.failures import Failure, retry_after
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from tests.pipelines.generate.http.serving import Serving

TEXT = b'{"choices": []}' * 100


def test_every_encoding_that_is_asked_for_is_read() -> None:
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bodies = {"identity": TEXT, "gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT)}
    assert [unfolded(body, name, 1 << 20) for name, body in bodies.items()] == [TEXT] * 3
    assert unfolded(bare.compress(TEXT) + bare.flush(), "deflate", 1 << 20) == TEXT


def test_a_gzip_body_of_several_members_is_one_body() -> None:
    """RFC 1952, 2.2: a file is a series of members. Padding behind the last one is none of it."""
    members = gzip.compress(TEXT[:100]) + gzip.compress(b"") + gzip.compress(TEXT[100:])
    assert unfolded(members, "gzip", 1 << 20) == unfolded(members + bytes(8), "gzip", 1 << 20) == TEXT
    with pytest.raises(Failure, match="too_large"):
        unfolded(members, "gzip", len(TEXT) - 1)
    with pytest.raises(Failure, match="cut_off"):
        unfolded(members[:-9], "gzip", 1 << 20)
    with pytest.raises(Failure, match="more than 100 members"):
        unfolded(gzip.compress(b"") * 101, "gzip", 1 << 20)


def test_a_small_body_that_unfolds_to_a_large_one_is_refused_within_its_bound() -> None:
    bomb = gzip.compress(bytes(256 << 20), compresslevel=9)
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    with pytest.raises(Failure, match="too_large: a body of more than 4,194,304 bytes, unfolded"):
        unfolded(bomb, "gzip", 4 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(TEXT, mtime=0)[:-9], "gzip", "cut_off"),
        (b"no gzip at all", "gzip", "broken_reply: the compressed body is damaged"),
        (TEXT, "br", "broken_reply: the body has the encoding 'br'"),
    ],
)
def test_damage_is_an_attempt(body: bytes, encoding: str, said: str) -> None:
    with pytest.raises(Failure, match=said) as caught:
        unfolded(body, encoding, 1 << 20)
    assert caught.value.again


def test_a_wait_is_what_the_server_says() -> None:
    waits = [
        retry_after(value, 0.0) for value in ("7", "-3", "1e308", "inf", "nan", "soon", "Thu, 01 Jan 1970 00:01:00 GMT")
    ]
    assert waits == [7.0, None, 1e308, math.inf, None, None, 60.0]


def certificate(folder: Path, address: str = "127.0.0.1") -> ssl.SSLContext:
    """A self-signed certificate in `folder`/ca.pem and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "toy")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def draw(settings: HttpSettings) -> list[Completion]:
    engine = OpenAI("toy", http=settings)
    try:
        problem = Problem("2 + 2 = ?", "4")
        origin = Origin(engine.engine, engine.model_digest, "curate", 1)
        asked = [request_for(problem, engine.render(problem.prompt), Sampling(), origin, index) for index in range(4)]
        return list(engine.generate(asked))
    finally:
        engine.close()


def settings_of(folder: Path, server: str) -> HttpSettings:
    (folder / "p.yaml").write_text(f"servers: [{server}]\nhttp: {{patience: 20, backoff_seconds: 0.01}}\n")
    profile = load_profile(folder / "p.yaml")
    return http_settings(profile.servers, profile.http, profile.prices)


def test_a_self_signed_server_is_believed_with_its_file_and_only_then(tmp_path: Path) -> None:
    server = Serving()
    server.tls = certificate(tmp_path)
    with server:
        believing = settings_of(tmp_path, f"{{url: '{server.url}', ca_file: ca.pem}}")
        assert believing.servers[0].ca_file == str(tmp_path / "ca.pem")
        assert len(draw(believing)) == 4
        assert probe(believing.servers[0], believing) == (True, "serves toy")
        with pytest.raises(SetupError, match=r"is not believed to be itself \(tls: .*ca_file"):
            draw(settings_of(tmp_path, f"{{url: '{server.url}'}}"))
        assert len(server.bodies) == 4


def test_a_certificate_for_another_address_is_refused(tmp_path: Path) -> None:
    server = Serving()
    server.tls = certificate(tmp_path, "192.0.2.7")
    with server, pytest.raises(SetupError, match="is not believed to be itself"):
        draw(settings_of(tmp_path, f"{{url: '{server.url}', ca_file: ca.pem}}"))
    assert server.bodies == []


@pytest.mark.parametrize("text", [None, "not a certificate"])
def test_a_file_that_is_no_certificate_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(SetupError, match=r"ca_file .*ca\.pem"):
        draw(settings_of(tmp_path, "{url: 'https://127.0.0.1:9/v1', ca_file: ca.pem}"))


def test_requests_go_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy stands where a proxy would: a request for another host arrives at it."""
    clean(monkeypatch)
    with Serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s3cr3t@127.0.0.1:{proxy.port}")
        assert len(draw(HttpSettings((Server("http://gpu.invalid/v1"),)))) == 4
        assert {head["Host"] for head in proxy.headers} == {"gpu.invalid"}
        assert {head.get("Proxy-Authorization") for head in proxy.headers} == {"Basic bWU6czNjcjN0"}
        count = len(proxy.headers)
        direct = HttpSettings((Server("http://gpu.invalid/v1"),), proxies=False, patience=1.0, backoff_seconds=0.01)
        with pytest.raises(SetupError, match="no server has answered"):
            draw(direct)
        assert len(proxy.headers) == count
    quick: Any = {"patience": 1.0, "backoff_seconds": 0.01}
    with pytest.raises(SetupError) as told:
        draw(HttpSettings((Server("http://gpu.invalid/v1"),), **quick))
    assert "s3cr3t" not in str(told.value)


def test_loopback_and_exceptions_need_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    clean(monkeypatch)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_of("http://gpu1:8000/v1") == "http://proxy:3128"
    assert [proxy_of(f"http://{host}/v1") for host in ("127.0.0.1:8000", "[::1]:8000", "localhost", "inside.example")] == [
        None
    ] * 4
    assert proxy_of("https://api.example.com/v1") is None  # a kind of proxy that aiohttp does not speak


def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
