"""Where carriers dial in, and what holds there, by the settings."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from trioaudio.calls.roll import Roll
from trioaudio.configuration import Configuration
from trioaudio.control.options import ControlOptions
from trioaudio.control.server import ControlServer
from trioaudio.control.tokens import TOKENS_FILE, TokenBook
from trioaudio.core.facts import Tell
from trioaudio.daemon.admission import Admission as Admitting
from trioaudio.daemon.certificates import Certificate
from trioaudio.daemon.watch import Watch
from trioaudio.listening_place import listening
from trioaudio.net.admission import Admission
from trioaudio.net.far_address import networks_of
from trioaudio.net.listener import Listener, listen_on
from trioaudio.net.tls import server_context
from trioaudio.net.upgrade_head import read_public_url
from trioaudio.settings import variable

HOLD_S: Final = 3.0
"""How long carriers wait for an answer without harm; some give up after five seconds."""


@asynccontextmanager
async def open_media(
    configuration: Configuration, passed: socket.socket | None, tell: Tell
) -> AsyncIterator[Listener]:
    """Listen for carriers while the block runs, on the socket that was `passed` if one was.

    ConfigError when that cannot be. `tell` is given what is refused.
    """
    serve = configuration.serve
    own = listening(serve.media_listen, reuse_port=serve.reuse_port)
    # Before anything is bound: a certificate that cannot be used leaves no file behind.
    admission = media_admission(configuration)
    with own if passed is None else nullcontext(passed) as sock:
        async with listen_on(sock, admission, tell) as listener:
            yield listener


def hold_newcomers(listener: Listener, roll: Roll) -> None:
    """Leave newcomers to the process that has the socket next; who waits too long is refused here.

    Not while somebody on the telephone waits for a carrier that is to come to us.
    """
    if not _somebody_waits(roll):
        listener.hold(HOLD_S)


def leave_to_others(
    configuration: Configuration, listener: Listener, roll: Roll, admission: Admitting
) -> None:
    """Leave newcomers to the other processes at our port, if there may be others.

    Not while somebody waits, likewise. Who came before may still have a call of ours.
    """
    serve = configuration.serve
    shared = serve.reuse_port and not isinstance(serve.media_listen, Path)
    if shared and not _somebody_waits(roll):
        listener.leave()
        admission.latecomers = lambda: listener.statistics().in_handshake > 0


def _somebody_waits(roll: Roll) -> bool:
    return any(each.state in ("placing", "lost") for each in roll)


def listening_warnings(configuration: Configuration) -> list[str]:
    """Return lines about a port that several processes share."""
    serve = configuration.serve
    if not serve.reuse_port:
        return []
    name = variable("reuse_port")
    if isinstance(serve.media_listen, Path):
        return [f"{name}=yes: a Unix socket has one process; it is not heeded"]
    if serve.media_auth == "tokens":
        warning = (
            f"{name}=yes, and {variable('media_auth')}=tokens: a carrier that dials a call's own"
            " URL may be given to a process that does not know it, and is refused with 404 there"
        )
        return [warning]
    return []


def control_options(configuration: Configuration, watch: Watch) -> ControlOptions:
    """Return what the control API's server is told."""
    serve, places = configuration.serve, configuration.places
    return ControlOptions(
        listen=serve.control_listen,
        tokens=TokenBook(places.state / TOKENS_FILE, on_damage=watch.tokens_damaged),
        on_wrong_token=watch.metrics.auth_failed,
        tls_certificate=serve.control_tls_cert_file,
        tls_key=serve.control_tls_key_file,
        body_bytes=serve.body_bytes,
        requests_per_s=serve.requests_per_s,
        request_burst=max(1, round(2 * serve.requests_per_s)),
    )


def own_certificates(
    configuration: Configuration, listener: Listener, control: ControlServer
) -> list[Certificate]:
    """Return what carriers and applications are shown, where we speak TLS. ConfigError."""
    settings, serve = configuration.settings, configuration.serve
    found = []
    if settings.tls_cert_file is not None and settings.tls_key_file is not None:
        pair = settings.tls_cert_file, settings.tls_key_file
        read = partial(server_context, *map(str, pair))
        found.append(Certificate("media", *pair, read, listener.show_certificate))
    if serve.control_tls_cert_file is not None and serve.control_tls_key_file is not None:
        pair = serve.control_tls_cert_file, serve.control_tls_key_file
        show = control.show_certificate
        found.append(Certificate("control", *pair, control.read_certificate, show))
    return found


def media_admission(configuration: Configuration) -> Admission:
    """Return it; ConfigError when the certificate cannot be used."""
    settings, serve = configuration.settings, configuration.serve
    cert_file, key_file = settings.tls_cert_file, settings.tls_key_file
    tls = None
    if cert_file is not None and key_file is not None:
        tls = server_context(str(cert_file), str(key_file))
    return Admission(
        handshake_s=settings.dial_timeout_s,
        largest_message=settings.max_message_bytes,
        tls_context=tls,
        public_url=None if settings.public_url is None else read_public_url(settings.public_url),
        trusted_proxies=networks_of(settings.trusted_proxies),
        handshakes_most=settings.door_handshakes,
        handshakes_in_all=serve.handshakes_in_all,
        refusals_most=settings.door_refusals,
    )
