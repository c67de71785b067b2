"""The URLs under which a listener is found."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from trioaudio.core.carrier import Transport
from trioaudio.net.admission import Admission
from trioaudio.net.own_address import own_address
from trioaudio.net.upgrade_head import read_public_url

KEY = "/media/raw/x"
PUBLIC = read_public_url("wss://voice.example.com/a/")


def tls() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.mark.parametrize("secure", [False, True])
def test_on_tcp(secure: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        own = own_address(sock, Admission(tls_context=tls() if secure else None))
        port = sock.getsockname()[1]
    scheme, web = ("wss", "https") if secure else ("ws", "http")
    assert own.address == f"127.0.0.1:{port}"
    assert own.here == f"{scheme}://127.0.0.1:{port}"
    assert own.url(KEY) == f"{scheme}://127.0.0.1:{port}{KEY}"
    assert own.web_url("/answer/x") == f"{web}://127.0.0.1:{port}/answer/x"
    assert own.url("an-id", Transport.AUDIOSOCKET) == f"audiosocket://127.0.0.1:{port}/an-id"


def test_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        own = own_address(sock, Admission())
        behind = own_address(sock, Admission(public_url=PUBLIC))
    assert own.address == str(path)
    assert own.here == "ws://localhost"
    assert own.url(KEY) == f"ws+unix:{path}:{KEY}"
    assert own.web_url("/answer/x") == "http://localhost/answer/x"
    assert behind.url(KEY) == f"wss://voice.example.com/a{KEY}"
    assert behind.web_url("/answer/x") == "https://voice.example.com/a/answer/x"
