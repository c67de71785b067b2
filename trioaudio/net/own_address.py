"""Where a listener is, and the URLs under which far ends find it there."""

from __future__ import annotations

import socket

import attrs

from trioaudio.core.carrier import Transport
from trioaudio.net.admission import Admission
from trioaudio.net.media_socket import host_port
from trioaudio.net.upgrade_head import PublicUrl


@attrs.frozen
class OwnAddress:
    """What a listening socket is bound to, and what the operator says stands before it."""

    address: str
    """HOST:PORT, IPv6 in brackets, or the path of a Unix socket."""
    is_file: bool
    scheme: str
    """ws or wss."""
    public: PublicUrl | None

    @property
    def here(self) -> str:
        """The listener's own URL, for who asks without naming a host.

        Nobody dials the path of a file: a proxy does, for who has named a host.
        """
        return f"{self.scheme}://{'localhost' if self.is_file else self.address}"

    def url(self, key: str, transport: Transport = Transport.WEBSOCKET) -> str:
        """Return the URL a carrier must dial to come in by `key`.

        Of a Unix socket without a public URL it is ws+unix:PATH:KEY, as some clients write it.
        """
        if transport is Transport.AUDIOSOCKET:
            return f"audiosocket://{self.address}/{key}"
        if self.public is not None:
            return f"{self.public.origin}{self.public.prefix}{key}"
        if self.is_file:
            return f"{self.scheme}+unix:{self.address}:{key}"
        return self.here + key

    def web_url(self, path: str) -> str:
        """Return the http:// or https:// URL under which a carrier asks for a path of ours."""
        public = self.public
        ours = self.here if public is None else f"{public.origin}{public.prefix}"
        scheme, _, rest = ours.partition("://")
        return f"{'https' if scheme == 'wss' else 'http'}://{rest}{path}"


def own_address(sock: socket.socket, admission: Admission) -> OwnAddress:
    """Return where a listening socket is."""
    name, is_file = sock.getsockname(), sock.family == socket.AF_UNIX
    return OwnAddress(
        address=str(name) if is_file else host_port(name[:2]),
        is_file=is_file,
        scheme="ws" if admission.tls_context is None else "wss",
        public=admission.public_url,
    )
