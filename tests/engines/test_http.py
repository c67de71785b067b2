"""Every answer and every failure of HTTP, over real sockets."""

from __future__ import annotations

import contextlib
import gc
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trustme

from trioaudio.core.errors import ConfigError, EngineError, EngineFault, FaultScope
from trioaudio.core.secret import Secret
from trioaudio.engines._http import HttpClient, HttpRefusedError, HttpService, open_http
from trioaudio.simulators.services.http import Exchange, Route, serve_http

KEY = "sk-very-secret"


class Server:
    """A service whose answers the test gives; counts what came."""

    def __init__(self) -> None:
        self.connections = 0
        self.open = 0
        self.requests: list[str] = []
        self.keys: list[str] = []
        self.bodies: list[bytes] = []
        self.queries: list[dict[str, str]] = []
        self.gone = trio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def note(self, exchange: Exchange) -> None:
        request = exchange.request
        self.requests.append(f"{request.method} {request.path}")
        self.keys.append(request.headers.get("authorization", ""))
        self.bodies.append(request.body)
        self.queries.append(dict(request.query))


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[Exchange], Awaitable[None]],
) -> AsyncIterator[Server]:
    server = Server()

    async def noted(exchange: Exchange) -> None:
        server.note(exchange)
        await answer(exchange)

    routes = [Route(method, "/{path}", noted) for method in ("GET", "POST", "HEAD")]

    async def serve(stream: trio.SocketStream) -> None:
        server.connections += 1
        server.open += 1
        try:
            await serve_http(stream, routes)
        finally:
            server.open -= 1
            server.gone.set()
            await stream.aclose()

    async with raw_server(serve) as port:
        server.port = port
        yield server


@contextlib.asynccontextmanager
async def raw_server(
    serve: Callable[[trio.SocketStream], Awaitable[None]],
) -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def asking(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    service = HttpService("acme", url, headers, secret=Secret(KEY), tls=tls, connections=2)
    assert KEY not in repr(service)
    with trio.fail_after(10):
        async with open_http(service) as client:
            yield client


async def failure(client: HttpClient, path: str = "/speech") -> EngineError:
    with pytest.raises(EngineError) as caught:
        await client.fetch("POST", path, json={"input": "Hello."}, params={"token": KEY})
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


async def speak(exchange: Exchange) -> None:
    await exchange.begin(200, content_type="Audio/PCM; rate=24000")
    await exchange.send(b"one")
    await exchange.send(b"two")
    await exchange.finish()


async def test_a_body_comes_in_pieces_and_the_connection_is_kept() -> None:
    async with serving(speak) as server, asking(server.url) as client:
        for _ in range(3):
            async with client.stream(
                "POST", "/speech", json={"input": "Größe \ud83d"}, params={"rate": "8000"}
            ) as body:
                assert body.content_type == "audio/pcm"
                pieces = []
                while piece := await body.receive():
                    pieces.append(piece)
                assert b"".join(pieces) == b"onetwo"
                assert await body.receive() == b""
        assert await client.fetch("GET", "/voices") == b"onetwo"
        assert server.connections == 1
    assert server.requests == ["POST /speech"] * 3 + ["GET /voices"]
    assert server.keys == [f"Bearer {KEY}"] * 4
    assert server.bodies[0] == '{"input": "Größe ?"}'.encode()
    assert server.bodies[3] == b""
    assert server.queries[0] == {"rate": "8000"}


async def test_pieces_come_while_the_answer_is_still_made() -> None:
    more = trio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.begin(200, content_type="audio/pcm")
        await exchange.send(b"one")
        await more.wait()
        await exchange.send(b"two")
        await exchange.finish()

    async with (
        serving(slowly) as server,
        asking(server.url) as client,
        client.stream("GET", "/speech") as body,
    ):
        assert await body.receive() == b"one"
        more.set()
        assert await body.receive() == b"two"


async def test_a_body_left_unread_closes_its_connection_and_leaks_nothing() -> None:
    async def for_ever(exchange: Exchange) -> None:
        await exchange.begin(200, content_type="audio/pcm")
        while True:
            await exchange.send(bytes(65536))

    async with serving(for_ever) as server, asking(server.url) as client:
        for n in range(5):
            async with client.stream("GET", "/speech") as body:
                if n % 2:
                    await body.receive()
            await server.gone.wait()
            server.gone = trio.Event()
        gc.collect()  # a generator left open would warn here
        assert server.open == 0
        assert server.connections == 5


async def test_cancelled_it_lets_go_at_once() -> None:
    begun = trio.Event()

    async def stall(exchange: Exchange) -> None:
        if exchange.request.path == "/late":
            await exchange.begin(200, content_type="audio/pcm")
            await exchange.send(b"one")
        begun.set()
        await trio.sleep_forever()

    async with serving(stall) as server, asking(server.url) as client:
        for path in ("/never", "/late") * 3:  # more than there may be connections
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.fetch, "GET", path)
                await begun.wait()
                nursery.cancel_scope.cancel()
            await server.gone.wait()
            server.gone, begun = trio.Event(), trio.Event()
        gc.collect()
        assert server.open == 0


