"""Addresses: whether we can listen there, or a daemon of ours does already."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import trio

from trioaudio.api.views import NodeView
from trioaudio.check.row import Check, Row, in_thread
from trioaudio.client.client import Client
from trioaudio.client.errors import ClientError, ProblemError
from trioaudio.configuration import Configuration
from trioaudio.control.problems import PROBLEM_BASE
from trioaudio.core.errors import ConfigError
from trioaudio.listening_place import Place, PlaceTakenError, bind, listening
from trioaudio.net.door_policy import is_loopback
from trioaudio.settings import variable
from trioaudio.settings_values import Address

ASK_S: Final = 4.0

Holder: TypeAlias = NodeView | Literal["ours", "silent", "foreign"]
"""Who has the control address; `ours` refuses our token, `silent` lets us in and says nothing."""


def address_checks(configuration: Configuration, environ: Mapping[str, str]) -> list[Check]:
    """Return the checks of both addresses, and of what carriers are told to dial."""
    return [
        Check("addresses", "listening", partial(_look_at_both, configuration, environ)),
        Check("addresses", "public URL", in_thread(lambda: [look_at_public_url(configuration)])),
    ]


async def _look_at_both(configuration: Configuration, environ: Mapping[str, str]) -> list[Row]:
    serve = configuration.serve
    try_control = partial(_why_not, serve.control_listen)
    try_media = partial(_why_not, serve.media_listen, share=serve.reuse_port)
    control = await trio.to_thread.run_sync(try_control)
    media = await trio.to_thread.run_sync(try_media)
    holder: Holder = "foreign"
    if isinstance(control, PlaceTakenError):
        holder = await _ask_who(configuration, environ)
    return [
        _media_row(serve.media_listen, media, holder),
        _control_row(serve.control_listen, control, holder),
    ]


def _media_row(place: Place, why_not: ConfigError | None, holder: Holder) -> Row:
    row = partial(Row, "addresses", "media address")
    if why_not is None:
        return row("ok", f"{place} can be had")
    name = variable("media_listen")
    if not isinstance(why_not, PlaceTakenError):
        return row("failed", str(why_not), f"set {name} to an address that can be had")
    if isinstance(holder, NodeView) and _listens_at(place, holder):
        return row("ok", f"{place} is in use, and {_told(holder)}")
    return row(
        "warning",
        f"{place} is in use; cannot tell by whom",
        f"unless a daemon or a socket unit of ours has it, stop what listens there, or set {name}",
    )


def _listens_at(place: Place, node: NodeView) -> bool:
    """Say whether the daemon tells carriers to come to this very place."""
    return any(urlsplit(url).netloc == str(place) for url in node.media_urls)


def _control_row(place: Place, why_not: ConfigError | None, holder: Holder) -> Row:
    row = partial(Row, "addresses", "control address")
    if why_not is None:
        return row("ok", f"{place} can be had")
    advice = f"stop what listens there, or set {variable('control_listen')}"
    match holder:
        case NodeView():
            return row("ok", f"{place} is in use, and {_told(holder)}")
        case "ours":
            told = "a daemon of ours answers, which knows no token of ours"
            return row("ok", f"{place} is in use, and {told}")
        case "silent":
            told = "nothing answers: held by another process, perhaps a socket unit"
            return row("warning", f"{place} is in use, and {told}", f"if it is none, {advice}")
        case "foreign":
            return row("failed", str(why_not), advice)


def _told(node: NodeView) -> str:
    return f"a daemon of ours runs here ({node.state}, {node.calls} calls)"


def _why_not(place: Place, *, share: bool = False) -> ConfigError | None:
    """Have the place for a moment; return why that cannot be."""
    try:
        if share and not isinstance(place, Path):
            # Without listening: who calls meanwhile is for the daemons that share it.
            bind(*place, backlog=None, reuse_port=True).close()
            return None
        with listening(place):
            return None
    except ConfigError as exc:
        return exc


async def _ask_who(configuration: Configuration, environ: Mapping[str, str]) -> Holder:
    """Ask who has the control address."""
    place, tls = configuration.serve.control_listen, configuration.serve.control_tls_cert_file
    url = f"unix://{place}"
    if isinstance(place, Address):
        url = f"{'http' if tls is None else 'https'}://{place}"
    with trio.move_on_after(ASK_S):
        try:
            async with Client(url, environ=environ) as client:
                return await client.node()
        except ProblemError as exc:
            return "ours" if exc.problem.type.startswith(PROBLEM_BASE) else "foreign"
        except (ClientError, ConfigError):
            return "foreign"
    return "silent"


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
