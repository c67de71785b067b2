"""What holds at the media listener, by the settings."""

from __future__ import annotations

from trioaudio.configuration import Configuration
from trioaudio.net.admission import Admission
from trioaudio.net.far_address import networks_of
from trioaudio.net.tls import server_context
from trioaudio.net.upgrade_head import read_public_url


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