async def test_what_the_reader_raises_comes_through_as_it_is() -> None:
    async with serving(speak) as server, asking(server.url) as client:
        with pytest.raises(ZeroDivisionError):
            async with client.stream("GET", "/speech"):
                raise ZeroDivisionError


async def test_a_body_too_long_is_refused() -> None:
    async with serving(speak) as server, asking(server.url) as client:
        assert await client.fetch("GET", "/voices", most=6) == b"onetwo"
        with pytest.raises(EngineError, match="an answer beyond 5 bytes") as caught:
            await client.fetch("GET", "/voices", most=5)
    assert caught.value.kind is EngineFault.PROTOCOL


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "said"),
    [
        (
            401,
            '{"error": {"message": "wrong key", "code": "x"}}',
            EngineFault.AUTH,
            False,
            "wrong key",
        ),
        (
            402,
            '{"title": "Payment", "message": "no credit"}',
            EngineFault.QUOTA,
            False,
            "no credit",
        ),
        (
            429,
            '{"detail": {"status": "busy", "message": "slow down"}}',
            EngineFault.RATE,
            True,
            "slow d",
        ),
        (422, '{"detail": [{"msg": "no field"}]}', EngineFault.BAD_REQUEST, False, ": no field"),
        (
            400,
            '{"err_code": "X", "err_msg": "no model"}',
            EngineFault.BAD_REQUEST,
            False,
            ": no model",
        ),
        (400, '{"error": "out of words"}', EngineFault.BAD_REQUEST, False, ": out of words"),
        (400, '"just this"', EngineFault.BAD_REQUEST, False, ": just this"),
        (400, '{"error": 7, "title": "Bad"}', EngineFault.BAD_REQUEST, False, ": Bad"),
        (400, '{"error": [[[[["deep"]]]]]}', EngineFault.BAD_REQUEST, False, "400: Bad Request"),
        (400, "[" * 60000, EngineFault.BAD_REQUEST, False, ": [[["),
        (400, '{"error": ', EngineFault.BAD_REQUEST, False, ': {"error":'),
        (502, "<html><title>Bad\nGateway</title>", EngineFault.UNAVAILABLE, True, ": Bad Gateway"),
        (503, "<html></html>", EngineFault.UNAVAILABLE, True, ": Service Unavailable"),
        (500, "it\nbroke", EngineFault.UNAVAILABLE, True, ": it broke"),
        (500, "", EngineFault.UNAVAILABLE, True, "Internal Server Error"),
        (500, "x" * 100_000, EngineFault.UNAVAILABLE, True, "Internal Server Error"),
        (403, f"your key {KEY} is not mine", EngineFault.AUTH, False, "your key *** is not mine"),
        (307, "", EngineFault.UNAVAILABLE, True, "it redirects"),
    ],
)
async def test_a_refusal_says_why(
    status: int, body: str, kind: EngineFault, retryable: bool, said: str
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.respond(status, body, headers=[("Location", "http://127.0.0.1:9/")])

    async with serving(refuse) as server, asking(server.url) as client:
        error = await failure(client)
        assert isinstance(error, HttpRefusedError)
        assert error.status == status
        assert error.retry_after_s is None
        assert (error.kind, error.retryable) == (kind, retryable)
        assert error.scope is FaultScope.UTTERANCE
        assert f"acme refused with status {status}" in str(error)
        assert said in str(error)
    assert len(server.requests) == 1


async def test_a_refusal_whose_words_never_come_is_one_all_the_same() -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.begin(429, content_type="text/plain")
        exchange.reset()

    async with serving(refuse) as server, asking(server.url) as client:
        assert (await failure(client)).kind is EngineFault.RATE


@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("Retry-After", "2", 2.0),
        ("Retry-After", "0.25", 0.25),
        ("Retry-After-Ms", "120", 0.12),
        ("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("Retry-After", "-1", None),
        ("Retry-After", "nan", None),
        ("Retry-After", "1e300", None),
    ],
)
async def test_how_long_to_leave_it_alone(header: str, value: str, seconds: float | None) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.respond(429, headers=[(header, value)])

    async with serving(refuse) as server, asking(server.url) as client:
        error = await failure(client)
    assert isinstance(error, HttpRefusedError)
    assert error.retry_after_s == seconds


