"""Certificates of our own: whether they fit their keys, for how long, and for which names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from trioaudio.check.row import Check, Row, in_thread
from trioaudio.configuration import Configuration
from trioaudio.net.tls import server_context

SOON_DAYS: Final = 30
_DAY_S: Final = 86_400


def certificate_checks(configuration: Configuration) -> list[Check]:
    """Return a check for each certificate that is set."""
    settings, serve = configuration.settings, configuration.serve
    host = urlsplit(settings.public_url or "").hostname
    pairs = (
        ("media TLS", settings.tls_cert_file, settings.tls_key_file, host),
        ("control TLS", serve.control_tls_cert_file, serve.control_tls_key_file, None),
    )
    return [
        Check("addresses", what, in_thread(partial(look_at, what, cert, key, name)))
        for what, cert, key, name in pairs
        if cert is not None and key is not None
    ]


def look_at(
    what: str,
    cert_file: Path,
    key_file: Path,
    host: str | None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Row]:
    """Look at a certificate; ConfigError when it cannot be used with its key."""
    server_context(str(cert_file), str(key_file))
    row = partial(Row, "addresses", what)
    rows = [_of_time(row, x509.load_pem_x509_certificate(cert_file.read_bytes()), now())]
    if (
        host is not None
        and (names := _names(cert_file))
        and not any(_fits(host, each) for each in names)
    ):
        told = ", ".join(names)
        rows.append(
            row("failed", f"{cert_file} is for {told}, and not for {host}", "get one for that name")
        )
    if key_file.stat().st_mode & 0o007:
        rows.append(row("warning", f"all may read the key {key_file}", f"chmod 600 {key_file}"))
    return rows


def _of_time(row: partial[Row], certificate: x509.Certificate, now: datetime) -> Row:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    days = (ends - now).total_seconds() / _DAY_S
    if now < begins:
        return row("failed", f"valid from {begins:%Y-%m-%d} only", "is the clock right?")
    if days <= 0:
        return row("failed", f"expired on {ends:%Y-%m-%d}", "renew it, and reload")
    detail = f"fits its key; valid until {ends:%Y-%m-%d}, {days:.0f} days"
    if days < SOON_DAYS:
        return row("warning", detail, "renew it, and reload")
    return row("ok", detail)


def _names(cert_file: Path) -> list[str]:
    certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)]
    return found.get_values_for_type(x509.DNSName) + addresses


def _fits(host: str, name: str) -> bool:
    """Compare as RFC 6125 has it: a star stands for the first label."""
    host, name = host.lower(), name.lower()
    return host == name or (name.startswith("*.") and host.partition(".")[2] == name[2:])
