"""What the control server is told: where to listen, who may ask, and how much."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

import attrs

from trioaudio.control.tokens import TokenBook

MIB = 1024 * 1024


def _nothing() -> None:
    """Do nothing."""


@attrs.frozen(kw_only=True)
class ControlOptions:
    """Everything but `listen` and `tokens` has a default that suits a node."""

    listen: tuple[str, int] | Path
    """HOST and PORT, 0 for any free one; or the path of a Unix socket."""
    tokens: TokenBook
    on_wrong_token: Callable[[], None] = _nothing
    """Told of every request that brings no token, or one nobody has."""
    tls_certificate: Path | None = None
    """PEM, with the intermediate ones; needs `tls_key`. Not for a Unix socket."""
    tls_key: Path | None = None
    body_bytes: int = MIB
    upload_bytes: int = 10 * MIB
    message_bytes: int = MIB
    """The longest message on the stream."""
    requests_per_s: float = 200.0
    """Of one token, over HTTP and streams together."""
    request_burst: int = 400
    connections: int = 2000
    connections_per_peer: int = 500
    """Of one address; all that come by a Unix socket are one peer."""
    streams: int = 200
    """Of all tokens together; each is told every event it wants."""
    send_s: float = 10.0
    """A far end that does not read for so long loses its connection."""

    @property
    def near(self) -> bool:
        """Whether only this machine reaches us."""
        if isinstance(self.listen, Path):
            return True
        host = self.listen[0]
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"
