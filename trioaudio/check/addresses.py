"""Addresses: whether we can listen there, or a daemon of ours does already."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import trio

from trioaudio.check.row import Check, Row, in_thread
from trioaudio.client.client import Client
from trioaudio.client.errors import ClientError, ProblemError
from trioaudio.configuration import Configuration
from trioaudio.core.errors import ConfigError
from trioaudio.listening_place import Place, listening
from trioaudio.net.door_policy import is_loopback
from trioaudio.settings import variable
from trioaudio.settings_values import Address

_ASK_S: Final = 5.0
_FREE: Final = "free"


def address_checks(configuration: Configuration, environ: Mapping[str, str]) -> list[Check]:
    """Return the checks of both addresses, and of what carriers are told to dial."""
    return [
        Check("addresses", "listening", partial(_look_at_both, configuration, environ)),
        Check("addresses", "public URL", in_thread(lambda: [look_at_public_url(configuration)])),
    ]


async def _look_at_both(configuration: Configuration, environ: Mapping[str, str]) -> list[Row]:
    serve = configuration.serve
    control = await trio.to_thread.run_sync(_why_not, serve.control_listen)
    media = await trio.to_thread.run_sync(_why_not, serve.media_listen)
    daemon = None
    if control is not None or media is not None:
        daemon = await _daemon_there(configuration, environ)
    return [
        _row("media", serve.media_listen, media, daemon),
        _row("control", serve.control_listen, control, daemon),
    ]


def _row(name: str, place: Place, why_not: str | None, daemon: str | None) -> Row:
    row = partial(Row, "addresses", f"{name} address")
    shown = str(place)
    if why_not is None:
        return row("ok", f"{shown} is {_FREE}")
    if daemon is not None:
        return row("ok", f"{shown} is in use, and {daemon}")
    advice = f"stop what listens there, or set {variable(f'{name}_listen')}"
    return row("failed", why_not, advice)


def _why_not(place: Place) -> str | None:
    """Listen for a moment; return why that cannot be."""
    try:
        with listening(place):
            return None
    except ConfigError as exc:
        return str(exc)


async def _daemon_there(configuration: Configuration, environ: Mapping[str, str]) -> str | None:
    """Return what a daemon of ours says at the control address; None: none is there."""
    place, tls = configuration.serve.control_listen, configuration.serve.control_tls_cert_file
    url = f"unix://{place}"
    if isinstance(place, Address):
        url = f"{'http' if tls is None else 'https'}://{place}"
    with trio.move_on_after(_ASK_S):
        try:
            async with Client(url, environ=environ) as client:
                node = await client.node()
        except ProblemError:
            return "a daemon of ours answers at the control address, which knows no token of ours"
        except (ClientError, ConfigError):
            return None
        return f"a daemon of ours runs here ({node.state}, {node.calls} calls)"
    return None


def look_at_public_url(configuration: Configuration) -> Row:
    """Say whether carriers can be told where to dial."""
    row = partial(Row, "addresses", "public URL")
    settings, place = configuration.settings, configuration.serve.media_listen
    name = variable("public_url")
    if settings.public_url is None:
        here = not isinstance(place, Address) or is_loopback(place.host)
        return row("ok", f"not set; {'only this machine reaches us' if here else 'as asked for'}")
    parts = urlsplit(settings.public_url)
    host = parts.hostname or ""
    if is_loopback(host):
        return row(
            "warning", f"{host} is this machine only", f"set {name} to what carriers can reach"
        )
    if parts.scheme.lower() == "ws":
        return row(
            "warning",
            "it begins with ws://, so calls can be heard on the way, and many carriers refuse it",
            f"put TLS in front of it, and begin {name} with wss://",
        )
    return row("ok", f"carriers are told to dial {host}")
