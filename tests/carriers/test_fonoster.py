import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.fonoster import CARRIER, FonosterSettings
from trioaudio.core.carrier import EndStream, HangUp
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

SECRET = "whsec_9f86d081"
SETTINGS = FonosterSettings(signing_secret=Secret(SECRET))
NOW = 1_800_000_000.0
URL = "wss://voice.example.com/media?stream=1"
# printf '1800000000.wss://voice.example.com/media?stream=1' | openssl dgst -sha256 -hmac …
SIGNATURE = "7bb55005bb767a44ec85078187dc236d8c30153b7f2292f58538edc22bbdaef1"
assert CARRIER.door_check is not None
DOOR = CARRIER.door_check


def signed(url: str = URL, at: str = "1800000000", secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), f"{at}.{url}".encode(), hashlib.sha256)
    return {"x-fonoster-timestamp": at, "x-fonoster-signature": mac.hexdigest()}


def check(
    headers: dict[str, str], settings: FonosterSettings = SETTINGS, *, query: str = "stream=1"
) -> None:
    DOOR.check(
        settings,
        UpgradeRequest(
            "wss://voice.example.com", "/media", query, headers, "192.0.2.7:4000", at=NOW
        ),
    )


def refusal(
    headers: dict[str, str], settings: FonosterSettings = SETTINGS, *, query: str = "stream=1"
) -> UpgradeRefusedError:
    with pytest.raises(UpgradeRefusedError) as refused:
        check(headers, settings, query=query)
    return refused.value


def test_closing_is_hanging_up() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    codec.receive('{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}')
    assert codec.send(HangUp()) == codec.send(EndStream()) == []
    assert CARRIER.ends_by_close


def test_a_signature_is_of_the_time_and_the_url() -> None:
    assert signed()["x-fonoster-signature"] == SIGNATURE
    check(signed())


@pytest.mark.parametrize("at", ["1799999700", "1800000300", "1800000000.5"])
def test_a_clock_may_be_five_minutes_off(at: str) -> None:
    check(signed(at=at))


@pytest.mark.parametrize("at", ["1799999699", "1800000301", "0", "-1", "soon", "", "nan", "1e400"])
def test_an_old_signature_is_refused(at: str) -> None:
    refused = refusal(signed(at=at))
    assert refused.status == 403
    assert "clock" in str(refused)


@pytest.mark.parametrize(
    "headers",
    [
        signed("wss://voice.example.com/media"),
        signed(secret="another"),
        {**signed(), "x-fonoster-timestamp": "1800000001"},
        {**signed(), "x-fonoster-signature": SIGNATURE.upper()},
        {**signed(), "x-fonoster-signature": ""},
        {**signed(), "x-fonoster-signature": "ñ\ud800"},
    ],
)
def test_a_signature_of_anything_else_is_wrong(headers: dict[str, str]) -> None:
    refused = refusal(headers)
    assert refused.status == 403
    assert "does not fit" in str(refused)


def test_the_query_is_signed_too() -> None:
    check(signed("wss://voice.example.com/media"), query="")
    assert refusal(signed(), query="").status == 403


@pytest.mark.parametrize("header", ["x-fonoster-timestamp", "x-fonoster-signature"])
def test_a_header_that_is_not_there_is_asked_for(header: str) -> None:
    headers = signed()
    del headers[header]
    refused = refusal(headers)
    assert refused.status == 401
    assert header in str(refused)


def test_without_a_secret_nobody_is_let_in() -> None:
    assert refusal(signed(secret=""), FonosterSettings()).status == 403
    assert DOOR.missing(FonosterSettings()) == "signing_secret"
    assert DOOR.missing(SETTINGS) is None


@given(signature=st.text(st.characters(), max_size=99), at=st.text(st.characters(), max_size=99))
def test_no_header_is_an_error_of_another_kind(signature: str, at: str) -> None:
    refused = refusal({"x-fonoster-signature": signature, "x-fonoster-timestamp": at})
    assert refused.status == 403
    assert SECRET not in str(refused)
