"""Whether a URL that somebody asked for is one the operator allows to be fetched or dialled."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit

_USUAL_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_allowed(url: str, prefixes: Sequence[str]) -> bool:
    """Say whether a URL begins with one of the prefixes `TRIOAUDIO_URL_ALLOW` gives.

    Scheme, host and port must be the prefix's, and the path's beginning up to a slash. What two
    programs may read in two ways is not allowed: a user before the host, `..` in the path in any
    writing, a backslash, a control character. Where the host's name leads is for others to check.
    """
    parts = _read(url)
    if parts is None:
        return False
    return any(
        _origin(parts) == _origin(prefix)
        and f"{parts.path}/".startswith(f"{prefix.path.rstrip('/')}/")
        for prefix in map(_read, prefixes)
        if prefix is not None
    )


def _read(url: str) -> SplitResult | None:
    if "\\" in url or any(not "!" <= each <= "~" for each in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in _USUAL_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    plain = parts.path
    while (once := unquote(plain)) != plain:  # also what is encoded twice
        plain = once
    if "\\" in plain or {".", ".."} & set(plain.split("/")):
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    host = (parts.hostname or "").removesuffix(".")
    return parts.scheme, host, parts.port or _USUAL_PORTS[parts.scheme]
