"""Real posts to receivers on loopback, and to what is none."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from net.far_ends import Certificates
from net.webhook_receiver import Reply, Request, WebhookReceiver, a_receiver
from trioaudio.api.webhook_signature import verify_signature
from trioaudio.core.secret import Secret
from trioaudio.net.webhook_post import (
    LARGEST_REPLY,
    Delivered,
    Failed,
    Receiver,
    Refused,
    WebhookPoster,
    open_poster,
)
from trioaudio.net.webhook_queue import Posting

SECRET = Secret("a long random text")
NOW = 1_700_000_000.9
POSTING = Posting(f"evt_{1:032x}", "c1", "dtmf", 1.0, '{"id":"é"}'.encode())


@asynccontextmanager
async def poster_to(url: str, whole_s: float = 5.0) -> AsyncIterator[WebhookPoster]:
    receiver = Receiver(url, SECRET, whole_s=whole_s)
    async with open_poster(receiver, at_once=2, wall=lambda: NOW) as poster:
        yield poster


@asynccontextmanager
async def both(reply: Reply, whole_s: float = 5.0) -> AsyncIterator[WebhookPoster]:
    async with a_receiver(lambda _: reply) as receiver, poster_to(receiver.url, whole_s) as poster:
        yield poster


async def test_what_a_receiver_gets() -> None:
    async with a_receiver() as receiver, poster_to(receiver.url) as poster:
        assert await poster.post(POSTING) == Delivered()
        assert await poster.post(POSTING) == Delivered()
    one, two = receiver.requests
    assert (one.method, one.target, one.body) == ("POST", "/events?token=hush", POSTING.body)
    assert one.headers["content-type"] == "application/json"
    assert one.headers["content-length"] == str(len(POSTING.body))
    assert one.headers["trioaudio-event-id"] == POSTING.id
    assert one.headers["trioaudio-timestamp"] == "1700000000"
    assert one.headers["user-agent"].startswith("trioaudio/")
    verify_signature(SECRET.get(), one.headers["trioaudio-signature"], one.body, NOW)
    assert one.connection == two.connection == 1, "the connection is kept"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_taken(status: int) -> None:
    async with both(Reply(status, body=b"" if status == 204 else b"thanks")) as poster:
        assert await poster.post(POSTING) == Delivered()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_to_be_tried_again(status: int) -> None:
    async with both(Reply(status)) as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)
    assert outcome.reason.endswith(f"answers HTTP {status}")
    assert outcome.retry_after_s is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-1", None), ("99999999", None), ("Fri, 31 Dec 1999", None)],
)
async def test_when_the_receiver_says(value: str, seconds: float | None) -> None:
    async with both(Reply(429, [("Retry-After", value)])) as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s == seconds


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(400), "refuses with HTTP 400"),
        (Reply(401), "refuses with HTTP 401"),
        (Reply(404), "refuses with HTTP 404"),
        (Reply(304), "refuses with HTTP 304"),
        (Reply(302, [("Location", "http://127.0.0.1:1/")]), "redirects (HTTP 302); set its final"),
    ],
)
async def test_not_wanted(reply: Reply, said: str) -> None:
    async with both(reply) as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Refused)
    assert said in outcome.reason
    assert "hush" not in outcome.reason


async def test_a_receiver_that_closes_instead() -> None:
    async with both(Reply(drops=True)) as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)
    assert "hush" not in outcome.reason


async def test_a_receiver_that_is_silent() -> None:
    async with both(Reply(hangs=True), whole_s=0.05) as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)
    assert outcome.reason.endswith("did not answer within 0.05 s")


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    async with both(Reply(200, body=bytes(40 * LARGEST_REPLY))) as poster:
        assert await poster.post(POSTING) == Delivered()
        assert await poster.post(POSTING) == Delivered()


async def test_nobody_is_there(unused_port: int) -> None:
    async with poster_to(f"http://127.0.0.1:{unused_port}/x?token=hush") as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(f"http://127.0.0.1:{unused_port} cannot be reached: ")
    assert outcome.reason.endswith("Connection refused")
    assert "hush" not in outcome.reason


async def test_a_host_that_lets_nobody_connect() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(4):  # as many as wait for nobody; further ones are not answered
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        receiver = Receiver(url, SECRET, connect_s=0.1)
        async with open_poster(receiver, at_once=1, wall=lambda: NOW) as poster:
            outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)
    assert outcome.reason.endswith("cannot be reached: no connection within 0.1 s")


async def test_a_connection_that_is_reset() -> None:
    async def reset(stream: trio.SocketStream) -> None:
        data = b""
        while not data.endswith(POSTING.body):
            data += await stream.receive_some()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, reset, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        async with poster_to(f"http://127.0.0.1:{port}/") as poster:
            outcome = await poster.post(POSTING)
        nursery.cancel_scope.cancel()
    assert outcome == Failed(f"http://127.0.0.1:{port} closed or lost the connection")


async def test_a_host_that_is_no_name() -> None:
    async with poster_to(f"http://{'a' * 70}.example/") as poster:
        outcome = await poster.post(POSTING)
    assert isinstance(outcome, Failed)


async def test_what_speaks_no_http() -> None:
    async def babble(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"hello\r\n\r\n")

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, babble, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        port = listener.socket.getsockname()[1]
        async with poster_to(f"http://127.0.0.1:{port}/") as poster:
            outcome = await poster.post(POSTING)
        nursery.cancel_scope.cancel()
    assert outcome == Failed(f"http://127.0.0.1:{port} gave no proper HTTP answer")


async def test_over_tls_a_certificate_nobody_trusts(certificates: Certificates) -> None:
    receiver = WebhookReceiver()
    async with trio.open_nursery() as nursery:
        serve = partial(
            trio.serve_ssl_over_tcp, _forgiving(receiver), 0, certificates.server, host="127.0.0.1"
        )
        (listener,) = await nursery.start(serve)
        port = listener.transport_listener.socket.getsockname()[1]
        async with poster_to(f"https://127.0.0.1:{port}/") as poster:
            outcome = await poster.post(POSTING)
        nursery.cancel_scope.cancel()
    assert isinstance(outcome, Failed)
    assert "its certificate is not trusted" in outcome.reason
    assert receiver.requests == []


def _forgiving(
    receiver: WebhookReceiver,
) -> Callable[[trio.SSLStream[trio.SocketStream]], Awaitable[None]]:
    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            await receiver.serve(stream)
        except trio.BrokenResourceError:
            await stream.transport_stream.aclose()

    return serve


@pytest.mark.parametrize("moment", ["before", "during"])
async def test_it_can_be_cancelled_and_leaves_nothing_behind(moment: str) -> None:
    async with both(Reply(hangs=True)) as poster:
        with trio.CancelScope() as scope:
            if moment == "before":
                scope.cancel()
            else:
                scope.deadline = trio.current_time() + 0.05
            await poster.post(POSTING)
        assert scope.cancelled_caught


def test_a_receiver_is_shown_without_its_token() -> None:
    shown = repr(Receiver("https://u:pw@h/x?token=hush", SECRET))
    assert "hush" not in shown
    assert "pw" not in shown
    assert SECRET.get() not in shown


def test_requests_are_told_apart() -> None:
    request = Request("POST", "/", {}, b'{"id": 1}', 1)
    assert request.told == {"id": 1}
