"""Tata Smartflo's form, which Acefone and Astradial speak as well: Twilio's with other contents.

https://docs.smartflo.tatatelebusiness.com/docs/bi-directional-audio-streaming-integration-document
and https://docs.astradial.com/integrations/audio-streaming: a message every 100 ms, and audio for
the caller in multiples of 160 bytes, of which anything else leaves gaps. Users of Smartflo number
their audio by a `chunk` that counts from 1, Acefone's own client for pipecat does not: it may be
there, and must count if it is. What a clear does to marks is not documented; an option says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts
from trioaudio.simulators.dialects._form import CAMEL, Form, Sizes, sid
from trioaudio.simulators.dialects._media_streams import MediaStream
from trioaudio.simulators.dialects._numbering import Counter
from trioaudio.simulators.dialects._options import choice, pairs
from trioaudio.simulators.dialects._twilio_like import (
    CLEARED_MARKS,
    MULAW,
    START_PARAMETERS,
    marks_after_clear,
)

PTIME_MS: Final = 100

OPTIONS: Final[Mapping[str, str]] = {
    START_PARAMETERS: "NAME:VALUE,… told in the start message",
    CLEARED_MARKS: "returned (default) or dropped: what a clear does to marks not yet played",
    "direction": "outbound (default) or inbound: who called, as the start message says",
}

_ACCOUNT = "AC89abcdef0123456789abcdef01234567"
_BITS = 8
# The name Acefone's client for pipecat has for it; what the start message says is inferred.
_ENCODINGS: Final = {Encoding.MULAW: MULAW, Encoding.PCM16: "audio/x-slin16"}


def smartflo_like(facts: CallFacts, *, ends: bool) -> MediaStream:
    """Return a connection in Smartflo's form; ConfigError for an option it cannot follow.

    `ends` says whether the carrier takes a message that ends the call.
    """
    stream, call = sid("MZ", facts.stream_id), sid("CA", facts.call_id)
    depth = facts.media.encoding.sample_bytes * _BITS
    form = Form(
        names=CAMEL,
        stream_id=stream,
        connected={},
        start={
            "start": {
                "streamSid": stream,
                "accountSid": _ACCOUNT,
                "callSid": call,
                "from": facts.caller,
                "to": facts.called,
                "direction": choice(facts.options, "direction", "outbound", "inbound"),
                "mediaFormat": {
                    "encoding": _ENCODINGS[facts.media.encoding],
                    "sampleRate": facts.media.sample_rate,
                    "bitRate": facts.media.sample_rate * depth // 1000,
                    "bitDepth": depth,
                },
                "customParameters": pairs(facts.options, START_PARAMETERS),
            }
        },
        stop=lambda reason: {"stop": {"accountSid": _ACCOUNT, "callSid": call, "reason": reason}},
        track=None,
        sizes=Sizes(multiple=160),
        counters=(Counter(("media", "chunk"), (int, str), needed=False),),
        hang_up={"call_sid": call} if ends else None,
        marks_after_clear=marks_after_clear(facts, "returned", "dropped"),
    )
    return MediaStream(form, facts)
