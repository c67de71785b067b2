"""Dialling: URLs, and everything a far end may do instead of answering."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio

from net.far_ends import (
    Certificates,
    Inbox,
    RawStream,
    close_frame,
    dialler,
    frame,
    patience,
    read_head,
    reset,
    tcp_server,
    upgrade_answer,
)
from trioaudio.core.connection import Closing, MediaConnection
from trioaudio.core.errors import (
    ConfigError,
    LegLostError,
    LegRefusedError,
    RemoteProtocolError,
)
from trioaudio.core.verdict import Verdict, judge, leaves
from trioaudio.net.dialler import Dialler, Endpoint, parse_url

BOOKS = "xn--bcher-kva.example"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"


def answer(data: bytes, *, stay: bool = False) -> Callable[[RawStream], Awaitable[None]]:
    async def serve_one(stream: RawStream) -> None:
        await read_head(stream)
        await stream.send_all(data)
        if stay:
            await trio.sleep_forever()

    return serve_one


async def failure(dial: Dialler) -> Exception:
    """Dial in vain; return the one error there is."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  the caller looks at it
        async with dial.connect(None):
            raise AssertionError("connected")
    found = leaves(caught.value)
    assert len(found) == 1, found
    assert isinstance(found[0], Exception)
    assert judge(caught.value) is judge(found[0])
    return found[0]


# --- URLs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("ws://h", Endpoint(False, "h", 80, "h", "/")),
        ("ws://h:80/a", Endpoint(False, "h", 80, "h", "/a")),
        ("WSS://H.example/a?b=c", Endpoint(True, "h.example", 443, "h.example", "/a?b=c")),
        ("wss://h:8443", Endpoint(True, "h", 8443, "h:8443", "/")),
        ("ws://[::1]:9/x", Endpoint(False, "::1", 9, "[::1]:9", "/x")),
        ("ws://[::1]", Endpoint(False, "::1", 80, "[::1]", "/")),
        ("ws://h?q", Endpoint(False, "h", 80, "h", "/?q")),
        ("ws://bücher.example", Endpoint(False, BOOKS, 80, BOOKS, "/")),
        ("ws://h/a b/ü?c=%20", Endpoint(False, "h", 80, "h", "/a%20b/%C3%BC?c=%20")),
    ],
)
def test_urls(url: str, endpoint: Endpoint) -> None:
    assert parse_url(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:80/path",
        "http://h/",
        "ws:///path",
        "ws://h:port/",
        "ws://h:70000/",
        "ws://h:0/",
        "ws://[::1/",
        "ws://a..b/",
        "ws://user:secret@h/",
        "ws://h/#secret",
        "ws://h:port/?token=secret",
    ],
)
def test_urls_that_lead_nowhere(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_an_endpoint_is_shown_without_its_path() -> None:
    assert str(parse_url("wss://h:8443/secret?token=secret")) == "wss://h:8443"


# --- Nobody there -------------------------------------------------------------------------


async def test_connection_refused(unused_port: int) -> None:
    with patience():
        error = await failure(dialler(f"ws://127.0.0.1:{unused_port}/"))
    assert isinstance(error, LegLostError)
    assert "Connection refused" in str(error)


async def test_a_name_nobody_knows() -> None:
    with patience():
        error = await failure(dialler("ws://no-such-host.invalid/", handshake_s=2))
    assert isinstance(error, LegLostError)


async def test_a_reset_before_anything_is_said() -> None:
    async def hang_up(stream: RawStream) -> None:
        await trio.lowlevel.checkpoint()
        reset(stream)

    async with tcp_server(hang_up) as url:
        assert isinstance(await failure(dialler(url)), LegLostError)


async def test_a_connection_that_is_gone_before_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_it_gone(sock: socket.socket) -> None:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr("trioaudio.net.dialler.prepare", find_it_gone)
    async with tcp_server(answer(b"")) as url:
        error = await failure(dialler(url))
    assert isinstance(error, LegLostError)
    assert "hung up at once" in str(error)


# --- Answers that are no WebSocket --------------------------------------------------------


@pytest.mark.parametrize("stay", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno!\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\ncut off",
        b"HTTP/1.0 400 Bad Request\r\n\r\nuntil the end",
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_http_says_no(head: bytes, stay: bool) -> None:
    async with tcp_server(answer(head, stay=stay)) as url:
        error = await failure(dialler(url + "secret", handshake_s=0.3))
    assert isinstance(error, LegRefusedError)
    assert f"HTTP status {head[9:12].decode()}" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [429, 503])
async def test_http_says_not_now(status: int) -> None:
    head = b"HTTP/1.1 %d Later\r\nContent-Length: 0\r\n\r\n" % status
    async with tcp_server(answer(head)) as url:
        error = await failure(dialler(url))
    assert isinstance(error, LegLostError)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    "junk",
    [
        b"220 mail.example ESMTP\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        SWITCHING + b"Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        SWITCHING + b"Connection: \xff\r\n\r\n",
    ],
)
async def test_junk_instead_of_a_handshake(junk: bytes) -> None:
    async with tcp_server(answer(junk, stay=True)) as url:
        error = await failure(dialler(url))
    assert isinstance(error, RemoteProtocolError)
    assert judge(error) is Verdict.REFUSED


