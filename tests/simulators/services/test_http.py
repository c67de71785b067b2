"""The HTTP server: routes, keep-alive, streams, upgrades, and clients that behave badly."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import attrs
import httpx
import pytest
import trio
import trio.testing

from simulators.services.cartesia_client import dialled, refusal
from trioaudio.simulators.services.http import BODY_LIMIT, HEAD_LIMIT, Exchange, Route, serve_http
from trioaudio.simulators.services.websocket import LARGEST_MESSAGE, PeerGoneError

UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@attrs.define(eq=False)
class Site:
    """A server with one of everything."""

    port: int = 0
    gone: trio.Event = attrs.field(factory=trio.Event)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self.hello),
            Route("POST", "/echo", self.echo),
            Route("GET", "/stream/{what}/end", self.stream),
            Route("GET", "/wait", self.wait),
            Route("GET", "/half", self.half),
            Route("GET", "/reset", self.reset),
            Route("WEBSOCKET", "/ws", self.converse),
            Route("WEBSOCKET", "/refused", self.refuse),
        ]

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        await serve_http(stream, self.routes())

    async def hello(self, exchange: Exchange) -> None:
        await exchange.respond_json(200, {"query": dict(exchange.request.query)})

    async def echo(self, exchange: Exchange) -> None:
        await exchange.respond(200, exchange.request.body, content_type="application/x")

    async def stream(self, exchange: Exchange) -> None:
        await exchange.begin(200, content_type="text/x")
        for _ in range(3):
            await exchange.send(exchange.request.parameters["what"].encode())
            await exchange.send(b"")
        await exchange.finish()

    async def wait(self, exchange: Exchange) -> None:
        await exchange.begin(200, content_type="text/x")
        await exchange.send(b"begun")
        try:
            await trio.sleep_forever()
        finally:
            self.gone.set()

    async def half(self, exchange: Exchange) -> None:
        await exchange.begin(200, content_type="text/x")
        await exchange.send(b"half")

    async def reset(self, exchange: Exchange) -> None:
        exchange.reset()
        raise PeerGoneError("on purpose")

    async def converse(self, exchange: Exchange) -> None:
        async with exchange.accept_websocket(headers=[("X-Request-Id", "7")]) as websocket:
            while True:
                message = await websocket.receive()
                if message == "close":
                    await websocket.close(4000, "as asked")
                elif message == "reset":
                    websocket.reset()
                else:
                    await websocket.send(message)

    async def refuse(self, exchange: Exchange) -> None:
        await exchange.respond(int(exchange.request.query.get("status", "402")), "no")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, host="127.0.0.1")
        listeners = await nursery.start(serve, found.serve, 0)
        found.port = listeners[0].socket.getsockname()[1]
        yield found
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def raw(site: Site) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
    """Send bytes, and return all that comes back until the server closes."""
    async with await trio.open_tcp_stream("127.0.0.1", site.port) as stream:

        async def exchange(data: bytes) -> bytes:
            with contextlib.suppress(trio.BrokenResourceError), trio.fail_after(5):
                await stream.send_all(data)
                return b"".join([each async for each in stream])
            return b""

        yield exchange


async def test_requests_share_a_connection(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        assert (await client.get("/?a=1&b=x%20y&a=2")).json() == {"query": {"a": "2", "b": "x y"}}
        body = bytes(range(256)) * 1000
        reply = await client.post("/echo", content=body, headers={"Expect": "100-continue"})
        assert reply.content == body
        assert reply.headers["content-type"] == "application/x"
        assert (await client.get("/stream/%C3%A4b/end")).text == "äb" * 3
    assert site.connections == 1


async def test_a_stream_arrives_as_it_is_made(site: Site) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", site.port) as stream:
        await stream.send_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        begun = b""
        with trio.fail_after(2):
            while b"begun" not in begun:
                begun += await stream.receive_some()
        assert not site.gone.is_set()
    with trio.fail_after(2):
        await site.gone.wait()  # who hangs up is noticed, though nothing is sent


@pytest.mark.parametrize("path", ["/half", "/reset"])
async def test_an_answer_cut_short_is_an_error(site: Site, path: str) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/stream//x/end", 404),
        ("POST", "/", 405),
        ("HEAD", "/", 405),
        ("GET", "/ws", 426),
        ("POST", "/ws", 426),
    ],
)
async def test_what_is_not_there(site: Site, method: str, path: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        assert (await client.request(method, path)).status_code == status


async def test_a_body_beyond_the_bound(site: Site) -> None:
    async with raw(site) as exchange:
        head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n"
        reply = await exchange(head.encode() + bytes(BODY_LIMIT + 1))
        assert reply.startswith(b"HTTP/1.1 413") or reply == b""  # or the reset was faster


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    async with raw(site) as exchange:
        get = "GET /stream/{}/end HTTP/1.1\r\nHost: x\r\n{}\r\n"
        reply = await exchange(
            (get.format("a", "") + get.format("b", "Connection: close\r\n")).encode()
        )
        assert reply.count(b"HTTP/1.1 200") == 2
        assert reply.index(b"a\r\n") < reply.index(b"b\r\n")


async def test_a_websocket(site: Site) -> None:
    async with dialled(site.websocket_url, "/ws?a=b") as client:
        handshake = dict(client.websocket.handshake_headers)
        assert handshake[b"x-request-id"] == b"7"
        for message in ("text", b"bytes", "x" * 100_000):
            await client.websocket.send_message(message)
            assert await client.websocket.get_message() == message
        await client.websocket.send_message("close")
        assert await client.wait_closed() == (4000, "as asked")


async def test_a_websocket_that_is_reset(site: Site) -> None:
    async with dialled(site.websocket_url, "/ws") as client:
        await client.websocket.send_message("reset")
        assert (await client.wait_closed())[0] == 1006


async def test_a_websocket_that_is_refused(site: Site) -> None:
    assert await refusal(site.websocket_url, "/refused") == (402, "no")
    assert await refusal(site.websocket_url, "/refused?status=599") == (599, "no")
    assert (await refusal(site.websocket_url, "/"))[0] == 405


BAD = {
    "nothing": b"",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "half a head": b"GET / HTTP/1.1\r\nHos",
    "half a body": b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    "a head without end": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (HEAD_LIMIT + 100_000),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no key": UPGRADE.replace("-Key", "-Kez").encode() + b"\r\n",
    "an old version": UPGRADE.replace("13", "8").encode() + b"\r\n",
    "another protocol": UPGRADE.replace("WebSocket\r", "h2c\r").encode() + b"\r\n",
    "a strange host": UPGRADE.replace("Host: x", "Host: xn--\xff..").encode("latin-1") + b"\r\n",
    "a frame that is none": UPGRADE.encode() + b"\r\n" + b"\xff" * 64,
    "a frame without mask": UPGRADE.encode() + b"\r\n" + b"\x81\x02hi",
    "text that is none": UPGRADE.encode() + b"\r\n" + b"\x81\x82\0\0\0\0\xff\xff",
    "a close, then a ping": UPGRADE.encode() + b"\r\n" + b"\x88\x80\0\0\0\0\x89\x80\0\0\0\0",
    "a message beyond the bound": UPGRADE.encode()
    + b"\r\n\x82\xff"
    + (LARGEST_MESSAGE + 1).to_bytes(8, "big")
    + bytes(LARGEST_MESSAGE + 5),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
async def test_one_bad_client_is_nobody_elses_trouble(site: Site, data: bytes) -> None:
    async with dialled(site.websocket_url, "/ws") as other:
        async with await trio.open_tcp_stream("127.0.0.1", site.port) as stream:
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(data)
            with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(0.1):
                async for _ in stream:
                    pass
        await other.websocket.send_message("still there")
        assert await other.websocket.get_message() == "still there"
