from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from engines.listening import setup
from trioaudio.core.engine import ServiceSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.engines._service import base_url, required_key, tls_context


def settings(url: str = "", key: str = "") -> ServiceSettings:
    return ServiceSettings(url=url, api_key=Secret(key))


def test_a_key_is_returned_as_it_is() -> None:
    assert required_key("acme", settings(key="sk_1/2+3=")) == "sk_1/2+3="


def test_a_missing_key_is_asked_for_by_its_variable() -> None:
    with pytest.raises(ConfigError, match="acme needs a key; set TRIOAUDIO_ACME_API_KEY"):
        required_key("acme", settings())


@pytest.mark.parametrize("key", ["sk 1", "sk-1\n", "sk-1\r\nX: y", "ключ", "sk-“1”", "a\0b"])
def test_a_key_that_fits_in_no_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="TRIOAUDIO_ACME_API_KEY holds a blank") as caught:
        required_key("acme", settings(key=key))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("wss://api.acme.example", "wss://api.acme.example"),
        ("ws://127.0.0.1:8080/", "ws://127.0.0.1:8080"),
        ("ws://[::1]:80", "ws://[::1]:80"),
    ],
)
def test_an_address_is_scheme_host_and_port(url: str, base: str) -> None:
    assert base_url("acme", settings(url), "wss", "ws") == base


@pytest.mark.parametrize(
    "url",
    [
        *("", "api.acme.example", "https://api.acme.example", "wss://", "wss://:80", "wss://h:0"),
        *("wss://h:x", "wss://h:99999", "wss://[::1", "wss://h/path", "wss://h?a=b", "wss://h#a"),
        *("wss://user:hunter2@h", "wss://h?api_key=hunter2", "127.0.0.1:80"),
    ],
)
def test_what_is_no_such_address_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError, match=r"TRIOAUDIO_ACME_URL=.*no wss or ws URL") as caught:
        base_url("acme", settings(url), "wss", "ws")
    assert "hunter2" not in str(caught.value)
    assert "give e.g. wss://127.0.0.1:8080" in str(caught.value)


def test_tls_is_for_addresses_that_ask_for_it() -> None:
    for url in ("ws://h", "http://h"):
        assert tls_context(setup(), url) is None
    for url in ("wss://h", "https://h"):
        context = tls_context(setup(), url)
        assert context is not None
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_an_own_authority_is_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    context = tls_context(setup(ca_file=str(file)), "wss://h")
    assert context is not None
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_file_without_authorities_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"TLS CA file .*ca\.pem.* holds no certificate"):
        tls_context(setup(ca_file=str(file)), "wss://h")
