from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from trioaudio.core.errors import ConfigError
from trioaudio.net.tls import client_context, server_context


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


def write_certificate(folder: Path) -> tuple[str, str]:
    issued = trustme.CA().issue_cert("voice.example.com")
    cert, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    return str(cert), str(key)


def test_a_certificate_of_our_own(tmp_path: Path) -> None:
    context = server_context(*write_certificate(tmp_path))
    assert context.verify_mode is ssl.CERT_NONE  # carriers show none
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_both_may_stand_in_one_file(tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(Path(cert).read_text() + Path(key).read_text())
    server_context(str(both), str(both))


def test_a_key_that_is_another_s(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, _ = write_certificate(tmp_path)
    _, other = write_certificate(tmp_path / "other")
    with pytest.raises(ConfigError, match="KEY_VALUES_MISMATCH; give PEM files"):
        server_context(cert, other)


def test_a_key_with_a_password_is_not_asked_about(tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path)
    private = load_pem_private_key(Path(key).read_bytes(), None)
    Path(key).write_bytes(
        private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush-hush")
        )
    )
    with pytest.raises(ConfigError, match="the key is encrypted"):
        server_context(cert, key)


@pytest.mark.parametrize("text", ["", "nothing of the kind"])
def test_files_that_hold_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.pem"
    file.write_text(text)
    with pytest.raises(ConfigError, match="cannot be used"):
        server_context(str(file), str(file))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        server_context(str(tmp_path / "a"), str(tmp_path / "b"))
