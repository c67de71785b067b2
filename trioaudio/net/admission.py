"""What holds for every connection a listener accepts."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from trioaudio.net.far_address import Network
from trioaudio.net.upgrade_head import PublicUrl


def _seconds_since_1970() -> float:
    return datetime.now(UTC).timestamp()


@attrs.frozen
class Admission:
    """What holds for every connection a listener accepts."""

    handshake_s: float = 10.0
    """For TLS and the head, for finding out who may have the call, and for the WebSocket
    handshake, each at most this long."""
    largest_message: int = 1 << 20
    tls_context: ssl.SSLContext | None = None
    public_url: PublicUrl | None = None
    """Where far ends reach us, if not at our own address."""
    trusted_proxies: tuple[Network, ...] = ()
    """Who may say for whom it speaks. Of the limits below, only `handshakes_in_all` is for them;
    the others are for those they speak for."""
    handshakes_most: int = 100
    """Connections of one address in handshake at once."""
    handshakes_in_all: int = 512
    """Connections of all addresses in handshake at once, proxies' included. Each takes a
    descriptor, a task and some kilobytes, and calls need those too."""
    refusals_most: int = 30
    """Refusals of one address in a minute; then it is turned away until the minute is over."""
    wall_clock: Callable[[], float] = _seconds_since_1970
