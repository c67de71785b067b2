from __future__ import annotations

from contextlib import suppress

import pytest
import trio

from net.far_ends import Certificates
from trioaudio.core.call_control import AnswerDocument
from trioaudio.core.errors import ConfigError
from trioaudio.net import answer_page
from trioaudio.net.answer_page import AnswerPage, open_answer_page

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
            await stream.send_all(junk)
            await stream.send_eof()
            with suppress(trio.BrokenResourceError):  # closed with something unread
                assert b"200" not in await stream.receive_some(4096)
        assert (await ask(page, get(page.path))).startswith(b"HTTP/1.1 200 ")


async def test_who_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_page, "PATIENCE_S", 0.1)
    async with open_answer_page("127.0.0.1", 0) as page:
        assert await ask(page, b"GET / HT") == b""


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
