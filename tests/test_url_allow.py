from __future__ import annotations

import pytest

from trioaudio.url_allow import is_allowed

PREFIXES = (
    "https://media.example.com/prompts/",
    "wss://carrier.example.com:8443/",
    "http://h/a",
    "http://bare",
)


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example.com/prompts/hello.wav",
        "https://media.example.com/prompts/",
        "https://MEDIA.example.com:443/prompts/a/b.wav?x=1#y",
        "https://media.example.com./prompts/x",
        "wss://carrier.example.com:8443",
        "wss://carrier.example.com:8443/media/1?t=2",
        "http://h/a/a..b",
        "https://media.example.com/prompts",
        "http://bare",
        "http://bare/x?y",
    ],
)
def test_allowed(url: str) -> None:
    assert is_allowed(url, PREFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hello.wav",
        "http://media.example.com/prompts/x",
        "https://media.example.com/other/x",
        "https://media.example.com/promptsx",
        "http://h/ab",
        "http://bare.example",
        "https://media.example.com:444/prompts/x",
        "https://media.example.com.evil.example/prompts/x",
        "https://evil.example/https://media.example.com/prompts/x",
        "https://media.example.com@evil.example/prompts/x",
        "https://u:p@media.example.com/prompts/x",
        "https://media.example.com/prompts/../secret",
        "https://media.example.com/prompts/%2e%2E/secret",
        "https://media.example.com/prompts/%252e%252e/secret",
        "https://media.example.com/prompts/..%2fsecret",
        "https://media.example.com/prompts/..%5csecret",
        "https://media.example.com/prompts/a\\..\\b",
        "https://media.example.com/prompts/a\nb",
        "https://media.example.com:x/prompts/",
        "https://[media/prompts/",
        "ws://carrier.example.com:8443/x",
        "wss://carrier.example.com/x",
        "file:///etc/passwd",
    ],
)
def test_not_allowed(url: str) -> None:
    assert not is_allowed(url, PREFIXES)


def test_nothing_is_allowed_by_nothing() -> None:
    assert not is_allowed("https://media.example.com/", ())
