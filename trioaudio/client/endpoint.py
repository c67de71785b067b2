"""Where the daemon's control API is, and with which token: arguments, environment, defaults."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret, masked_url
from trioaudio.state_folder import TOKEN_FILE, state_folder

DEFAULT_URL: Final = "http://127.0.0.1:8089"
URL_VARIABLE: Final = "TRIOAUDIO_CONTROL_URL"
LISTEN_VARIABLE: Final = "TRIOAUDIO_CONTROL_LISTEN"
TOKEN_VARIABLE: Final = "TRIOAUDIO_CONTROL_TOKEN"  # noqa: S105  its name


@attrs.frozen
class Endpoint:
    """One control API. `socket` is a Unix socket's path, None for TCP."""

    base_url: str
    socket: str | None
    shown: str
    """The address as people write it, without secrets."""
    token: Secret


def find_endpoint(url: str | None, token: str | None, environ: Mapping[str, str]) -> Endpoint:
    """Return where to go: what is given, then the environment, then what the daemon does itself.

    ConfigError when the URL is none, or the token's file cannot be read.
    """
    where = url or environ.get(URL_VARIABLE) or _listened_on(environ.get(LISTEN_VARIABLE, ""))
    secret = Secret(token or environ.get(TOKEN_VARIABLE) or _kept_token(environ))
    if where.startswith("unix://"):
        path = where.removeprefix("unix://")
        if not path.startswith("/"):
            raise ConfigError(f"{where}: a Unix socket is unix:///PATH, with three slashes")
        return Endpoint("http://localhost", path, where, secret)
    try:
        parts = urlsplit(where)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(
            f"{masked_url(where)!r} is no address of a daemon: http://HOST:PORT, https://HOST or"
            " unix:///PATH"
        )
    return Endpoint(where.rstrip("/"), None, masked_url(where.rstrip("/")), secret)


def _listened_on(listen: str) -> str:
    """Return the URL of what the daemon listens on: HOST:PORT or a path."""
    if not listen:
        return DEFAULT_URL
    if listen.startswith(("/", "./", "../", "~")):
        return f"unix://{Path(listen).expanduser().absolute()}"
    host, colon, port = listen.rpartition(":")
    if not colon:
        raise ConfigError(f"{LISTEN_VARIABLE}={listen!r} is neither HOST:PORT nor a path")
    host = host.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:  # every address of this machine: take the nearest
        return f"http://127.0.0.1:{port}" if address.version == 4 else f"http://[::1]:{port}"
    return f"http://{host}:{port}" if address.version == 4 else f"http://[{host}]:{port}"


def _kept_token(environ: Mapping[str, str]) -> str:
    """Return the token the daemon has put into its state folder; empty if there is none."""
    path = state_folder(environ) / TOKEN_FILE
    try:
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except PermissionError:
        # Another user's daemon: it says itself that it wants a token.
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot be read: {exc}; remove it, or give a token") from exc
