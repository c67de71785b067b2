import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.twilio import CARRIER, TwilioSettings
from trioaudio.core.carrier import CarrierSettings, ClearAudio, EndStream, HangUp, MarkPlayed
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError, RemoteProtocolError
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

VECTORS = json.loads(
    (Path(__file__).parent / "signatures" / "twilio.json").read_text(encoding="utf-8")
)
TOKEN: str = VECTORS["auth_token"]
SETTINGS = TwilioSettings(auth_token=Secret(TOKEN))
START = '{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}'
assert CARRIER.door_check is not None
DOOR = CARRIER.door_check


def asking(url: str, signature: str | None, announced: str | None = None) -> UpgradeRequest:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    path, _, query = path.partition("?")
    headers = {"host": host}
    if signature is not None:
        headers["x-twilio-signature"] = signature
    if announced is not None:
        headers["x-twilio-webhooks-signature-settings"] = announced
    return UpgradeRequest(f"{scheme}://{host}", slash + path, query, headers, "192.0.2.7:4000", 0.0)


def signature_of(url: str, algorithm: str = "HMAC_SHA1") -> str:
    (found,) = (
        each["signature"]
        for each in VECTORS["signatures"]
        if (each["url"], each["algorithm"]) == (url, algorithm)
    )
    return str(found)


def check(request: UpgradeRequest, settings: CarrierSettings = SETTINGS) -> None:
    DOOR.check(settings, request)


# --- What Twilio is ----------------------------------------------------------------------


def test_it_is_mulaw_at_8000_and_nothing_else() -> None:
    assert CARRIER.media_format(CARRIER.settings, 8000) == MediaFormat(Encoding.MULAW, 8000)
    with pytest.raises(ConfigError, match="sample_rate=16000"):
        CARRIER.media_format(CARRIER.settings, 16000)
    with pytest.raises(ConfigError, match="encoding=pcm16"):
        CARRIER.media_format(TwilioSettings(encoding=Encoding.PCM16), 8000)


def test_what_it_does_not_stream_is_refused_with_the_setting() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    start = json.loads(START)
    start["start"]["mediaFormat"] = {"encoding": "audio/x-l16", "sampleRate": 8000, "channels": 1}
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_TWILIO_ENCODING"):
        codec.receive(json.dumps(start))


def test_only_closing_ends_the_stream_and_only_rest_the_call() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    codec.receive(START)
    assert codec.send(HangUp()) == codec.send(EndStream()) == []
    assert CARRIER.ends_by_close
    assert not CARRIER.hangs_up


def test_a_cleared_mark_may_come_back_or_not() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    codec.receive(START)
    assert codec.send(ClearAudio()) == ['{"event":"clear","streamSid":"MZ1"}']
    mark = '{"event":"mark","streamSid":"MZ1","mark":{"name":"u1g0"}}'
    assert codec.receive(mark) == [MarkPlayed("u1g0", heard=None)]


def test_some_audio_is_sent_ahead() -> None:
    assert TwilioSettings().lead_ms == CARRIER.settings.lead_ms == 180


# --- The signature -----------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["signatures"], ids=lambda each: str(each["url"]))
def test_twilios_own_signatures_are_right(vector: dict[str, str]) -> None:
    announced = f"key=webhooks_sharedkey_1,algorithm={vector['algorithm']}"
    check(asking(vector["url"], vector["signature"], announced))
    if vector["algorithm"] == "HMAC_SHA1":
        check(asking(vector["url"], vector["signature"]))


URL = "wss://voice.example.com/twilio/call"
WITH_443 = "wss://voice.example.com:443/twilio/call"
WITH_8443 = "wss://voice.example.com:8443/twilio/call"


@pytest.mark.parametrize(
    ("signed", "dialled"), [(URL, WITH_443), (WITH_443, URL), (URL, WITH_8443)]
)
def test_the_port_may_be_signed_or_not(signed: str, dialled: str) -> None:
    check(asking(dialled, signature_of(signed)))


def test_a_plain_socket_has_another_port() -> None:
    """Only where Twilio is played by something else: the real one dials wss."""
    check(asking("ws://127.0.0.1/x", signature_of("ws://127.0.0.1:80/x")))


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (URL, signature_of(WITH_8443)),
        (WITH_443, signature_of(WITH_8443)),
        (URL + "?a=1", signature_of(URL)),
        (URL.replace("wss", "ws"), signature_of(URL)),
        (URL.replace("wss", "https"), signature_of(URL)),
        (URL, signature_of(URL).lower()),
        (URL, signature_of(URL) + "="),
        (URL, f"{signature_of(URL)}, {signature_of(URL)}"),
        (URL, ""),
    ],
)
def test_a_signature_of_anything_else_is_wrong(url: str, signature: str) -> None:
    with pytest.raises(UpgradeRefusedError, match="does not fit") as refused:
        check(asking(url, signature))
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("announced", "algorithm", "right"),
    [
        ("key=k,algorithm=HMAC_SHA256", "HMAC_SHA256", True),
        (" algorithm = hmac_sha256 ,key=k", "HMAC_SHA256", True),
        ("key=k,algorithm=HMAC_SHA256", "HMAC_SHA1", False),
        (None, "HMAC_SHA256", False),
        ("key=k", "HMAC_SHA256", False),
        ("key=k,algorithm=", "HMAC_SHA1", True),
        ("algorithm", "HMAC_SHA1", True),
        ("algorithm=HMAC_MD5", "HMAC_SHA1", False),
        ("algorithm=HMAC_MD5", "HMAC_SHA256", False),
    ],
)
def test_the_announced_hash_and_no_other_counts(
    announced: str | None, algorithm: str, right: bool
) -> None:
    request = asking(URL, signature_of(URL, algorithm), announced)
    if right:
        check(request)
    else:
        with pytest.raises(UpgradeRefusedError):
            check(request)


def test_no_signature_at_all_is_asked_for() -> None:
    with pytest.raises(UpgradeRefusedError, match="X-Twilio-Signature") as refused:
        check(asking(URL, None))
    assert refused.value.status == 401


def test_without_a_token_nobody_is_let_in() -> None:
    empty = "cB3KoNGL67fuUN8i0SqW0WU9MLs="  # what an empty key makes of it
    for signature in (signature_of(URL), empty):
        with pytest.raises(UpgradeRefusedError):
            check(asking(URL, signature), TwilioSettings())
    assert DOOR.missing(TwilioSettings()) == "auth_token"
    assert DOOR.missing(SETTINGS) is None


@given(
    signature=st.text(st.characters(), max_size=200),
    announced=st.text(st.characters(), max_size=99),
)
def test_no_header_is_an_error_of_another_kind(signature: str, announced: str) -> None:
    with pytest.raises(UpgradeRefusedError) as refused:
        check(asking(URL, signature, announced))
    assert TOKEN not in str(refused.value)
    assert signature_of(URL) not in str(refused.value)
