from __future__ import annotations

from http import HTTPStatus

import h11
import pytest

from trioaudio.net.refusal import Refusal, masked_path, printable


def test_the_answer_is_http_and_tells_no_reason() -> None:
    refusal = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "hush", {"Retry-After": "7"})
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(refusal.answer())
    response, body, end = client.next_event(), client.next_event(), client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == 429
    assert (b"retry-after", b"7") in list(response.headers)
    assert isinstance(body, h11.Data)
    assert bytes(body.data) == b"429 Too Many Requests: no media stream is expected here\n"
    assert isinstance(end, h11.EndOfMessage)
    assert b"hush" not in refusal.answer()


def test_a_stranger_writes_no_log_lines() -> None:
    assert printable("no\x1b[2J\r\nERROR: \xe4\x85") == "no?[2J??ERROR: \xe4?"
    assert printable("x" * 1000) == "x" * 400 + "..."


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/media/telecmi/token", "/media/telecmi/***"),
        ("/media/telecmi/token/", "/media/telecmi/***"),
        ("/token", "/***"),
        ("token", "***"),
        ("/", ""),
        ("", ""),
        ("/media/abcdefghijklmnop/more", "/media/***/***"),
        ("/a" * 100, "/a" * 40 + "..."),
    ],
)
def test_no_token_is_shown(path: str, shown: str) -> None:
    assert masked_path(path) == shown
