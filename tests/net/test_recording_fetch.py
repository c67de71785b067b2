"""Recordings from real servers on loopback, and from what is none; and what is not allowed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from core.wav_files import TUNE, wav_file
from net.far_ends import Certificates
from trioaudio.core.errors import ConfigError, RecordingError
from trioaudio.net.recording_fetch import (
    RecordingFetch,
    _read_prefixes,
    open_recording_fetch,
)

WAV = wav_file(TUNE.tobytes())
Converse = Callable[[trio.SocketStream], Awaitable[None]]


def answer(body: bytes, status: str = "200 OK", *heads: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *heads]
    return "\r\n".join([*lines, "", ""]).encode() + body


@attrs.define
class Server:
    """Answers every request with the same bytes, and keeps what it was asked."""

    data: bytes
    asked: list[str] = attrs.field(factory=list)

    async def converse(self, stream: trio.abc.Stream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            some = await stream.receive_some(65536)
            if not some:
                return
            head += bytes(some)
        self.asked.append(head.decode())
        with trio.move_on_after(5):
            try:
                await stream.send_all(self.data)
                await stream.aclose()
            except trio.BrokenResourceError:
                return


@asynccontextmanager
async def served(converse: Converse) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, converse, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def fetching(
    converse: Converse, *, whole_s: float = 5.0, largest: int = 10 << 20
) -> AsyncIterator[tuple[RecordingFetch, str]]:
    async with (
        served(converse) as url,
        open_recording_fetch([f"{url}/prompts"], whole_s=whole_s, largest=largest) as fetch,
    ):
        yield fetch, f"{url}/prompts/tune.wav"


async def test_a_recording_is_fetched_as_it_is() -> None:
    server = Server(answer(WAV))
    async with fetching(server.converse) as (fetch, url):
        assert await fetch.fetch(url) == WAV
        assert await fetch.fetch(f"{url}?signature=a%2Fb") == WAV
    first, second = server.asked
    assert first.startswith("GET /prompts/tune.wav HTTP/1.1\r\n")
    assert second.startswith("GET /prompts/tune.wav?signature=a%2Fb HTTP/1.1\r\n")
    assert "accept-encoding: identity" in first.lower()
    assert "cookie" not in (first + second).lower()


async def test_a_recording_without_a_length_is_fetched_to_its_end() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + WAV)
    async with fetching(server.converse) as (fetch, url):
        assert await fetch.fetch(url) == WAV


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "broke off"),
        (b"SMTP ready\r\n\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + WAV[:99], "broke off"),
        (answer(b"<html>"), "is no WAV file"),
        (answer(b"RIFF\0\0\0\0AVI xxxx"), "is no WAV file"),
        (answer(WAV[:11]), "is no WAV file"),
        (answer(b""), "is no WAV file"),
        (answer(b"no", "404 Not Found"), "was answered with HTTP 404"),
        (answer(WAV, "206 Partial Content"), "was answered with HTTP 206"),
        (answer(b"", "302 Found", "Location: http://127.0.0.1:1/"), r"is elsewhere \(HTTP 302\)"),
        (answer(b"", "301 Moved Permanently", "Location: /prompts/b.wav"), "give its final URL"),
    ],
)
async def test_what_is_no_recording_is_told_in_one_line(data: bytes, words: str) -> None:
    server = Server(data)
    async with fetching(server.converse) as (fetch, url):
        with pytest.raises(RecordingError, match=words) as caught:
            await fetch.fetch(f"{url}?signature=secret")
        assert str(caught.value).startswith(f"the recording '{url}' ")
    assert len(server.asked) == 1, "no redirect is followed and nothing is asked twice"
    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value)


async def test_a_recording_that_is_too_large_is_not_even_begun() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10485761\r\n\r\n" + WAV)
    async with fetching(server.converse) as (fetch, url):
        with pytest.raises(RecordingError, match="is larger than 10 MiB"):
            await fetch.fetch(url)


async def test_one_that_does_not_say_so_is_cut() -> None:
    sent = 0
    cut = trio.Event()

    async def endless(stream: trio.SocketStream) -> None:
        nonlocal sent
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n" + WAV)
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(bytes(65536))
                sent += 65536
        cut.set()

    async with fetching(endless, largest=1 << 20) as (fetch, url):
        with pytest.raises(RecordingError, match="is larger than 1 MiB"):
            await fetch.fetch(url)
        with trio.fail_after(5):
            await cut.wait()
    assert 0 < sent < 20 << 20


async def test_a_recording_has_its_time() -> None:
    async def slow(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + WAV[:100])
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(b"x")
                await trio.sleep(0.02)

    began = trio.current_time()
    async with fetching(slow, whole_s=0.3) as (fetch, url):
        with pytest.raises(RecordingError, match=r"did not come within 0\.3 s"):
            await fetch.fetch(url)
        assert trio.current_time() - began < 3


async def test_cancelled_it_leaves_nothing_behind() -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nRIFF")
        await trio.sleep_forever()

    async with fetching(silent) as (fetch, url):
        for after in (0.0, 0.001, 0.01, 0.1):
            with trio.move_on_after(after) as scope:
                await fetch.fetch(url)
            assert scope.cancelled_caught


async def test_many_are_fetched_at_once() -> None:
    server = Server(answer(WAV))
    async with fetching(server.converse) as (fetch, url), trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(fetch.fetch, url)
    assert len(server.asked) == 40


async def test_who_cannot_be_reached_is_told(unused_port: int) -> None:
    url = f"http://127.0.0.1:{unused_port}/"
    async with open_recording_fetch([url, "https://nobody.invalid/"]) as fetch:
        with pytest.raises(RecordingError, match=r"cannot be reached: .*Connection refused"):
            await fetch.fetch(f"{url}a.wav")
        with pytest.raises(RecordingError, match="cannot be reached"):
            await fetch.fetch("https://nobody.invalid/a.wav")


async def test_a_host_that_is_no_name_is_told() -> None:
    async with open_recording_fetch(["http://media..example.com/"]) as fetch:
        with pytest.raises(RecordingError, match="its host is no name"):
            await fetch.fetch("http://media..example.com/a.wav")


async def test_who_accepts_nothing_has_no_more_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        with socket.create_connection(("127.0.0.1", full.getsockname()[1])):
            async with open_recording_fetch([url], whole_s=0.2) as fetch:
                with pytest.raises(RecordingError, match=r"did not come within 0\.2 s"):
                    await fetch.fetch(f"{url}a.wav")


async def test_a_connection_that_is_reset_is_told() -> None:
    async def reset(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n" + WAV)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with fetching(reset) as (fetch, url):
        with pytest.raises(RecordingError, match="broke off"):
            await fetch.fetch(url)


async def test_over_tls(certificates: Certificates) -> None:
    server = Server(answer(WAV))

    async def converse(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, certificates.server, server_side=True, https_compatible=True)
        await server.converse(tls)

    async with served(converse) as plain:
        url = plain.replace("http:", "https:")
        async with open_recording_fetch([url], tls_context=certificates.client) as fetch:
            assert await fetch.fetch(f"{url}/a.wav") == WAV
            with pytest.raises(ConfigError, match="may not be fetched"):
                await fetch.fetch(f"{plain}/a.wav")


async def test_a_certificate_nobody_vouches_for_is_refused(certificates: Certificates) -> None:
    async def converse(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, certificates.server, server_side=True)
        with pytest.raises(trio.BrokenResourceError):
            await tls.do_handshake()

    async with served(converse) as plain:
        url = plain.replace("http:", "https:")
        async with open_recording_fetch([url]) as fetch:
            with pytest.raises(RecordingError, match="certificate is not trusted"):
                await fetch.fetch(f"{url}/a.wav")


async def test_no_proxy_of_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(each, "http://127.0.0.1:9")
    async with fetching(Server(answer(WAV)).converse) as (fetch, url):
        assert await fetch.fetch(url) == WAV


# --- What is allowed ---------------------------------------------------------------------

ALLOWED = [
    "https://media.example.com/prompts",
    "http://10.0.0.5:8080/",
    "https://[2001:db8::1]/a/",
    "wss://bridge.example.com/",
]


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example.com/prompts",
        "https://media.example.com/prompts/a.wav",
        "https://media.example.com/prompts/a/b%20c.wav?x=1&y=../z#there",
        "HTTPS://Media.Example.com:443/prompts/a.wav",
        "http://10.0.0.5:8080/",
        "http://10.0.0.5:8080/any/thing.wav",
        "https://[2001:db8::1]/a/b.wav",
    ],
)
async def test_what_begins_as_the_operator_wrote_is_allowed(url: str) -> None:
    async with open_recording_fetch(ALLOWED) as fetch:
        fetch.check(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://media.example.com/", "may not be fetched from"),
        ("https://media.example.com/prompts-of-others/a.wav", "may not be fetched from"),
        ("https://media.example.com/Prompts/a.wav", "may not be fetched from"),
        ("https://media.example.com//prompts/a.wav", "may not be fetched from"),
        ("http://media.example.com/prompts/a.wav", "may not be fetched from"),
        ("https://media.example.com:8443/prompts/a.wav", "may not be fetched from"),
        ("https://media.example.com./prompts/a.wav", "may not be fetched from"),
        ("https://media.example.com.evil.org/prompts/a.wav", "may not be fetched from"),
        ("https://evil.org/https://media.example.com/prompts/a.wav", "may not be fetched from"),
        ("https://evil.org/?https://media.example.com/prompts/", "may not be fetched from"),
        ("https://evil.org/#@media.example.com/prompts/a.wav", "may not be fetched from"),
        ("https://evil.org#@media.example.com/prompts/a.wav", "has a user"),
        ("https://media.example.com/prompts/../a.wav", "may not be fetched from"),
        ("https://media.example.com/prompts/%2e%2e/a.wav", "has dots"),
        ("https://media.example.com/prompts/..%2fa.wav", "has dots"),
        ("https://media.example.com/prompts/%252e%252E/a.wav", "has dots"),
        ("https://media.example.com/prompts/.%5c..%5ca.wav", "has dots"),
        ("https://media.example.com@evil.org/prompts/a.wav", "has a user"),
        ("https://@media.example.com/prompts/a.wav", "has a user"),
        ("https://media.example.com\\@evil.org/prompts/a.wav", "belongs in no URL"),
        ("https://media.example.com/prompts/a b.wav", "belongs in no URL"),
        ("https://media.example.com/prompts/\r\nHost: evil.org", "belongs in no URL"),
        ("https://media.example。com/prompts/", "belongs in no URL"),
        ("file:///etc/passwd", "does not begin with http"),
        ("//media.example.com/prompts/a.wav", "does not begin with http"),
        ("wss://bridge.example.com/a", "does not begin with http"),
        ("https:///prompts/a.wav", "does not begin with http|is no URL"),
        ("https://media.example.com:x/prompts/", "is no URL"),
        ("https://[::1/prompts/", "is no URL"),
        ("", "does not begin with http"),
    ],
)
async def test_nothing_else_is(url: str, words: str) -> None:
    async with open_recording_fetch(ALLOWED) as fetch:
        with pytest.raises(ConfigError, match=words) as caught:
            await fetch.fetch(url)
    assert str(caught.value).isprintable()
    assert len(caught.value.problems) == 1


NOWHERE = httpx.AsyncClient(verify=False, trust_env=False)  # noqa: S501 - it asks nothing


@given(st.text("abc/.%2eE5cf\\?#@:", max_size=20))
def test_whatever_is_allowed_is_asked_for_under_the_prefix(tail: str) -> None:
    fetch = RecordingFetch(_read_prefixes(["http://h/p"]), NOWHERE, 1.0, 1)
    try:
        asked = fetch._allowed(f"http://h/p{tail}")
    except ConfigError:
        return
    path = NOWHERE.build_request("GET", asked).url.raw_path.decode().partition("?")[0]
    assert path == "/p" or path.startswith("/p/")
    assert ".." not in path.split("/")
    assert asked.host == "h"


async def test_no_prefix_allows_nothing() -> None:
    async with open_recording_fetch([]) as fetch:
        with pytest.raises(ConfigError, match="TRIOAUDIO_URL_ALLOW says from where"):
            fetch.check("https://media.example.com/")


async def test_every_prefix_that_makes_no_sense_is_told() -> None:
    wrong = ["https://a/?x=1", "https://u:secret@a/", "ftp://a/", "https://a/%2e%2e/", "a/b"]
    with pytest.raises(ConfigError) as caught:
        async with open_recording_fetch(wrong):
            pass
    assert len(caught.value.problems) == len(wrong)
    assert all(each.startswith("TRIOAUDIO_URL_ALLOW: ") for each in caught.value.problems)
    assert "secret" not in str(caught.value)
