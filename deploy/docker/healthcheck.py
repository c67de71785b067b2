"""Ask the daemon of this container whether its event loop turns: exit code 0 if it does, else 1.

It asks at TRIOAUDIO_CONTROL_LISTEN, an address or a Unix socket, by TLS if
TRIOAUDIO_CONTROL_TLS_CERT_FILE is set. Only the standard library is imported: this runs every few
seconds beside calls.
"""

# ruff: noqa: INP001  a program, not a package
from __future__ import annotations

import http.client
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

LISTEN = "TRIOAUDIO_CONTROL_LISTEN"
CERTIFICATE = "TRIOAUDIO_CONTROL_TLS_CERT_FILE"
USUAL = "127.0.0.1:8089"
TIMEOUT_S = 2.5
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what is listened on, to be asked at


class LocalConnection(http.client.HTTPConnection):
    """HTTP by a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect, or raise OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))


def connection_to(environ: Mapping[str, str]) -> http.client.HTTPConnection:
    """Return a connection to the control API these settings place; nothing is opened yet."""
    listen = environ.get(LISTEN) or USUAL
    if listen.startswith("/"):
        return LocalConnection(Path(listen))
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    host = _ANY.get(host, host)
    if not environ.get(CERTIFICATE):
        return http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_S)
    # It is ourselves we ask, by a name the certificate does not have.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, int(port), timeout=TIMEOUT_S, context=context)


def check(environ: Mapping[str, str]) -> str:
    """Return what is wrong in a line, or nothing."""
    connection = connection_to(environ)
    try:
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as exc:
        return f"no answer from /livez: {str(exc) or type(exc).__name__}"
    finally:
        connection.close()
    return "" if status == http.client.OK else f"/livez answers {status}"


if __name__ == "__main__":
    if wrong := check(os.environ):
        sys.exit(wrong)
