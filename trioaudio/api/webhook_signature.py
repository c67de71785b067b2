"""How posted events are signed, and how a receiver checks that they came from the daemon.

`Trioaudio-Signature: t=1700000000,v1=<hex>` holds the HMAC-SHA256, keyed with the shared secret,
of the time, a full stop and the body's bytes. Several v1 may stand there; one must be right.
"""

from __future__ import annotations

import hashlib
import hmac

EVENT_ID_HEADER = "Trioaudio-Event-Id"
TIMESTAMP_HEADER = "Trioaudio-Timestamp"
SIGNATURE_HEADER = "Trioaudio-Signature"
TOLERANCE_S = 300.0
"""Seconds a signature is good for, so that what somebody overheard cannot be sent again later."""


class WebhookSignatureError(ValueError):
    """A request that is not the daemon's, or too old; the message says which."""


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the signature header of a body posted `at` so many seconds since 1970."""
    return f"t={at},v1={_digest(secret, body, at)}"


def verify_signature(
    secret: str, header: str, body: bytes, now: float, tolerance_s: float = TOLERANCE_S
) -> None:
    """Return if the body, as it came, was signed with the secret at about `now`.

    WebhookSignatureError otherwise. `now` is seconds since 1970.
    """
    at, given = _read(header)
    expected = _digest(secret, body, at).encode()
    right = [hmac.compare_digest(expected, each.encode()) for each in given]
    if not any(right):
        raise WebhookSignatureError("the signature is not that of this body and secret")
    if abs(now - at) > tolerance_s:
        raise WebhookSignatureError(
            f"it was signed {abs(now - at):.0f} s {'ago' if now > at else 'from now'}; at most"
            f" {tolerance_s:g} s are allowed"
        )


def _digest(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def _read(header: str) -> tuple[int, list[str]]:
    """Return the time and the signatures."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    given = [value for key, _, value in pairs if key == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()) or len(times[0]) > 18:
        raise WebhookSignatureError("the signature has no time; give the whole header")
    return int(times[0]), given
