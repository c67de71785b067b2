"""What a service engine needs before its first connection: a key, and a way to trust the peer."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from trioaudio.core.engine import EngineSetup, ServiceSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import masked_url

_SECURE = ("wss", "https")


def required_key(engine: str, settings: ServiceSettings) -> str:
    """Return the key; ConfigError when there is none, or one that fits in no header."""
    key = settings.api_key.get()
    variable = f"TRIOAUDIO_{engine.upper()}_API_KEY"
    if not key:
        raise ConfigError(f"{engine} needs a key; set {variable}, or choose another engine")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{variable} holds a blank, a line break or a character outside ASCII")
    return key


def base_url(engine: str, settings: ServiceSettings, *schemes: str) -> str:
    """Return the service's address without a slash at its end; ConfigError when it is none.

    A path or a query is refused, and not only dropped: whoever wrote it meant something by it.
    """
    url = settings.url.rstrip("/")
    try:
        parts = urlsplit(url)
        valid = (
            parts.scheme in schemes
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
        )
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            f"TRIOAUDIO_{engine.upper()}_URL={masked_url(url)!r}: no {' or '.join(schemes)} URL of"
            f" scheme, host and port alone; give e.g. {schemes[0]}://127.0.0.1:8080"
        )
    return url


def tls_context(setup: EngineSetup, url: str) -> ssl.SSLContext | None:
    """Return what verifies the service; None when the URL asks for no TLS. ConfigError."""
    if urlsplit(url).scheme not in _SECURE:
        return None
    try:
        return ssl.create_default_context(cafile=setup.ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"TLS CA file {setup.ca_file!r} holds no certificate: {exc}") from exc
