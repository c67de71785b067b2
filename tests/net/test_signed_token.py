from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from net.rest_sides import new_keys
from trioaudio.core.call_control import SignedToken
from trioaudio.core.errors import ConfigError
from trioaudio.net.signed_token import sign


def test_a_token_says_who_and_when(tmp_path: Path) -> None:
    keys = new_keys(tmp_path)
    token = SignedToken(keys.file, {"application_id": "app-1"}, lifetime_s=60)
    made = [sign(token, 1_700_000_000.9).get() for _ in range(2)]
    claims = [
        jwt.decode(each, keys.public, algorithms=["RS256"], options={"verify_exp": False})
        for each in made
    ]
    assert claims[0]["application_id"] == "app-1"
    assert (claims[0]["iat"], claims[0]["exp"]) == (1_700_000_000, 1_700_000_060)
    assert claims[0]["jti"] != claims[1]["jti"]
    assert jwt.get_unverified_header(made[0])["alg"] == "RS256"


def test_a_key_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        sign(SignedToken(tmp_path / "none.key", {}), 0)
    with pytest.raises(ConfigError, match="directory"):
        sign(SignedToken(tmp_path, {}), 0)


def private(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    hiding: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        hiding = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hiding)


def test_and_hold_a_private_rsa_key(tmp_path: Path) -> None:
    keys = new_keys(tmp_path)
    contents = [
        *(b"", b"no key at all", b"\xff\xfe", keys.public.encode()),
        b"-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n",
        private(rsa.generate_private_key(public_exponent=65537, key_size=2048), b"passphrase"),
        private(ed25519.Ed25519PrivateKey.generate(), None),
    ]
    for content in contents:
        file = tmp_path / "wrong.key"
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="no private RSA key") as refused:
            sign(SignedToken(file, {}), 0)
        assert "QUJD" not in str(refused.value)
