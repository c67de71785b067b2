"""The socket to a service against real servers on loopback, well-behaved ones and others."""

from __future__ import annotations

import json
import os
import socket as sockets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing
from websockets.trio.server import ServerConnection, serve

from engines.listening import files_of
from net.far_ends import (
    Certificates,
    RawStream,
    close_frame,
    frame,
    issue_certificates,
    read_all,
    read_head,
    reset,
    tcp_server,
    upgrade_answer,
)
from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.core.websocket_frame import Opcode
from trioaudio.engines import _service_socket
from trioaudio.engines._service_socket import (
    LARGEST_MESSAGE,
    ServiceAddress,
    ServiceSocket,
    open_service_socket,
)

KEY = "sk-0123456789abcdef"
HEADERS = (("Authorization", f"Bearer {KEY}"), ("Acme-Version", "2026-03-01"))


@pytest.fixture
def unused_port() -> int:
    with sockets.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return issue_certificates()


@asynccontextmanager
async def service(
    converse: Callable[[ServerConnection], Awaitable[None]],
    certificates: Certificates | None = None,
) -> AsyncIterator[str]:
    """Serve WebSockets by the `websockets` library; gives the URL."""
    tls = certificates.server if certificates else None
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                partial(
                    serve, converse, 0, host="127.0.0.1", ssl=tls, max_size=None, close_timeout=1
                )
            )
            port = server.listeners[0].socket.getsockname()[1]
            yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/speak?voice=v&api_key={KEY}"
            nursery.cancel_scope.cancel()


def address(url: str, tls: ssl.SSLContext | None = None) -> ServiceAddress:
    return ServiceAddress("acme", url, HEADERS, tls)


async def failure(url: str, tls: ssl.SSLContext | None = None) -> EngineError:
    """Return why a service cannot be opened; no error gives a key away."""
    with trio.fail_after(5), pytest.raises(EngineError) as caught:
        async with open_service_socket(address(url, tls)):
            pass
    error = caught.value
    assert error.scope is FaultScope.CONNECTION
    assert KEY not in f"{error!r}{error.__cause__!r}"
    return error


def hang_up(stream: RawStream) -> None:
    stream.socket.close()


def answering(
    head: bytes, then: Callable[[RawStream], None] | None = None
) -> Callable[[RawStream], Awaitable[None]]:
    """Answer whatever comes with these bytes; wait for the client to go unless `then` ends it."""

    async def answer(stream: RawStream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(head)
        if then is None:
            await read_all(stream)
        else:
            then(stream)

    return answer


def refusing(status: int, body: bytes, *, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, size, body)


async def test_it_sends_what_it_was_told_and_gives_text_and_bytes() -> None:
    heard: list[object] = []

    async def converse(websocket: ServerConnection) -> None:
        request = websocket.request
        assert request is not None
        heard.extend((request.path, request.headers["authorization"], websocket.subprotocol))
        async for message in websocket:
            await websocket.send(message)

    async with service(converse) as url, open_service_socket(address(url)) as socket:
        await socket.send('{"text": "नमस्ते 😀"}')
        assert await socket.receive() == '{"text": "नमस्ते 😀"}'
        await socket.send(bytes(range(256)) * 1000)
        assert await socket.receive() == bytes(range(256)) * 1000
        await socket.ping()
        assert not socket.closed
    assert heard == [f"/speak?voice=v&api_key={KEY}", f"Bearer {KEY}", None]


async def test_over_tls_the_service_must_be_trusted(certificates: Certificates) -> None:
    async def converse(websocket: ServerConnection) -> None:
        await websocket.send("hello")
        await trio.sleep_forever()

    async with service(converse, certificates) as url:
        async with open_service_socket(address(url, certificates.client)) as socket:
            assert await socket.receive() == "hello"
        for context in (None, ssl.create_default_context()):
            error = await failure(url, context)
            assert error.kind is EngineFault.UNAVAILABLE
            assert "certificate is not trusted: unable to get local issuer" in str(error)
        wrong_name = url.replace("127.0.0.1", "localhost")
        async with open_service_socket(address(wrong_name, certificates.client)) as socket:
            assert await socket.receive() == "hello"
        plain = await failure(url.replace("wss:", "ws:"))
        assert "during the WebSocket handshake" in str(plain)


async def test_tls_to_a_service_without_it_is_named() -> None:
    async with tcp_server(answering(refusing(400, b"plain HTTP, please"))) as url:
        error = await failure(url.replace("ws:", "wss:"), ssl.create_default_context())
    assert error.kind is EngineFault.UNAVAILABLE
    assert "TLS failed: WRONG_VERSION_NUMBER" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, EngineFault.BAD_REQUEST, False),
        (401, EngineFault.AUTH, False),
        (402, EngineFault.QUOTA, False),
        (403, EngineFault.AUTH, False),
        (404, EngineFault.BAD_REQUEST, False),
        (408, EngineFault.TIMEOUT, True),
        (409, EngineFault.UNAVAILABLE, True),
        (429, EngineFault.RATE, True),
        (500, EngineFault.UNAVAILABLE, True),
        (503, EngineFault.UNAVAILABLE, True),
        (302, EngineFault.UNAVAILABLE, True),
        (200, EngineFault.UNAVAILABLE, True),
    ],
)
async def test_a_refusal_has_its_status_kind_and_the_services_words(
    status: int, kind: EngineFault, retryable: bool
) -> None:
    body = json.dumps({"title": "Not", "message": f"never with key {KEY}"}).encode()
    async with tcp_server(answering(refusing(status, body))) as url:
        error = await failure(url)
    assert f"acme refused with status {status}: never with key ***" in str(error)
    assert (error.kind, error.retryable) == (kind, retryable)


