"""TLS on a non-blocking socket of the standard library, driven by Trio."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import trio

from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies servers; `ca_file` names certificates to trust instead.

    ConfigError when the file cannot be used.
    """
    if ca_file is not None and not Path(ca_file).is_file():
        raise ConfigError(f"TLS CA file {ca_file!r} does not exist")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"TLS CA file {ca_file!r} holds no certificate: {exc}") from exc


def server_context(cert_file: str, key_file: str) -> ssl.SSLContext:
    """Return a context that shows a certificate, with those up to its authority, and its key.

    ConfigError when the files cannot be used together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # An encrypted key would be asked about on the terminal of a daemon.
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or exc
        raise ConfigError(
            f"TLS certificate {cert_file!r} with key {key_file!r} cannot be used: {reason}; give"
            " PEM files that belong together, the key without a password"
        ) from exc
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


async def shake_hands(
    sock: socket.socket, context: ssl.SSLContext, *, server_hostname: str | None, peer: str
) -> ssl.SSLSocket:
    """Do the TLS handshake on a connected non-blocking socket and return the socket to use.

    `server_hostname` None means that we are the server. The caller bounds the time. On failure
    the socket is closed: LegRefusedError when the certificate is not trusted or the far end
    speaks no TLS, LegLostError when the connection broke.
    """
    try:
        tls = context.wrap_socket(
            sock,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
            do_handshake_on_connect=False,
        )
    except OSError as exc:
        sock.close()
        raise LegLostError(f"connection to {peer} broke before TLS began: {exc}") from exc
    done = False
    try:
        await _do_handshake(tls)
        done = True
    except ssl.SSLCertVerificationError as exc:
        raise LegRefusedError(
            f"certificate of {peer} is not trusted: {exc.verify_message};"
            " name the CA that signed it in TRIOAUDIO_TLS_CA_FILE"
        ) from exc
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as exc:
        raise LegLostError(f"{peer} closed the connection during the TLS handshake") from exc
    except ssl.SSLError as exc:
        raise LegRefusedError(
            f"TLS with {peer} failed: {exc.reason or exc}; is it really a wss:// port?"
        ) from exc
    except OSError as exc:
        raise LegLostError(f"connection to {peer} broke during the TLS handshake: {exc}") from exc
    finally:
        if not done:
            tls.close()
    return tls


async def _do_handshake(tls: ssl.SSLSocket) -> None:
    while True:
        try:
            return tls.do_handshake()
        except ssl.SSLWantReadError:
            await trio.lowlevel.wait_readable(tls)
        except ssl.SSLWantWriteError:
            await trio.lowlevel.wait_writable(tls)
