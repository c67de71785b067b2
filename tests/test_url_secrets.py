"""What is secret in a URL is in no message about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.configuration import load_configuration
from trioaudio.core.errors import ConfigError

HUSH = "hush-hush-42"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", f"wss://user:{HUSH}@host/x"),
        ("PUBLIC_URL", f"wss://ho st/x?token={HUSH}"),
        ("URL_ALLOW", f"https://fine.example/|wss://user:{HUSH}@host/x"),
        ("WEBHOOK_URL", f"user:{HUSH}@host.example.com/events"),
        ("RELAY_URL", f"wss:user:{HUSH}@host"),
    ],
)
def test_a_url_that_is_refused_keeps_its_secret(tmp_path: Path, name: str, value: str) -> None:
    environ = {"TRIOAUDIO_STATE_FOLDER": str(tmp_path), f"TRIOAUDIO_{name}": value}
    with pytest.raises(ConfigError) as caught:
        load_configuration(environ, tmp_path)
    assert f"TRIOAUDIO_{name}" in str(caught.value)
    assert HUSH not in str(caught.value)