async def test_the_status_counts_when_it_hangs_up_in_the_middle_of_its_words() -> None:
    head = refusing(429, b"too many of y", length=500)
    async with tcp_server(answering(head, hang_up)) as url:
        error = await failure(url)
    assert str(error) == "acme refused with status 429: too many of y"
    assert error.kind is EngineFault.RATE


async def test_a_refusal_without_length_or_words_is_one_too() -> None:
    head = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\nwrong key"
    async with tcp_server(answering(head, hang_up)) as url:
        assert str(await failure(url)) == ("acme refused with status 401: wrong key; check its key")
    async with tcp_server(answering(refusing(402, b""))) as url:
        assert str(await failure(url)) == (
            "acme refused with status 402; the account has no credit left"
        )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak WebSocket"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "does not speak WebSocket"),
        (b"\xff" * 100_000, "does not speak WebSocket"),
        (b"", "closed the connection during the WebSocket handshake"),
        (b"HTTP/1.", "closed the connection during the WebSocket handshake"),
    ],
)
async def test_what_is_no_websocket_is_unavailable(answer: bytes, words: str) -> None:
    async with tcp_server(answering(answer, hang_up)) as url:
        error = await failure(url)
    assert words in str(error)
    assert (error.kind, error.retryable) == (EngineFault.UNAVAILABLE, True)


async def test_nobody_there_is_unavailable(unused_port: int) -> None:
    error = await failure(f"ws://127.0.0.1:{unused_port}/speak?api_key={KEY}")
    assert error.kind is EngineFault.UNAVAILABLE
    assert str(error) == (
        f"acme is not available: ws://127.0.0.1:{unused_port}/speak?*** cannot be reached:"
        f" Error connecting to ('127.0.0.1', {unused_port}): Connection refused"
    )


@pytest.mark.parametrize("secure", [False, True])
async def test_a_service_that_never_answers_is_too_late(
    secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_service_socket, "HANDSHAKE_S", 0.1)

    async def mute(stream: RawStream) -> None:
        await read_all(stream)

    async with tcp_server(mute) as url:
        error = await failure(url.replace("ws:", "wss:") if secure else url)
    assert (error.kind, error.retryable) == (EngineFault.TIMEOUT, True)
    assert "did not answer at" in str(error)
    assert "within 0.1 s" in str(error)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1000, "connection idle timeout", "code 1000, connection idle timeout"),
        (1000, "", "code 1000"),
        (1008, f"no\nsuch key {KEY}", "code 1008, no such key ***"),
        (1011, "over", "code 1011, over"),
        (4001, "quota", "code 4001, quota"),
    ],
)
async def test_a_close_is_an_error_whatever_its_code(code: int, reason: str, words: str) -> None:
    async def converse(websocket: ServerConnection) -> None:
        await websocket.send("one")
        await websocket.aclose(code, reason)

    async with service(converse) as url, open_service_socket(address(url)) as socket:
        assert await socket.receive() == "one"
        for use in (socket.receive, socket.receive, partial(socket.send, "two"), socket.ping):
            with pytest.raises(EngineError) as caught:
                await use()
            assert str(caught.value) == (
                f"acme is not available: it closed the connection ({words})"
            )
            assert caught.value.kind is EngineFault.UNAVAILABLE
            assert caught.value.retryable
            assert caught.value.scope is FaultScope.CONNECTION
        assert socket.closed


@asynccontextmanager
async def opened_to(
    then: Callable[[RawStream], Awaitable[None]],
) -> AsyncIterator[ServiceSocket]:
    """Open a WebSocket whose far end then does what it likes on the bare stream."""

    async def answer(stream: RawStream) -> None:
        await stream.send_all(upgrade_answer(await read_head(stream)))
        await then(stream)

    async with tcp_server(answer) as url, open_service_socket(address(url)) as socket:
        yield socket


