from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from trioaudio.core.secret import Secret
from trioaudio.serve_settings import WEBHOOK_EVENTS, ServeSettings, serve_conflicts
from trioaudio.serve_values import check_event_names
from trioaudio.settings import secret_values
from trioaudio.settings_values import Address

PEM = Path("x.pem")


def test_the_defaults_fit_each_other() -> None:
    assert serve_conflicts(ServeSettings()) == []
    check_event_names(WEBHOOK_EVENTS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"webhook_url": "https://h/"},
            "TRIOAUDIO_WEBHOOK_URL is set and TRIOAUDIO_WEBHOOK_SECRET is not",
        ),
        (
            {"control_tls_cert_file": PEM},
            "TRIOAUDIO_CONTROL_TLS_CERT_FILE is set and TRIOAUDIO_CONTROL_TLS_KEY_FILE is not",
        ),
        (
            {
                "control_listen": Path("/run/x"),
                "control_tls_cert_file": PEM,
                "control_tls_key_file": PEM,
            },
            "TRIOAUDIO_CONTROL_TLS_CERT_FILE is set, but TRIOAUDIO_CONTROL_LISTEN is a Unix socket",
        ),
        (
            {"control_listen": Address("127.0.0.1", 8088)},
            "TRIOAUDIO_CONTROL_LISTEN=127.0.0.1:8088: carriers dial in there",
        ),
        (
            {"text_ahead_most": 10},
            "TRIOAUDIO_TEXT_AHEAD_MOST=10: less than TRIOAUDIO_TEXT_AHEAD=2000",
        ),
    ],
)
def test_conflicts(changed: dict[str, Any], said: str) -> None:
    (problem,) = serve_conflicts(attrs.evolve(ServeSettings(), **changed))
    assert problem.startswith(said)


def test_what_is_no_conflict() -> None:
    anywhere = Address("127.0.0.1", 0)
    for serve in (
        ServeSettings(webhook_url="https://h/", webhook_secret=Secret("x")),
        ServeSettings(media_listen=anywhere, control_listen=anywhere),
        ServeSettings(control_tls_cert_file=PEM, control_tls_key_file=PEM),
        ServeSettings(control_listen=Path("/run/x")),
    ):
        assert serve_conflicts(serve) == []


def test_no_secret_is_shown() -> None:
    serve = ServeSettings(
        webhook_url="https://h/x?token=hush-1",
        webhook_secret=Secret("hush-2"),
        webhook_key=Secret("hush-3"),
        relay_url="wss://h/?key=hush-4",
    )
    assert "hush" not in repr(serve)
    assert secret_values(serve) == {"token=hush-1", "hush-2", "hush-3", "key=hush-4"}
