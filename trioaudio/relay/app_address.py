"""Where an application listens, and what it is shown at the door.

The signature is documented at
https://www.twilio.com/docs/voice/conversationrelay/onboarding#configure-websocket-server and
https://www.twilio.com/docs/usage/security#validating-requests: HMAC-SHA1 of the URL as it was
configured, keyed with the account's auth token, in base64. Headers and queries stand in no message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret, masked_url

SIGNATURE: Final = "X-Twilio-Signature"
_PORTS: Final = {"ws": 80, "wss": 443}
# What RFC 3986 allows in a path and a query, and %: what is quoted already stays as it is.
_RESOURCE_CHARACTERS: Final = "/?%:@!$&'()*+,;="
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


@attrs.frozen
class AppAddress:
    """Where an application listens, and what it is shown at the door."""

    url: str = attrs.field(repr=masked_url)
    headers: Sequence[tuple[str, str]] = attrs.field(default=(), repr=False)
    auth_token: Secret | None = None
    """With one, the handshake is signed."""
    tls: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    connect_timeout_s: float = 5.0

    def __str__(self) -> str:
        """Read well in a message."""
        return masked_url(self.url)

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Return what is sent with the handshake; ConfigError for what is no header."""
        headers = [*self.headers]
        if self.auth_token:
            headers.append((SIGNATURE, signature(self.url, self.auth_token)))
        for name, value in headers:
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ConfigError(f"relay header {name!r}: wanted printable ASCII on one line")
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]


def signature(url: str, auth_token: Secret) -> str:
    """Return what proves to an application that who dials it knows the token."""
    digest = hmac.digest(auth_token.get().encode(), url.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


@attrs.frozen
class Endpoint:
    """Where an application's URL points to."""

    tls: bool
    hostname: str
    port: int
    host_header: str
    resource: str


def check_relay_url(url: str) -> Endpoint:
    """Take an application's URL apart; ConfigError says what is wrong with it."""
    shown = masked_url(url)
    try:
        parts = urlsplit(url)
        port = parts.port
        hostname = (parts.hostname or "").encode("idna").decode()
    except ValueError as exc:
        raise ConfigError(f"relay URL {shown!r}: {exc}") from None
    if parts.scheme not in _PORTS or not hostname or port == 0:
        raise ConfigError(f"relay URL {shown!r} must look like wss://host/path or ws://host/path")
    if parts.username is not None:
        raise ConfigError("credentials do not belong in the relay URL; send a header instead")
    if parts.fragment:
        raise ConfigError(f"relay URL {shown!r}: a WebSocket URL has no #fragment; write %23 for #")
    bracketed = f"[{hostname}]" if ":" in hostname else hostname
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(
        tls=parts.scheme == "wss",
        hostname=hostname,
        port=port or _PORTS[parts.scheme],
        host_header=bracketed if port is None else f"{bracketed}:{port}",
        resource=quote(resource, safe=_RESOURCE_CHARACTERS),
    )
