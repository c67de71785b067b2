"""What carriers want of settings, numbers and URLs: ConfigErrors instead of calls that fail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.errors import ConfigError

S = TypeVar("S", bound=CarrierSettings)

_E164 = re.compile(r"\+?([1-9][0-9]{6,14})")
_URL = re.compile(r"[!-~]+")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_URL = 2048
_LONGEST_ID = 256


def own(settings: CarrierSettings, kind: type[S]) -> S:
    """Return settings as the carrier's own; TypeError when they are another's, a bug of ours."""
    if not isinstance(settings, kind):
        raise TypeError(f"wanted {kind.__name__}, not {type(settings).__name__}")
    return settings


def digits(name: str, text: str) -> str:
    """Return the digits of a number in E.164 with or without +; `name` is where it came from."""
    found = _E164.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"{name}={text!r}: not a telephone number; give it with the country code and digits"
            " only, such as +919800000000"
        )
    return found[1]


def e164(name: str, text: str) -> str:
    """Return a number in E.164, with its +."""
    return f"+{digits(name, text)}"


def one_target(carrier: str, transfer: Transfer) -> str:
    """Return whom to transfer to, where a carrier takes one only."""
    if len(transfer.to) != 1:
        raise ConfigError(f"to={','.join(transfer.to)}: {carrier} transfers to one number at once")
    return transfer.to[0]


def media_url(
    carrier: str,
    url: str,
    *,
    schemes: Sequence[str] = ("ws", "wss"),
    query: bool = True,
    longest: int = LONGEST_URL,
) -> str:
    """Return a media URL that the carrier takes.

    A carrier that takes wss:// only is given ws:// for this machine all the same: then it is a
    simulated one.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in ("ws", "wss") or "@" in parts.netloc or "#" in url:
        raise ConfigError(
            "media_url: not a WebSocket URL a carrier can dial; give e.g."
            " wss://voice.example.com/media"
        )
    if parts.scheme not in schemes and parts.hostname not in _LOOPBACK:
        raise ConfigError(
            f"media_url: {carrier} dials {' or '.join(f'{each}://' for each in schemes)} only;"
            " give the listener TLS, or a proxy with it, and name that in TRIOAUDIO_PUBLIC_URL"
        )
    if parts.query and not query:
        raise ConfigError(f"media_url: {carrier} takes no query (?…) in it; use the path")
    if len(url) > longest:
        raise ConfigError(f"media_url: longer than the {longest} characters {carrier} takes")
    return url


def rest_url(name: str, url: str) -> str:
    """Return where a REST interface is: credentials go there, so https://, or on this machine."""
    known = web_url(name, url)
    parts = urlsplit(known)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ConfigError(f"{name}: credentials would go there unencrypted; give an https:// URL")
    return known


def web_url(name: str, url: str) -> str:
    """Return an http:// or https:// URL of a setting, without the slashes at its end."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        raise ConfigError(f"{name}: not a URL that begins with https://, with a host")
    if "@" in parts.netloc:
        raise ConfigError(f"{name}: no user and password belong in it; there are settings for them")
    return url.rstrip("/")


def _split(url: str) -> SplitResult | None:
    """Return a URL's parts; None when it has no host, or holds what fits in no URL."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 and _URL.fullmatch(url) else None
    except ValueError:
        return None


def segment(name: str, text: str) -> str:
    """Return an account or a call id as one segment of a URL's path."""
    if not text or len(text) > _LONGEST_ID or text in (".", ".."):
        raise ConfigError(f"{name}: not an id the carrier can have given")
    return quote(text, safe=":")
