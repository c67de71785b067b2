from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.far_ends import upgrade_request
from trioaudio.net.refusal import Refusal
from trioaudio.net.upgrade_head import (
    HEAD_LIMIT,
    LINES_LIMIT,
    PublicUrl,
    RequestHead,
    UpgradeHead,
    is_plain_handshake,
    parse_head,
    parse_request,
    read_public_url,
)
from trioaudio.net.upgrade_head import upgrade_request as request_of
from trioaudio.net.websocket import handshake_fault


def parsed(head: bytes) -> UpgradeHead:
    found = parse_head(head)
    assert isinstance(found, UpgradeHead)
    return found


def status(head: bytes) -> int:
    found = parse_head(head)
    assert isinstance(found, Refusal)
    return found.status


def test_path_and_query() -> None:
    head = parsed(upgrade_request("/media/a%2Fb?x=1&y=%3F?z"))
    assert (head.path, head.query) == ("/media/a%2Fb", "x=1&y=%3F?z")
    assert parsed(upgrade_request("/media?")).query == ""


def test_headers_are_told_one_way() -> None:
    head = upgrade_request("/", "X-One: a", "x-ONE:b ", "X-Folded: c\r\n  d", "X-Odd: \xe4\xff")
    headers = parsed(head).headers
    assert headers["x-one"] == "a, b"
    assert headers["x-folded"] == "c d"
    assert headers["x-odd"] == "\xe4\xff"
    assert headers["sec-websocket-version"] == "13"
    assert set(headers) == {name.lower() for name in headers}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"HTTP/1.1 200 OK\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (upgrade_request("/", "Host: another"), 400),
        (upgrade_request("/\xe4"), 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_LIMIT, 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (upgrade_request().replace(b"websocket", b"h2c"), 426),
    ],
)
def test_what_asks_for_no_websocket(head: bytes, expected: int) -> None:
    assert status(head) == expected


def test_lines_cost_more_than_bytes_so_they_are_counted() -> None:
    usual = upgrade_request().count(b"\r\n") - 2
    most = [f"X-{number}:" for number in range(LINES_LIMIT - usual)]
    assert parsed(upgrade_request("/", *most) + b"\n" * 1000).path == "/"
    refusal = parse_head(upgrade_request("/", *most, "X: one more"))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason) == (400, f"more than {LINES_LIMIT} header lines")
    assert status(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 4000) == 400, "no end in sight"


def plain(head: bytes) -> bool:
    found = parse_request(head)
    return isinstance(found, RequestHead) and is_plain_handshake(found)


def test_an_ordinary_handshake_is_known_for_one_at_once() -> None:
    assert plain(upgrade_request("/media/x?y=1", "Sec-WebSocket-Protocol: a, b", "X-One: a"))
    assert plain(PLAIN)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"Upgrade: websocket", b"Upgrade: websockets"),
        (b"Upgrade: websocket", b"X: y"),
        (b"Connection: Upgrade", b"Connection: keep-alive"),
        (b"Connection: Upgrade", b"Connection: Upgrade\r\nConnection: close"),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"),
        (b"Sec-WebSocket-Key:", b"X-Key:"),
        (b"Host: h", b"Host: xn--\xe4"),
        (b"Host: h", b"Host: xn--"),
        (b"Host: h", b"Host: h\r\nX-Odd: \xe4"),
        (b"Host: h", b"Host: h\r\nContent-Length: 3"),
        (b"Host: h", b"Host: h\r\nTransfer-Encoding: chunked"),
        (b"GET ", b"POST "),
        (b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_whatever_is_not_ordinary_is_looked_at_again(was: bytes, becomes: bytes) -> None:
    assert was in PLAIN
    assert not plain(PLAIN.replace(was, becomes))


PLAIN = (
    b"GET /media/x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
edits_of_plain = st.lists(
    st.tuples(
        st.integers(0, len(PLAIN)),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=8),
            st.sampled_from((b"", b"\r\n", b": ", b", ", b"Upgrade", b"Host: ", b"13", b"xn--a")),
        ),
    ),
    max_size=4,
)


@given(edits_of_plain)
def test_what_is_known_at_once_is_what_wsproto_would_say(
    changes: list[tuple[int, int, bytes]],
) -> None:
    head = PLAIN
    for at, dropped, added in changes:
        head = head[:at] + added + head[at + dropped :]
    if plain(head):
        assert handshake_fault(head) is None


HEAD = upgrade_request("/media/x?y=1", "X-Odd: \xe4")
edits = st.lists(
    st.tuples(
        st.integers(0, len(HEAD)), st.integers(0, 6), st.one_of(st.binary(max_size=8), st.just(b""))
    ),
    max_size=6,
)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda b: b + b"\r\n\r\n")))
def test_any_bytes_are_answered(head: bytes) -> None:
    assert isinstance(parse_head(head), UpgradeHead | Refusal)
    assert handshake_fault(head) != ""


@given(edits)
def test_any_head_a_bit_wrong_is_a_head_or_a_refusal(changes: list[tuple[int, int, bytes]]) -> None:
    head = HEAD
    for at, dropped, added in changes:
        head = head[:at] + added + head[at + dropped :]
    found = parse_head(head)
    if isinstance(found, Refusal):
        assert found.answer().startswith(b"HTTP/1.1 4")
        return
    request = request_of(found, None, here="ws://h:1", peer="p", at=0.0)
    assert request.url.isascii() or "host" in found.headers
    handshake_fault(head)


@given(
    st.dictionaries(
        st.from_regex(r"[Xx]-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,9}", fullmatch=True),
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f")),
        max_size=8,
    )
)
def test_whatever_a_header_may_hold_arrives(headers: dict[str, str]) -> None:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    found = parsed(upgrade_request("/", *lines)).headers
    expected: dict[str, str] = {}
    for name, value in headers.items():
        key, text = name.lower(), value.strip(" \t")
        expected[key] = f"{expected[key]}, {text}" if key in expected else text
    assert {name: found[name] for name in expected} == expected


# --- The URL the far end dialled ----------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("wss://voice.example.com", "wss://voice.example.com", ""),
        ("wss://voice.example.com/", "wss://voice.example.com", ""),
        ("wss://voice.example.com:8443/tel/", "wss://voice.example.com:8443", "/tel"),
        ("ws://[::1]:80/a/b", "ws://[::1]:80", "/a/b"),
    ],
)
def test_public_urls(url: str, origin: str, prefix: str) -> None:
    assert read_public_url(url) == PublicUrl(origin, prefix)


@pytest.mark.parametrize("seen", ["/media/x", "/tel/media/x"])
def test_a_prefix_counts_whether_the_proxy_takes_it_away_or_not(seen: str) -> None:
    public = PublicUrl("wss://voice.example.com", "/tel")
    assert public.inner(seen) == "/media/x"
    head = parsed(upgrade_request(f"{seen}?a=1"))
    request = request_of(head, public, here="ws://127.0.0.1:1", peer="p", at=1.0)
    assert request.url == "wss://voice.example.com/tel/media/x?a=1"


def test_a_prefix_is_whole_segments() -> None:
    assert PublicUrl("wss://x", "/tel").inner("/telephone/x") == "/telephone/x"
    assert PublicUrl("wss://x", "").inner("/media/x") == "/media/x"


def test_without_a_public_url_the_request_says() -> None:
    head = parsed(upgrade_request("/media/x?a=1"))
    request = request_of(head, None, here="wss://127.0.0.1:9", peer="1.2.3.4", at=5.0)
    assert request.url == "wss://localhost/media/x?a=1"
    assert (request.peer, request.at) == ("1.2.3.4", 5.0)
