"""Make a JSON Web Token at the moment it is sent; the file that signs on the carriers' side.

RFC 7519, and RFC 7518 for RS256.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trioaudio.core.call_control import SignedToken
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret


def sign(token: SignedToken, now: float) -> Secret:
    """Return the token, valid from `now` (seconds since 1970) for its lifetime.

    ConfigError when the key file cannot be read or holds no private RSA key. The file is read
    every time, so a key can be changed while the program runs.
    """
    begins = int(now)
    claims = {
        **token.claims,
        "iat": begins,
        "exp": begins + token.lifetime_s,
        "jti": secrets.token_hex(16),
    }
    return Secret(jwt.encode(claims, _key(token.private_key_file), algorithm="RS256"))


def _key(file: Path) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as exc:
        raise ConfigError(f"private_key_file={file}: {exc.strerror or exc}") from None
    except (UnsupportedAlgorithm, TypeError, ValueError):
        # Their words may quote the key. TypeError: the key wants a passphrase.
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(
            f"private_key_file={file}: holds no private RSA key in PEM, without a passphrase"
        )
    return key
