"""The listeners' own certificates: renewed while they listen, and how long they are good for.

A renewed certificate is tried with its key in a context of its own: `SSLContext.load_cert_chain` on
one that is in use would leave it with half a pair if the other half does not fit. Connections that
are up keep the context they began with.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import attrs
from cryptography import x509

from trioaudio.core.errors import ConfigError
from trioaudio.net.tls import server_context


@attrs.frozen
class Renewal:
    """A certificate that was read, fits its key, and is not shown yet."""

    listener: str
    context: ssl.SSLContext
    content: tuple[bytes, bytes]
    expires_at: float


@attrs.define(eq=False)
class Certificate:
    """A listener's certificate and key, in files that may be replaced."""

    listener: str
    """`media` or `control`."""
    cert_file: Path
    key_file: Path
    make: Callable[[], ssl.SSLContext]
    """Makes a context of the files. ConfigError."""
    show: Callable[[ssl.SSLContext], None]
    """Has handshakes that begin from now on use a context."""
    _content: tuple[bytes, bytes] = (b"", b"")
    expires_at: float = 0.0
    """Seconds since 1970."""

    def __attrs_post_init__(self) -> None:
        self._content = self._read()
        self.expires_at = self._end_of(self._content[0])

    def renewal(self) -> Renewal | None:
        """Return what is in the files now, None if it is what is shown. Blocks; ConfigError."""
        content = self._read()
        if content == self._content:
            return None
        server_context(str(self.cert_file), str(self.key_file))
        return Renewal(self.listener, self.make(), content, self._end_of(content[0]))

    def put_in_force(self, renewal: Renewal) -> None:
        """Show it from now on."""
        self.show(renewal.context)
        self._content, self.expires_at = renewal.content, renewal.expires_at

    def _read(self) -> tuple[bytes, bytes]:
        try:
            return self.cert_file.read_bytes(), self.key_file.read_bytes()
        except OSError as exc:
            raise ConfigError(
                f"TLS certificate {str(self.cert_file)!r} with key {str(self.key_file)!r} cannot be"
                f" read: {exc.strerror}; the old one stays in force"
            ) from exc

    def _end_of(self, pem: bytes) -> float:
        try:
            return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
        except ValueError as exc:
            raise ConfigError(
                f"TLS certificate {str(self.cert_file)!r} is no PEM file of a certificate"
            ) from exc


@attrs.define(eq=False)
class Certificates:
    """Those of all listeners."""

    _by_listener: dict[str, Certificate] = attrs.field(factory=dict)

    def add(self, certificates: Iterable[Certificate]) -> None:
        """Renew these too."""
        self._by_listener |= {each.listener: each for each in certificates}

    def renewals(self) -> list[Renewal]:
        """Return those whose files have changed. Blocks; ConfigError tells of all mistakes."""
        found: list[Renewal] = []
        problems: list[str] = []
        for each in self._by_listener.values():
            try:
                if (renewal := each.renewal()) is not None:
                    found.append(renewal)
            except ConfigError as exc:
                problems += exc.problems
        if problems:
            raise ConfigError(*problems)
        return found

    def put_in_force(self, renewals: list[Renewal]) -> list[str]:
        """Show them from now on; return what changed, for people."""
        for each in renewals:
            self._by_listener[each.listener].put_in_force(each)
        return [f"the certificate of the {each.listener} listener" for each in renewals]

    def expiries(self) -> Mapping[str, float]:
        """Return when each expires, by listener, in seconds since 1970."""
        return {name: each.expires_at for name, each in self._by_listener.items()}
