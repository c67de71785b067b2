"""What a setting's text must look like: addresses, headers, URLs, languages, files.

Every function here raises WrongValueError with half a sentence: what is wrong, then the fix. None
of them repeats the value, which may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from trioaudio.core.pcm import PTIME_MS, PcmFormat
from trioaudio.core.secret import Secret

SAMPLE_RATES = (8000, 16000, 24000)
_LARGEST_PORT = 65535
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")  # what fits in a header line
_TOKEN = re.compile(r"[!-~]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_OURS = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})


class WrongValueError(ValueError):
    """Half a sentence for the operator: what is wrong with a value, and the fix."""


class Address(NamedTuple):
    """Where to listen; `host` of an IPv6 address is without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        """Read as it is written in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Header(NamedTuple):
    """An HTTP header; only its name is ever shown."""

    name: str
    value: Secret

    def __str__(self) -> str:
        """Show the name."""
        return f"{self.name}: {self.value}"


def parse_address(text: str) -> Address:
    """Read HOST:PORT, an IPv6 address in brackets."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _LARGEST_PORT:
        raise WrongValueError(
            f"no port from 0 to {_LARGEST_PORT} at its end; give HOST:PORT, e.g. 127.0.0.1:8080"
        )
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            raise WrongValueError("brackets hold an IPv6 address; give e.g. [::1]:8080")
    elif ":" in host:
        raise WrongValueError("an IPv6 address stands in brackets; give e.g. [::1]:8080")
    if not host or any(not c.isprintable() or c in " /[]@" for c in host):
        raise WrongValueError(
            "no host; give e.g. 127.0.0.1:8080, or 0.0.0.0:8080 for all addresses"
        )
    return Address(host, int(port))


def parse_header(text: str) -> Header:
    """Read 'Name: value'; the handshake's own headers are refused, they would break it."""
    name, colon, value = text.partition(":")
    name = name.strip()
    if not colon or not _HEADER_NAME.fullmatch(name):
        raise WrongValueError("not a header; write each as 'Name: value'")
    if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
        raise WrongValueError(f"the header {name} belongs to the handshake; leave it out")
    if not _HEADER_VALUE.fullmatch(value.strip()):
        raise WrongValueError(
            f"the value of the header {name} holds a line break or a character that fits in no"
            " header; encode or remove it"
        )
    return Header(name, Secret(value.strip()))


def parse_path(raw: object, cwd: Path) -> Path:
    """Read a path, a relative one from `cwd`; ~ is the home folder."""
    try:
        return cwd / Path(str(raw)).expanduser()
    except RuntimeError:
        raise WrongValueError("the home folder is not known; give the whole path") from None


def check_headers(headers: Sequence[Header]) -> None:
    """Refuse a header given twice: which one counts would be the far end's choice."""
    names = [header.name.lower() for header in headers]
    for name in names:
        if names.count(name) > 1:
            raise WrongValueError(f"the header {name} is given more than once; keep one")


def check_token(token: Secret) -> None:
    """Refuse what does not fit in an Authorization header."""
    if not _TOKEN.fullmatch(token.get()):
        raise WrongValueError(
            "holds a blank, a line break or a character outside ASCII; give the bare token,"
            " without 'Bearer'"
        )


def check_url(url: str) -> None:
    """Refuse anything but an absolute WebSocket URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongValueError("not a URL; give e.g. wss://media.example.com/stream") from None
    if parts.scheme.lower() not in ("ws", "wss"):
        raise WrongValueError("not a WebSocket URL; begin it with ws:// or wss://")
    if not parts.hostname:
        raise WrongValueError("no host; give e.g. wss://media.example.com/stream")
    if port == 0:
        raise WrongValueError("port 0 cannot be dialled; give a port from 1 to 65535, or none")
    if "@" in parts.netloc:
        raise WrongValueError(
            "a user or password in it is not sent; use a token or a header instead"
        )
    if any(not "!" <= c <= "~" for c in url):
        raise WrongValueError("holds a blank or a character outside ASCII; percent-encode it")


def check_public_url(url: str) -> None:
    """Refuse what no carrier can dial, and what could not be put in front of a path."""
    check_url(url)
    if "?" in url or "#" in url:
        raise WrongValueError(
            "has a query or a fragment; give scheme and host, and the path a proxy takes away,"
            " e.g. wss://voice.example.com"
        )


def check_networks(networks: Sequence[str]) -> None:
    """Refuse what is neither an IP address nor a network."""
    for each in networks:
        try:
            ipaddress.ip_network(each.strip())
        except ValueError:
            raise WrongValueError(
                "not an address or a network of addresses; give e.g. 10.0.0.5, 10.1.0.0/16 or"
                " 2001:db8::/32, separated by |"
            ) from None


def check_sample_rate(rate: int) -> None:
    """Refuse what telephone carriers do not take, and what cannot be cut into frames."""
    if rate not in SAMPLE_RATES:
        raise WrongValueError(
            f"not a telephone rate; give {', '.join(map(str, SAMPLE_RATES))} hertz"
        )
    PcmFormat(rate, PTIME_MS)


def check_language(tag: str) -> None:
    """Refuse what is no BCP 47 tag; whether the engine speaks it is the engine's to say."""
    if not _LANGUAGE.fullmatch(tag):
        raise WrongValueError("not a language tag; give e.g. en, en-IN or ta")


def check_readable_file(path: Path) -> None:
    """Refuse a file that is not there or may not be read."""
    try:
        with path.open("rb"):
            pass
    except OSError as exc:
        raise WrongValueError(f"{exc.strerror}; give a file this user may read") from None


def check_file_place(path: Path) -> None:
    """Refuse a file to be written whose folder is missing."""
    if path.is_dir():
        raise WrongValueError("a folder; give the name of a file")
    if not path.parent.is_dir():
        raise WrongValueError("its folder does not exist; make it, or choose another")
