from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.api.webhook_signature import (
    TOLERANCE_S,
    WebhookSignatureError,
    sign,
    verify_signature,
)

SECRET = "a long random text"
BODY = b'{"id":"evt_0","event":{"event":"dtmf"}}'
AT = 1_700_000_000
# printf '1700000000.{"id":"evt_0","event":{"event":"dtmf"}}' |
#     openssl dgst -sha256 -hmac 'a long random text'
VECTOR = "57368026ff0f8937442fb2006c7036bec5d062316af2c0794153589da79c93ca"


def test_the_signature_openssl_makes() -> None:
    assert sign(SECRET, BODY, AT) == f"t={AT},v1={VECTOR}"
    verify_signature(SECRET, f"t={AT},v1={VECTOR}", BODY, AT)


@given(st.text(), st.binary(), st.integers(0, 10**12))
def test_it_is_an_hmac_of_time_and_body(secret: str, body: bytes, at: int) -> None:
    header = sign(secret, body, at)
    plain = f"{at}.".encode() + body
    assert header.endswith(hmac.new(secret.encode(), plain, hashlib.sha256).hexdigest())
    verify_signature(secret, header, body, at)


def test_several_signatures_of_which_one_is_right() -> None:
    header = f"t={AT}, v1={'0' * 64} , v0=x, v1={VECTOR}"
    verify_signature(SECRET, header, BODY, AT)


@pytest.mark.parametrize("now", [AT - TOLERANCE_S, AT, AT + TOLERANCE_S])
def test_within_the_tolerance(now: float) -> None:
    verify_signature(SECRET, sign(SECRET, BODY, AT), BODY, now)


@pytest.mark.parametrize(
    ("now", "said"),
    [(AT + TOLERANCE_S + 1, "301 s ago; at most 300 s"), (AT - TOLERANCE_S - 1, "301 s from now")],
)
def test_what_was_overheard_cannot_be_sent_again_later(now: float, said: str) -> None:
    with pytest.raises(WebhookSignatureError, match=said):
        verify_signature(SECRET, sign(SECRET, BODY, AT), BODY, now)


@pytest.mark.parametrize(
    ("secret", "header", "body"),
    [
        ("another", f"t={AT},v1={VECTOR}", BODY),
        (SECRET, f"t={AT + 1},v1={VECTOR}", BODY),
        (SECRET, f"t={AT},v1={VECTOR}", BODY + b" "),
        (SECRET, f"t={AT},v1={VECTOR[:-1]}", BODY),
        (SECRET, f"t={AT},v1=é", BODY),
        (SECRET, f"t={AT},v0={VECTOR}", BODY),
        (SECRET, f"t={AT}", BODY),
    ],
)
def test_anybody_else_s(secret: str, header: str, body: bytes) -> None:
    with pytest.raises(WebhookSignatureError, match="not that of this body and secret"):
        verify_signature(secret, header, body, AT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"v1={VECTOR}",
        f"t=,v1={VECTOR}",
        f"t=x,v1={VECTOR}",
        "t=٣,v1=0",
        "t=1,t=1",
        f"t={9**99}",
    ],
)
def test_a_header_that_is_none(header: str) -> None:
    with pytest.raises(WebhookSignatureError, match="has no time"):
        verify_signature(SECRET, header, BODY, AT)
