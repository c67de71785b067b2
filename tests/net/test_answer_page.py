from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import trio

from net.far_ends import Certificates
from trioaudio.core.call_control import AnswerDocument
from trioaudio.core.errors import ConfigError
from trioaudio.net import answer_page
from trioaudio.net.answer_page import (
    MOST_CONNECTIONS,
    MOST_OF_ONE_ADDRESS,
    AnswerPage,
    _Room,
    _Visit,
    open_answer_page,
)
from trioaudio.net.upgrade_head import LINES_LIMIT

DOCUMENT = AnswerDocument("application/xml", "<Response/>")


async def ask(page: AnswerPage, request: bytes) -> bytes:
    host, _, port = page.address.rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(request)
        return b"".join([chunk async for chunk in stream])


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


async def test_the_document_is_fetched_by_its_path() -> None:
    async with open_answer_page("127.0.0.1", 0) as page:
        page.document = DOCUMENT
        for request in (get(page.path), get(f"{page.path}?CallUUID=1&From=2")):
            head, _, body = (await ask(page, request)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert b"application/xml" in head
            assert body == b"<Response/>"
        assert (await ask(page, get(page.path, "HEAD"))).endswith(b"\r\n\r\n")
        assert page.fetched == 3


async def test_nothing_else_is_there() -> None:
    async with open_answer_page("127.0.0.1", 0) as page:
        assert (await ask(page, get(page.path))).startswith(b"HTTP/1.1 404 "), "not told yet"
        page.document = DOCUMENT
        for path in ("/", "/answer/", "/answer/guessed", f"{page.path}x"):
            answer = await ask(page, get(path))
            assert answer.startswith(b"HTTP/1.1 404 ")
            assert b"Response/" not in answer
        assert (await ask(page, get(page.path, "POST"))).startswith(b"HTTP/1.1 405 ")
        assert page.fetched == 0


@pytest.mark.parametrize("junk", [b"", b"\0\0\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x" * 20_000])
async def test_junk_ends_its_own_connection_only(junk: bytes) -> None:
    async with open_answer_page("127.0.0.1", 0) as page:
        page.document = DOCUMENT
        host, _, port = page.address.rpartition(":")
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            with suppress(trio.BrokenResourceError):  # closed with something unread
                await stream.send_all(junk)
                await stream.send_eof()
                assert b"200" not in await stream.receive_some(4096)
        assert (await ask(page, get(page.path))).startswith(b"HTTP/1.1 200 ")


async def test_who_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_page, "PATIENCE_S", 0.1)
    async with open_answer_page("127.0.0.1", 0) as page:
        assert await ask(page, b"GET / HT") == b""


async def connected(page: AnswerPage) -> trio.SocketStream:
    host, _, port = page.address.rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


async def test_who_only_connects_makes_room_for_who_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From one address too, since a proxy may stand in front."""
    monkeypatch.setattr(answer_page, "PATIENCE_S", 60)
    with trio.fail_after(8):
        async with open_answer_page("127.0.0.1", 0) as page, AsyncExitStack() as stack:
            page.document = DOCUMENT
            crowd = [
                await stack.enter_async_context(await connected(page))
                for _ in range(3 * MOST_OF_ONE_ADDRESS)
            ]
            for stream in crowd[: -MOST_OF_ONE_ADDRESS + 1]:  # the page looks in any order
                await stream.send_all(b"GET / HT")
            assert (await ask(page, get(page.path))).startswith(b"HTTP/1.1 200 ")
            left = 0
            for stream in crowd:
                with trio.move_on_after(0.01) as scope, suppress(trio.BrokenResourceError):
                    assert await stream.receive_some(1) == b""
                left += scope.cancelled_caught
            assert left == MOST_OF_ONE_ADDRESS - 1


async def test_who_is_being_answered_is_not_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_page, "PATIENCE_S", 60)
    body = "<Response/>" * 1_000_000  # more than the kernel takes of it
    with trio.fail_after(8):
        async with (
            open_answer_page("127.0.0.1", 0) as page,
            await connected(page) as slow,
            AsyncExitStack() as stack,
        ):
            page.document = AnswerDocument("application/xml", body)
            await slow.send_all(get(page.path))
            assert await slow.receive_some(4) == b"HTTP"
            for _ in range(2 * MOST_OF_ONE_ADDRESS):
                await stack.enter_async_context(await connected(page))
            # The newest one is answered, so the page has seen all of them.
            assert (await ask(page, get("/"))).startswith(b"HTTP/1.1 404 ")
            answer = b"".join([chunk async for chunk in slow])
            assert answer.endswith(b"\r\n\r\n" + body.encode())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_silent_crowd_takes_few_descriptors() -> None:
    with trio.fail_after(8):
        async with open_answer_page("127.0.0.1", 0) as page, AsyncExitStack() as stack:
            page.document = DOCUMENT
            before = open_files()
            for _ in range(200):
                await stack.enter_async_context(await connected(page))
            assert (await ask(page, get(page.path))).startswith(b"HTTP/1.1 200 ")
            assert open_files() - before - 200 <= MOST_OF_ONE_ADDRESS


def visit(site: str, *, asked: bool = False) -> _Visit:
    return _Visit(site, trio.CancelScope(), asked)


async def test_who_has_asked_keeps_its_place() -> None:
    room = _Room()
    asking = [visit("a", asked=True) for _ in range(MOST_OF_ONE_ADDRESS)]
    assert all(room.enter(each) for each in asking)
    assert not room.enter(visit("a"))
    assert not any(each.scope.cancel_called for each in asking)
    assert room.enter(visit("b"))
    await trio.lowlevel.checkpoint()
    room.leave(asking[0])
    assert room.enter(visit("a"))


async def test_there_is_an_end_to_all_addresses_together() -> None:
    room = _Room()
    first = visit("first")
    assert room.enter(first)
    crowd = [visit(str(number), asked=True) for number in range(MOST_CONNECTIONS - 1)]
    assert all(room.enter(each) for each in crowd)
    assert not first.scope.cancel_called
    assert room.enter(visit("newcomer", asked=True))
    assert first.scope.cancel_called
    assert not room.enter(visit("one more"))
    await trio.lowlevel.checkpoint()
    room.leave(first)  # its task ends: it had no place any more
    assert not room.enter(visit("one more"))


async def test_a_head_of_very_many_lines_is_not_read() -> None:
    async with open_answer_page("127.0.0.1", 0) as page:
        page.document = DOCUMENT
        head = get(page.path).removesuffix(b"\r\n")
        assert await ask(page, head + b"a:\r\n" * LINES_LIMIT + b"\r\n") == b""
        fewer = head + b"a:\r\n" * (LINES_LIMIT - 1) + b"\r\n"
        assert (await ask(page, fewer)).startswith(b"HTTP/1.1 200 ")


async def test_over_tls(certificates: Certificates) -> None:
    async with open_answer_page("127.0.0.1", 0, certificates.server) as page:
        page.document = DOCUMENT
        host, _, port = page.address.rpartition(":")
        stream = await trio.open_ssl_over_tcp_stream(
            host, int(port), ssl_context=certificates.client, https_compatible=True
        )
        async with stream:
            await stream.send_all(get(page.path))
            assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 200 OK")


async def test_an_address_in_use_is_said() -> None:
    async with open_answer_page("127.0.0.1", 0) as page:
        port = int(page.address.rpartition(":")[2])
        with pytest.raises(ConfigError, match="cannot listen"):
            async with open_answer_page("127.0.0.1", port):
                pass
