"""Certificates renewed while a daemon listens: by real handshakes, before and after."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
import trio
import trustme
from structlog.testing import capture_logs
from trio_websocket import WebSocketConnection, wrap_client_stream

from daemon.daemon_rig import hear, node, wait_for
from trioaudio.client import ProblemError
from trioaudio.core.errors import ConfigError
from trioaudio.daemon.certificates import Certificate, Certificates
from trioaudio.net.tls import server_context

ENDS = datetime(2090, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPIRY = "trioaudio_tls_certificate_expiry_timestamp_seconds"


@attrs.frozen
class Pair:
    """Files of a certificate and its key, which can be replaced."""

    cert: Path
    key: Path

    def write(self, ends: datetime | None = None) -> bytes:
        """Put a new certificate and its key there; return the certificate as it is shown."""
        issued = trustme.CA().issue_cert("127.0.0.1", not_after=ends)
        self.key.write_bytes(issued.private_key_pem.bytes())
        pem = issued.cert_chain_pems[0].bytes()
        self.cert.write_bytes(pem)
        return ssl.PEM_cert_to_DER_cert(pem.decode())


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    made.write()
    return made


def trusting_anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def connect(address: str) -> trio.SSLStream[trio.SocketStream]:
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    stream = trio.SSLStream(
        await trio.open_tcp_stream(parts.hostname, parts.port), trusting_anybody()
    )
    await stream.do_handshake()
    return stream


async def shown(address: str) -> bytes:
    """Shake hands; return the certificate that was shown."""
    with trio.fail_after(10):
        stream = await connect(address)
        certificate: bytes = stream.getpeercert(binary_form=True)
        await trio.aclose_forcefully(stream)
    return certificate


@asynccontextmanager
async def call(address: str) -> AsyncIterator[WebSocketConnection]:
    """A raw carrier that dials in by TLS."""
    async with trio.open_nursery() as nursery:
        stream = await connect(address)
        host = urlsplit(address).netloc
        async with await wrap_client_stream(nursery, stream, host, "/media/raw") as connection:
            yield connection
        nursery.cancel_scope.cancel()


async def test_new_connections_are_shown_the_new_one_and_calls_go_on(
    tmp_path: Path, pair: Pair
) -> None:
    old = pair.write()
    settings = {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}
    async with node(tmp_path, carriers="raw", **settings) as made:
        media = made.addresses.media
        assert media.startswith("wss://127.0.0.1:")
        assert await shown(media) == old
        async with call(media) as carrier:
            started = await made.event("call.answered")
            new = pair.write(ENDS)
            assert await shown(media) == old, "nobody has asked for it yet"
            with capture_logs() as logged:
                await made.client.reload()
                await wait_for(lambda: any("in force" in each["event"] for each in logged))
            (told,) = [each for each in logged if "in force" in each["event"]]
            assert told["changed"] == ["the certificate of the media listener"]
            assert await shown(media) == new
            (line,) = [
                each
                for each in (await made.client.metrics()).splitlines()
                if each.startswith(f'{EXPIRY}{{listener="media"}} ')
            ]
            assert float(line.rpartition(" ")[2]) == ENDS.timestamp()
            await made.client.call(started.call).say("Still here.")
            assert len(await hear(carrier, 5)) == 5
            async with call(media) as another:
                await made.event("call.answered")
                assert not another.closed


async def test_a_broken_one_has_all_of_the_reload_refused(tmp_path: Path, pair: Pair) -> None:
    old = pair.write()
    config = tmp_path / "config.toml"
    config.write_text('greeting = "One."\n')
    settings = {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}
    async with node(tmp_path, carriers="raw", config=str(config), **settings) as made:
        works, right = made.desk.works, pair.key.read_bytes()
        config.write_text('greeting = "Two."\n')
        for key, words in (
            (trustme.CA().issue_cert("a").private_key_pem.bytes(), "KEY_VALUES_MISMATCH"),
            (b"nothing of the kind", "cannot be used"),
        ):
            pair.key.write_bytes(key)
            with pytest.raises(ProblemError, match=words) as caught:
                await made.client.reload()
            assert caught.value.status == 422
            assert made.desk.works is works
            assert await shown(made.addresses.media) == old
        pair.key.write_bytes(right)
        await made.client.reload()
        await wait_for(lambda: made.desk.works is not works)
        assert made.desk.works.configuration.serve.greeting == "Two."
        assert await shown(made.addresses.media) == old


async def test_whom_we_trust_is_read_anew_as_well(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    async with node(tmp_path, carriers="raw", tls_ca_file=str(file)) as made:
        works = made.desk.works
        (old,) = works.tls.get_ca_certs(binary_form=True)
        file.write_text("nothing of the kind")
        with capture_logs() as logged:
            await made.client.reload()
            await wait_for(lambda: any("stays in force" in each["event"] for each in logged))
        assert made.desk.works is works
        trustme.CA().cert_pem.write_to_path(str(file))
        await made.client.reload()
        await wait_for(lambda: made.desk.works is not works)
        (new,) = made.desk.works.tls.get_ca_certs(binary_form=True)
        assert new != old


# --- The files -----------------------------------------------------------------------------


def certificate(pair: Pair, showed: list[ssl.SSLContext]) -> Certificate:
    make = partial(server_context, str(pair.cert), str(pair.key))
    return Certificate("media", pair.cert, pair.key, make, showed.append)


def test_what_has_not_changed_is_not_shown_again(pair: Pair) -> None:
    showed: list[ssl.SSLContext] = []
    pair.write(ENDS)
    made = certificate(pair, showed)
    assert made.expires_at == ENDS.timestamp()
    assert made.renewal() is None
    pair.write()
    renewal = made.renewal()
    assert renewal is not None
    assert showed == []
    assert made.expires_at == ENDS.timestamp(), "it is not in force yet"
    made.put_in_force(renewal)
    assert showed == [renewal.context]
    assert made.expires_at == renewal.expires_at != ENDS.timestamp()
    assert made.renewal() is None


def test_a_file_that_is_gone_or_is_none(pair: Pair) -> None:
    showed: list[ssl.SSLContext] = []
    all_of_them = Certificates()
    all_of_them.add([certificate(pair, showed)])
    pair.key.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        all_of_them.renewals()
    assert "the old one stays in force" in str(caught.value)
    pair.key.mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        all_of_them.renewals()
    assert showed == []


def test_half_a_renewal_is_refused_until_the_other_half_is_there(pair: Pair) -> None:
    showed: list[ssl.SSLContext] = []
    all_of_them = Certificates()
    all_of_them.add([certificate(pair, showed)])
    before = all_of_them.expiries()
    key = pair.key.read_bytes()
    pair.write(ENDS)
    new, _ = pair.key.read_bytes(), pair.key.write_bytes(key)
    with pytest.raises(ConfigError, match="KEY_VALUES_MISMATCH"):
        all_of_them.renewals()
    assert all_of_them.expiries() == before
    pair.key.write_bytes(new)
    assert all_of_them.put_in_force(all_of_them.renewals()) == [
        "the certificate of the media listener"
    ]
    assert all_of_them.expiries() == {"media": ENDS.timestamp()}
    assert len(showed) == 1


def test_a_key_alone_is_no_certificate(pair: Pair) -> None:
    pair.cert.write_bytes(pair.key.read_bytes())
    with pytest.raises(ConfigError, match="is no PEM file of a certificate"):
        certificate(pair, [])
