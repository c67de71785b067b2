"""Calls through nginx and HAProxy, configured as the page has it: every frame, and a renewal."""

from __future__ import annotations

import io
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
import trio
import trustme
from structlog.testing import capture_logs
from trio_websocket import WebSocketConnection, wrap_client_stream

from daemon.daemon_rig import Node, hear, node, wait_for

PAGE = Path(__file__).parents[2] / "docs/how-to/behind-a-proxy.md"
FRAMES = 20
NGINX = """
daemon off;
master_process on;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{block}
}}
"""

Connect = Callable[[], Awaitable[trio.SocketStream | trio.SSLStream[trio.SocketStream]]]

pytestmark = [pytest.mark.system, pytest.mark.long]


def blocks(language: str) -> list[str]:
    text = PAGE.read_text("utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, language
    return found


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Put what this machine has in the place of what the page has; all of it must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@attrs.define(eq=False)
class Site:
    """A name's certificate, renewed at will, and the port it is served at."""

    folder: Path
    port: int = attrs.field(factory=free_port)
    authority: trustme.CA = attrs.field(factory=trustme.CA)

    def renew(self) -> bytes:
        """Write another certificate; return it as it is shown."""
        issued = self.authority.issue_cert("localhost")
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        self.chain.write_bytes(chain)
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.both.write_bytes(chain + issued.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    @property
    def chain(self) -> Path:
        return self.folder / "fullchain.pem"

    @property
    def key(self) -> Path:
        return self.folder / "privkey.pem"

    @property
    def both(self) -> Path:
        return self.folder / "both.pem"

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}"

    async def connect(self) -> trio.SSLStream[trio.SocketStream]:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        tls = trio.SSLStream(stream, context, server_hostname="localhost")
        await tls.do_handshake()
        return tls

    async def shown(self) -> bytes:
        stream = await self.connect()
        certificate: bytes = stream.getpeercert(binary_form=True)
        await trio.aclose_forcefully(stream)
        return certificate


@attrs.frozen
class Proxy:
    """A program, its configuration, and how it is told that a certificate was renewed."""

    program: str
    arguments: Callable[[Path], list[str]]
    configure: Callable[[Site, str], str]
    """Makes one of a site, and of where the daemon is: HOST:PORT, or a socket's path."""
    reload: signal.Signals


def configure_nginx(site: Site, place: str) -> str:
    first, by_socket, *_ = blocks("nginx")
    here = f"http://{place}"
    if place.startswith("/"):
        assert by_socket.split()[0] == "proxy_pass"
        here = replaced(by_socket.split()[1].rstrip(";"), ("/run/trioaudio/media.sock", place))
    block = replaced(
        first,
        ("listen 443 ssl;", f"listen 127.0.0.1:{site.port} ssl;"),
        ("/etc/letsencrypt/live/voice.example.com/fullchain.pem", str(site.chain)),
        ("/etc/letsencrypt/live/voice.example.com/privkey.pem", str(site.key)),
        ("voice.example.com", "localhost"),
        ("http://127.0.0.1:8088", here),
    )
    return NGINX.format(folder=site.folder, block=block)


def configure_haproxy(site: Site, place: str) -> str:
    first, by_socket = blocks("haproxy")
    if place.startswith("/"):
        assert by_socket.split() == ["server", "one", "/run/trioaudio/media.sock"]
    return replaced(
        first,
        ("bind :443 ", f"bind 127.0.0.1:{site.port} "),
        ("/etc/haproxy/voice.example.com.pem", str(site.both)),
        ("127.0.0.1:8088", place),
    )


PROXIES = {
    "nginx": Proxy(
        "nginx",
        lambda file: [
            "-e",
            str(file.parent / "error.log"),
            "-p",
            str(file.parent),
            "-c",
            str(file),
        ],
        configure_nginx,
        signal.SIGHUP,
    ),
    "haproxy": Proxy(
        "haproxy", lambda file: ["-W", "-q", "-f", str(file)], configure_haproxy, signal.SIGUSR2
    ),
}


@contextmanager
def running(proxy: Proxy, site: Site, place: str) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which(proxy.program, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip(f"needs {proxy.program}")
    file = site.folder / "proxy.conf"
    file.write_text(proxy.configure(site, place))
    process = subprocess.Popen([program, *proxy.arguments(file)], stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def until_shown(site: Site, certificate: bytes) -> None:
    """Wait until the proxy answers with a certificate; nobody tells of that."""
    with trio.fail_after(10):
        while True:
            try:
                if await site.shown() == certificate:
                    return
            except (OSError, trio.BrokenResourceError):
                pass  # it does not listen yet
            await trio.sleep(0.05)


@asynccontextmanager
async def call(url: str, connect: Connect) -> AsyncIterator[WebSocketConnection]:
    """Dial a call's media URL, by whatever way `connect` has."""
    parts = urlsplit(url)
    async with trio.open_nursery() as nursery:
        stream = await connect()
        async with await wrap_client_stream(nursery, stream, parts.netloc, parts.path) as found:
            yield found
        nursery.cancel_scope.cancel()


def noise() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(random.Random(7).randbytes(FRAMES * 960))
    return file.getvalue()


async def heard(made: Node, connect: Connect) -> tuple[bytes, float]:
    """Play noise on a new call that comes this way; return what arrives, and in which time."""
    created = await made.client.create_call(carrier="raw")
    view = await created.view()
    assert view.media_url is not None
    async with call(view.media_url, connect) as carrier:
        await made.event("call.answered", call=created.id)
        await created.upload(noise())
        began = trio.current_time()
        frames = await hear(carrier, FRAMES)
        return b"".join(frames), trio.current_time() - began


@pytest.mark.parametrize("by", ["loopback", "socket"])
@pytest.mark.parametrize("name", PROXIES)
async def test_a_call_through(name: str, by: str, tmp_path: Path) -> None:
    site, proxy = Site(tmp_path), PROXIES[name]
    old = site.renew()
    listen = f"{tmp_path}/media.sock" if by == "socket" else f"127.0.0.1:{free_port()}"
    async with node(
        tmp_path, carriers="raw", media_auth="tokens", media_listen=listen,
        public_url=site.url, trusted_proxies="127.0.0.1|::1",
    ) as made:  # fmt: skip

        async def directly() -> trio.SocketStream:
            if by == "socket":
                return await trio.open_unix_socket(listen)
            host, _, port = listen.partition(":")
            return await trio.open_tcp_stream(host, int(port))

        with running(proxy, site, listen) as process:
            await until_shown(site, old)
            expected, _ = await heard(made, directly)
            arrived, took = await heard(made, site.connect)
            assert arrived == expected
            assert took > 0.06 * (FRAMES - 5), "nothing was held back and sent at once"
            await who_it_is(site)
            # A call goes on while the certificate is renewed, and new ones are shown the new one.
            created = await made.client.create_call(carrier="raw")
            url = (await created.view()).media_url
            assert url is not None
            async with call(url, site.connect) as carrier:
                await made.event("call.answered", call=created.id)
                new = site.renew()
                assert await site.shown() == old
                process.send_signal(proxy.reload)
                await until_shown(site, new)
                await created.upload(noise())
                assert b"".join(await hear(carrier, FRAMES)) == expected


async def who_it_is(site: Site) -> None:
    """Knock at a path that never was: the daemon names whom the proxy speaks for."""
    with capture_logs() as logged:
        stream = await site.connect()
        await stream.send_all(
            b"GET /media/nobody HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        answer = await stream.receive_some(1000)
        await trio.aclose_forcefully(stream)
        assert answer.startswith(b"HTTP/1.1 426 ")
        await wait_for(lambda: any("at the door" in each["event"] for each in logged))
    (told,) = [each for each in logged if "at the door" in each["event"]]
    assert told["peer"].startswith("127.0.0.1")
