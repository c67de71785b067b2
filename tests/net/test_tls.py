from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from trioaudio.core.errors import ConfigError
from trioaudio.net.tls import client_context


def test_a_file_names_whom_to_trust(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    context = client_context(str(file))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


def test_without_a_file_the_system_says() -> None:
    assert client_context(None).verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        client_context(str(tmp_path / "ca.pem"))


def test_a_file_that_holds_no_certificate(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing of the kind")
    with pytest.raises(ConfigError, match="holds no certificate"):
        client_context(str(file))
