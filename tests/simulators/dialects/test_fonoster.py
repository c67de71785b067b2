from __future__ import annotations

import json

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import Action, CallFacts, Credentials, Handshake
from trioaudio.simulators.dialects.fonoster import DIALECT

STREAM = "6f1a3cf6-7e5c-4a3f-8d0e-0a6a3f0f5c11"
CALL = "e9a53a2b-5bd0-4f69-b6d5-2a2d9b1f0c77"
URL = "wss://voice.example.com/fonoster"
FACTS = CallFacts(MediaFormat(Encoding.MULAW, 8000), STREAM, CALL, "+15550100", "+15550199")


# https://docs.fonoster.com/reference/twilio-compatibility
def test_a_call_is_told_as_documented() -> None:
    dialect = DIALECT.new(FACTS)
    messages = [
        json.loads(each)
        for each in (
            *dialect.opening(),
            dialect.caller_audio(b"\xff" * 160),
            *dialect.dtmf("9"),
            *dialect.cleared(["m1"]),
            *dialect.closing("callee"),
        )
    ]
    assert messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert [each["sequenceNumber"] for each in messages[1:]] == ["1", "2", "3", "4", "5"]
    assert {each["streamSid"] for each in messages[1:]} == {STREAM}
    assert messages[2]["media"]["track"] == "inbound"
    assert messages[2]["media"]["chunk"] == "1"
    assert messages[3]["dtmf"] == {"track": "inbound_track", "digit": "9"}
    assert messages[4]["mark"] == {"name": "m1"}
    assert messages[5]["stop"]["accountSid"] == messages[1]["start"]["accountSid"]
    assert messages[5]["stop"]["callSid"] == messages[1]["start"]["callSid"] == CALL


def test_a_clear_is_taken() -> None:
    message = json.dumps({"event": "clear", "streamSid": STREAM})
    assert DIALECT.new(FACTS).read(message) == [Action.CLEAR]


# https://docs.fonoster.com/streams/verify-signatures; the digests are those of `openssl dgst`.
def test_the_upgrade_is_signed() -> None:
    shake = DIALECT.handshake(URL, FACTS, Credentials("s3cret", at=1790000000.9))
    assert shake.url == URL
    assert dict(shake.headers) == {
        "x-fonoster-timestamp": "1790000000",
        "x-fonoster-signature": "9531196c2005cab8a30ec0363b6563e4dd1157e3f78dc626a197ff5fceb5f62a",
        "x-fonoster-app-ref": "8cde8ea9-3c58-4dbe-b2cf-23c4413dd4cc",
        "x-fonoster-workspace-ref": "WO0123456789abcdef0123456789abcdef",
        "x-fonoster-app-signature": (
            "7b2f26ffb6aba847b5d3784e06ff8a979aca8f1422dcde354f445e51e153d24c"
        ),
    }


def test_without_a_secret_nothing_is_signed() -> None:
    assert DIALECT.handshake(URL, FACTS, Credentials(at=1.0)) == Handshake(URL)
