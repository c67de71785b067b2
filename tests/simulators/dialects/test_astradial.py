from __future__ import annotations

import json

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import CallFacts, Malformed
from trioaudio.simulators.dialects.astradial import DIALECT

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA1234567890abcdef1234567890abcdef"
FACTS = CallFacts(
    MediaFormat(Encoding.MULAW, 8000),
    "18ad3ab5-a668-481c-e02b-83e7395059f0",
    "12345678-90ab-cdef-1234-567890abcdef",
    "9180",
    "9198",
    {"start-parameters": "FirstName:Jane"},
)


# https://docs.astradial.com/integrations/audio-streaming
def test_a_call_opens_as_documented() -> None:
    connected, start = map(json.loads, DIALECT.new(FACTS).opening())
    assert connected == {"event": "connected"}
    assert start["sequenceNumber"] == "1"
    assert {**start["start"], "accountSid": None} == {
        "accountSid": None,
        "streamSid": STREAM,
        "callSid": CALL,
        "from": "9180",
        "to": "9198",
        "direction": "outbound",
        "mediaFormat": {
            "encoding": "audio/x-mulaw",
            "sampleRate": 8000,
            "bitRate": 64,
            "bitDepth": 8,
        },
        "customParameters": {"FirstName": "Jane"},
    }


def test_nothing_ends_the_call() -> None:
    end = json.dumps({"event": "end", "streamSid": STREAM, "call_sid": CALL})
    assert DIALECT.new(FACTS).read(end) == [Malformed('unknown event "end"')]