async def test_a_server_that_closes_at_once() -> None:
    async with tcp_server(answer(b"")) as url:
        error = await failure(dialler(url))
    assert isinstance(error, LegLostError)
    assert "closed the connection" in str(error)


async def test_a_server_that_resets_in_the_handshake() -> None:
    async def hang_up(stream: RawStream) -> None:
        await read_head(stream)
        reset(stream)

    async with tcp_server(hang_up) as url:
        error = await failure(dialler(url))
    assert isinstance(error, LegLostError)
    assert "reset" in str(error)


async def test_a_server_that_never_answers() -> None:
    async with tcp_server(answer(b"", stay=True)) as url:
        error = await failure(dialler(url, handshake_s=0.1))
    assert isinstance(error, LegLostError)
    assert "did not finish" in str(error)


async def test_an_answer_byte_by_byte() -> None:
    async def trickle(stream: RawStream) -> None:
        for byte in upgrade_answer(await read_head(stream)):
            await stream.send_all(bytes((byte,)))
            await trio.lowlevel.checkpoint()
        await trio.sleep_forever()

    async with tcp_server(trickle) as url, dialler(url).connect(None) as connection:
        assert connection.peer.startswith("127.0.0.1:")


async def test_a_close_may_come_with_the_answer() -> None:
    async def serve_one(stream: RawStream) -> None:
        handshake = upgrade_answer(await read_head(stream))
        await stream.send_all(handshake + frame(0x82, b"bye") + close_frame(1001))
        await stream.receive_some()

    async with tcp_server(serve_one) as url, dialler(url).connect(None) as connection:
        inbox = Inbox()
        assert await connection.receive(inbox) == Closing(1001)
        assert inbox.messages == [b"bye"]


async def test_what_we_ask_for() -> None:
    heads: list[bytes] = []

    async def note(stream: RawStream) -> None:
        heads.append(await read_head(stream))

    async with tcp_server(note) as url:
        dial = Dialler(
            parse_url(f"{url}media?id=1"), ((b"X-Token", b"t"),), ("audio.example",), None, 2, 1000
        )
        await failure(dial)
    assert heads[0].startswith(b"GET /media?id=1 HTTP/1.1\r\n")
    assert b"X-Token: t\r\n" in heads[0]
    assert b"Sec-WebSocket-Protocol: audio.example\r\n" in heads[0]


# --- TLS ----------------------------------------------------------------------------------


async def test_a_certificate_nobody_vouches_for(certificates: Certificates) -> None:
    async def serve_one(stream: RawStream) -> None:
        tls = trio.SSLStream(stream, certificates.server, server_side=True)
        with pytest.raises(trio.BrokenResourceError):
            await tls.do_handshake()

    tls = ssl.create_default_context()
    async with tcp_server(serve_one, tls=tls) as url:
        error = await failure(dialler(url, tls=tls))
    assert isinstance(error, LegRefusedError)
    assert "not trusted" in str(error)


async def test_wss_to_a_plain_port(certificates: Certificates) -> None:
    async def serve_one(stream: RawStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.receive_some()

    async with tcp_server(serve_one, tls=certificates.client) as url:
        error = await failure(dialler(url, tls=certificates.client))
    assert isinstance(error, LegRefusedError)
    assert "really a wss:// port" in str(error)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_hanging_up_in_the_tls_handshake(certificates: Certificates, how: str) -> None:
    async def serve_one(stream: RawStream) -> None:
        await stream.receive_some()
        if how == "reset":
            reset(stream)

    async with tcp_server(serve_one, tls=certificates.client) as url:
        error = await failure(dialler(url, tls=certificates.client))
    assert isinstance(error, LegLostError)


async def test_a_tls_server_that_never_answers(certificates: Certificates) -> None:
    async def serve_one(stream: RawStream) -> None:
        await trio.sleep_forever()

    async with tcp_server(serve_one, tls=certificates.client) as url:
        error = await failure(dialler(url, tls=certificates.client, handshake_s=0.1))
    assert isinstance(error, LegLostError)
    assert "did not answer within 0.1 s" in str(error)


# --- What the user of a connection raises -------------------------------------------------


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (LegLostError("gone"), Verdict.LOST),
        (LegRefusedError("no"), Verdict.REFUSED),
        (RemoteProtocolError("what?"), Verdict.REFUSED),
        (ValueError("our bug"), Verdict.BUG),
        (ExceptionGroup("both", [LegLostError("gone"), LegRefusedError("no")]), Verdict.REFUSED),
    ],
)
async def test_errors_of_the_block_come_through(error: Exception, verdict: Verdict) -> None:
    async def serve_one(stream: RawStream) -> None:
        await stream.send_all(upgrade_answer(await read_head(stream)))
        await trio.sleep_forever()

    connections: list[MediaConnection] = []

    async def connect_and_fail(url: str) -> None:
        async with dialler(url).connect(None) as connection:
            connections.append(connection)
            raise error

    async with tcp_server(serve_one) as url:
        with pytest.raises(Exception) as caught:  # noqa: PT011  the verdict is what counts
            await connect_and_fail(url)
    assert judge(caught.value) is verdict
    with pytest.raises(LegLostError):
        connections[0].outlet.try_send(b"x")