async def test_a_compressed_answer_is_refused() -> None:
    async def compress(exchange: Exchange) -> None:
        assert exchange.request.headers["accept-encoding"] == "identity"
        data = zlib.compress(bytes(10_000_000))
        await exchange.respond(200, data, headers=[("Content-Encoding", "deflate")])

    async with serving(compress) as server, asking(server.url) as client:
        error = await failure(client)
    assert error.kind is EngineFault.PROTOCOL


async def reset_early(exchange: Exchange) -> None:
    await trio.lowlevel.checkpoint()
    exchange.reset()


async def reset_late(exchange: Exchange) -> None:
    await exchange.begin(200, content_type="audio/pcm")
    await exchange.send(b"one")
    exchange.reset()


async def close_late(exchange: Exchange) -> None:
    await exchange.begin(200, content_type="audio/pcm")
    await exchange.send(b"one")  # and never finish: the server then closes


@pytest.mark.parametrize("answer", [reset_early, reset_late, close_late])
async def test_a_connection_lost_is_unavailable(
    answer: Callable[[Exchange], Awaitable[None]],
) -> None:
    async with serving(answer) as server, asking(server.url) as client:
        error = await failure(client)
    assert error.kind is EngineFault.UNAVAILABLE
    assert error.retryable
    assert error.scope is FaultScope.CONNECTION
    assert "closed or lost the connection" in str(error)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", EngineFault.UNAVAILABLE),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", EngineFault.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n", EngineFault.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", EngineFault.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000, EngineFault.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", EngineFault.UNAVAILABLE),
    ],
)
async def test_what_is_no_http(said: bytes, kind: EngineFault) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            while b"}" not in await stream.receive_some():
                pass
            await stream.send_all(said)

    async with raw_server(serve) as port, asking(f"http://127.0.0.1:{port}") as client:
        error = await failure(client)
    assert error.kind is kind
    assert error.retryable