async def lose_by_reset(stream: RawStream) -> None:
    await stream.receive_some(1)
    reset(stream)


async def lose_by_end(stream: RawStream) -> None:
    await stream.receive_some(1)
    await stream.aclose()


@pytest.mark.parametrize("lose", [lose_by_reset, lose_by_end])
async def test_a_lost_connection_ends_every_wait(
    lose: Callable[[RawStream], Awaitable[None]],
) -> None:
    failed = 0
    async with opened_to(lose) as socket:

        async def use(wait: Callable[[], Awaitable[object]]) -> None:
            nonlocal failed
            with pytest.raises(EngineError, match="acme is not available: the connection was lost"):
                await wait()
            failed += 1

        with trio.fail_after(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(use, socket.receive)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(use, socket.ping)
        await use(partial(socket.send, "two"))
        await use(socket.ping)
        assert socket.closed
    assert failed == 4


@pytest.mark.parametrize(
    "junk",
    [
        frame(0x83, b"reserved opcode"),
        frame(0x80 | Opcode.TEXT, b"\xff\xfe no text"),
        frame(0xF2, b"reserved bits"),
        frame(0x80 | Opcode.CLOSE, b"\x03"),
        frame(0x80 | Opcode.CLOSE, b"\x03\xe8\xff\xff"),
        frame(0x80, b"a continuation of nothing"),
        frame(0x82, bytes(LARGEST_MESSAGE + 1)),
    ],
    ids=["opcode", "text", "bits", "short-close", "close-words", "continuation", "too-large"],
)
async def test_junk_ends_the_socket_and_nobody_else(junk: bytes) -> None:
    async def babble(stream: RawStream) -> None:
        await stream.send_all(frame(0x80 | Opcode.TEXT, b"fine"))
        try:
            await stream.send_all(junk)
            await read_all(stream)
        except trio.BrokenResourceError:
            pass

    with trio.fail_after(5):
        async with opened_to(babble) as socket:
            assert await socket.receive() == "fine"
            with pytest.raises(EngineError) as caught:
                await socket.receive()
            assert caught.value.kind is EngineFault.UNAVAILABLE
            with pytest.raises(EngineError):
                await socket.ping()


async def test_a_ping_that_crosses_our_close_hurts_nobody() -> None:
    crossed = trio.Event()

    async def cross(stream: RawStream) -> None:
        await stream.receive_some(2)
        await stream.send_all(frame(0x80 | Opcode.PING, b"there?") + close_frame(1000))
        await read_all(stream)
        crossed.set()

    async with opened_to(cross):
        pass
    with trio.fail_after(2):
        await crossed.wait()


async def test_it_leaves_soon_though_the_service_never_answers_its_close() -> None:
    async def ignore_all(stream: RawStream) -> None:
        await read_all(stream)

    with trio.fail_after(5):
        async with opened_to(ignore_all):
            began = trio.current_time()
        assert trio.current_time() - began < 2


async def test_cancelled_it_leaves_soon_and_the_blocks_own_errors_come_out_as_they_are() -> None:
    async def converse(websocket: ServerConnection) -> None:
        await trio.sleep_forever()

    async with service(converse) as url:
        with trio.fail_after(2), trio.CancelScope() as scope:
            async with open_service_socket(address(url)) as socket:
                scope.cancel()
                await socket.receive()
        assert scope.cancelled_caught
        with pytest.raises(KeyError):
            async with open_service_socket(address(url)):
                raise KeyError


async def test_nothing_is_left_open_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_service_socket, "HANDSHAKE_S", 0.05)
    before = len(files_of(os.getpid()))

    async def mute(stream: RawStream) -> None:
        await read_all(stream)

    for answer in (answering(refusing(401, b"no")), mute, answering(b"junk\r\n\r\n")):
        async with tcp_server(answer) as url:
            for each in (url, url.replace("ws:", "wss:")):
                await failure(each)
    async with opened_to(lose_by_end) as socket:
        with pytest.raises(EngineError):
            await socket.ping()
    assert len(files_of(os.getpid())) <= before


def test_an_address_shows_no_key() -> None:
    shown = repr(address(f"wss://user:{KEY}@host/speak?api_key={KEY}"))
    assert KEY not in shown
    assert "wss://***@host/speak?***" in shown


def test_only_secrets_are_masked_in_what_a_service_says() -> None:
    where = ServiceAddress("acme", "wss://host", (*HEADERS, ("x-api-key", "abc")))
    words = f"Bearer {KEY} of version 2026-03-01 abc"
    assert where.masked(words) == "Bearer *** of version 2026-03-01 abc"
