from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.core.secret import Secret
from trioaudio.settings_values import (
    Address,
    Header,
    WrongValueError,
    check_file_place,
    check_headers,
    check_language,
    check_networks,
    check_public_url,
    check_readable_file,
    check_sample_rate,
    check_token,
    check_url,
    parse_address,
    parse_header,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("[::1]:65535", "::1", 65535),
        (" media.example.com:80 ", "media.example.com", 80),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert address == Address(host, port)
    assert str(address) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *("", "8080", ":8080", "h:", "h:x", "h:-1", "h:65536", "h:٣"),
        *("::1:80", "[h]:80", "[]:80", "a b:80", "ws://h:80", "u@h:80"),
    ],
)
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(WrongValueError, match="give"):
        parse_address(text)


def test_headers() -> None:
    assert parse_header(" X-Key :  a: b|c ") == Header("X-Key", Secret("a: b|c"))
    assert str(parse_header("X-Key: abc")) == "X-Key: ***"
    assert "abc" not in repr(parse_header("X-Key: abc"))
    check_headers([parse_header("A: 1"), parse_header("B: 1")])
    with pytest.raises(WrongValueError, match="more than once"):
        check_headers([parse_header("A: 1"), parse_header("a: 2")])


@pytest.mark.parametrize(
    "text",
    [
        *("", "hush", ": hush", "X Y: hush", "X: hush\r\nY: b", "X: hush\0", "X: हhush"),
        *("Host: hush", "sec-websocket-key: hush", "Connection: hush"),
    ],
)
def test_wrong_headers_are_not_repeated(text: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        parse_header(text)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("token", ["hush hush", "hush\n", "húsh", "Bearer hush"])
def test_wrong_tokens_are_not_repeated(token: str) -> None:
    with pytest.raises(WrongValueError, match="bare token") as caught:
        check_token(Secret(token))
    assert "hush" not in str(caught.value)


def test_right_values() -> None:
    check_token(Secret("aB3.-_~+/=$"))
    check_token(Secret())
    for url in ("ws://h", "WSS://h:9/p?q=%20", "ws://[::1]:8/"):
        check_url(url)
    for tag in ("en", "en-IN", "ta", "zh_Hant_TW", "cmn"):
        check_language(tag)
    check_sample_rate(8000)
    check_sample_rate(16000)


@pytest.mark.parametrize(
    "url",
    [
        *("", "h", "http://h", "ws://", "ws:///p", "ws://:80", "ws://h:0", "ws://h:99999"),
        *("ws://h:x", "ws://[::1", "ws://u:p@h", "ws://h/a b", "ws://h/é"),
    ],
)
def test_wrong_urls(url: str) -> None:
    with pytest.raises(WrongValueError):
        check_url(url)


@pytest.mark.parametrize("url", ["wss://h", "ws://h:1/", "wss://h/tel/", "wss://[::1]:8/a/b"])
def test_public_urls(url: str) -> None:
    check_public_url(url)


@pytest.mark.parametrize("url", ["", "https://h", "wss://h/?a", "wss://h/#a", "wss://u:p@h", "h:1"])
def test_wrong_public_urls(url: str) -> None:
    with pytest.raises(WrongValueError):
        check_public_url(url)


def test_networks() -> None:
    check_networks(("10.0.0.5", "10.1.0.0/16", "2001:db8::/32", "::1"))
    for wrong in ("", "proxy.example.com", "10.0.0.5:80", "10.0.0.1/8", "10.0.0.0/33"):
        with pytest.raises(WrongValueError, match=r"give e\.g\. 10\.0\.0\.5"):
            check_networks(("127.0.0.1", wrong))


@pytest.mark.parametrize("tag", ["", "e", "english!", "en IN", "en-", "तमिल"])
def test_wrong_languages(tag: str) -> None:
    with pytest.raises(WrongValueError, match="en-IN"):
        check_language(tag)


@pytest.mark.parametrize("rate", [0, -8000, 11025, 44100, 8001])
def test_wrong_sample_rates(rate: int) -> None:
    with pytest.raises(WrongValueError, match="8000, 16000, 24000"):
        check_sample_rate(rate)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(WrongValueError, match="No such file"):
        check_readable_file(file)
    file.touch()
    check_readable_file(file)
    check_file_place(file)
    check_file_place(tmp_path / "new.log")
    with pytest.raises(WrongValueError, match="a folder"):
        check_file_place(tmp_path)
    with pytest.raises(WrongValueError, match="folder does not exist"):
        check_file_place(tmp_path / "missing" / "new.log")