async def test_nobody_there() -> None:
    async def nothing(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with raw_server(nothing) as port:
        pass
    async with asking(f"http://127.0.0.1:{port}") as client:
        error = await failure(client)
        assert error.kind is EngineFault.UNAVAILABLE
        assert f"http://127.0.0.1:{port} cannot be reached: " in str(error)
        assert error.scope is FaultScope.CONNECTION
        await client.warm()  # and says nothing
    async with asking("http://no-such-host.invalid") as client:
        assert (await failure(client)).kind is EngineFault.UNAVAILABLE


async def test_a_url_with_a_key_in_it_is_not_shown() -> None:
    async with asking(f"http://user:{KEY}@127.0.0.1:9") as client:
        await failure(client)


@pytest.mark.parametrize("path", ["/speech\x00", "/" + "x" * 70_000])
async def test_a_path_that_is_none_is_our_fault(path: str) -> None:
    async with serving(speak) as server, asking(server.url) as client:
        error = await failure(client, path)
    assert (error.kind, error.retryable) == (EngineFault.BAD_REQUEST, False)


@pytest.mark.parametrize("url", [f"http://a:{KEY}@[::1", f"http://a:{KEY}@b:c", "http://\x00"])
async def test_a_url_that_is_none_is_the_operators_fault(url: str) -> None:
    with pytest.raises(ConfigError, match="acme cannot be asked at ") as caught:
        async with open_http(HttpService("acme", url)):
            pytest.fail("it opened")
    assert KEY not in str(caught.value)


async def test_too_many_requests_wait_for_a_connection() -> None:
    busy, go_on = trio.Event(), trio.Event()

    async def wait(exchange: Exchange) -> None:
        if len(server.requests) == 2:
            busy.set()
        await go_on.wait()
        await speak(exchange)

    async with serving(wait) as server, asking(server.url) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(client.fetch, "GET", "/speech")
            await busy.wait()
            go_on.set()
        assert server.connections == 2
        assert len(server.requests) == 4


async def test_warm_it_has_a_connection_ready() -> None:
    async def answer(exchange: Exchange) -> None:
        await (exchange.respond(404) if exchange.request.method == "HEAD" else speak(exchange))

    async with serving(answer) as server, asking(server.url) as client:
        await client.warm("/anything")
        assert server.requests == ["HEAD /anything"]
        await client.fetch("GET", "/speech")
        assert server.connections == 1


async def test_tls_is_verified(ca: trustme.CA) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    seen: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        with contextlib.suppress(trio.BrokenResourceError):
            seen.append(bytes(await secure.receive_some(4)))
            await secure.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await secure.receive_some()

    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with raw_server(serve) as port:
        async with asking(f"https://127.0.0.1:{port}", trusting) as client:
            assert await client.fetch("POST", "/speech", json={}) == b"ok"
        async with asking(f"https://127.0.0.1:{port}", ssl.create_default_context()) as client:
            error = await failure(client)
        # Whoever forgets the context trusts nobody, rather than everybody.
        async with asking(f"https://127.0.0.1:{port}") as client:
            assert (await failure(client)).kind is EngineFault.UNAVAILABLE
    assert "its certificate is not trusted: " in str(error)
    assert b"".join(seen) == b"POST", "who is not trusted is asked nothing"


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


async def test_proxies_of_the_environment_are_not_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(speak) as server, asking(server.url) as client:
        assert await client.fetch("GET", "/speech") == b"onetwo"


async def test_the_log_does_not_show_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(speak) as server, asking(server.url) as client:
        await client.fetch("GET", "/speech")
    assert KEY not in caplog.text


async def test_silence_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.engines._http.READ_S", 0.05)

    async def stall(exchange: Exchange) -> None:
        await trio.sleep_forever()

    async with serving(stall) as server, asking(server.url) as client:
        error = await failure(client)
    assert error.kind is EngineFault.TIMEOUT
    assert error.retryable
    assert "acme sent nothing for 0.05 s" in str(error)


async def test_who_does_not_answer_the_call_is_a_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trioaudio.engines._http.CONNECT_S", 0.05)
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as full:
            for _ in range(2):  # one in the queue and one too many: the next is not answered
                waiting = full.enter_context(trio.socket.socket())
                with trio.move_on_after(0.02):
                    await waiting.connect(("127.0.0.1", port))
            async with asking(f"http://127.0.0.1:{port}") as client:
                error = await failure(client)
    assert error.kind is EngineFault.TIMEOUT
    assert "cannot be reached at" in str(error)


async def test_no_free_connection_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.engines._http.READ_S", 0.1)

    async def drip(exchange: Exchange) -> None:
        await exchange.begin(200, content_type="audio/pcm")
        await exchange.send(b"one")
        await trio.sleep_forever()

    async with (
        serving(drip) as server,
        asking(server.url) as client,
        client.stream("GET", "/one") as one,
        client.stream("GET", "/two") as two,
    ):
        assert await one.receive() == await two.receive() == b"one"
        error = await failure(client)
    assert error.kind is EngineFault.TIMEOUT
    assert "has no free one of 2 connections" in str(error)
