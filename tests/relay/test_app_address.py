"""URLs, headers and the signature, without a socket."""

from __future__ import annotations

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.relay.app_address import AppAddress, Endpoint, check_relay_url, signature


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        (
            "wss://example.com",
            Endpoint(True, "example.com", 443, "example.com", "/"),
        ),
        (
            "ws://Example.com:8080/a b?x=ä",
            Endpoint(False, "example.com", 8080, "example.com:8080", "/a%20b?x=%C3%A4"),
        ),
        ("ws://[::1]:1/x%2F", Endpoint(False, "::1", 1, "[::1]:1", "/x%2F")),
        (
            "wss://bücher.example/",
            Endpoint(True, "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/"),
        ),
    ],
)
def test_urls(url: str, endpoint: Endpoint) -> None:
    assert check_relay_url(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "https://example.com/?token=topsecret",
        "wss:///path?token=topsecret",
        "ws://example.com:0/?token=topsecret",
        "ws://example.com:99999/?token=topsecret",
        "ws://[::1/?token=topsecret",
        "wss://user:topsecret@example.com/",
        "wss://example.com/#topsecret",
        f"wss://{'a' * 70}.example/?token=topsecret",
    ],
)
def test_what_is_no_url_is_said_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_relay_url(url)
    assert "relay URL" in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_the_signature_is_twilio_s() -> None:
    """An independently computed value: `printf URL | openssl dgst -sha1 -hmac 12345 -binary`."""
    url = "wss://example.com/conversation?foo=1&bar=2"
    assert signature(url, Secret("12345")) == "XB6MSWqlPoIZ8CXYzb1vYztTx/w="


def test_a_signature_stands_in_a_header_of_its_own() -> None:
    address = AppAddress("ws://a/", [("X-Key", "k")], Secret("t"))
    assert address.all_headers() == [
        (b"X-Key", b"k"),
        (b"X-Twilio-Signature", signature("ws://a/", Secret("t")).encode()),
    ]
    assert AppAddress("ws://a/").all_headers() == []


@pytest.mark.parametrize(
    "header", [("X-Key", "a\r\nHost: b"), ("X Key", "a"), ("X-Key", "ä"), ("X-Key", "")]
)
def test_what_is_no_header_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="relay header"):
        AppAddress("ws://a/", [header]).all_headers()


def test_an_address_shows_no_secrets() -> None:
    address = AppAddress("ws://a/?token=topsecret", [("X-Key", "topsecret")], Secret("topsecret"))
    assert "topsecret" not in f"{address!r} {address}"
