"""Twilio's own form, which SignalWire, 2600Hz and Fonoster speak with other ids and codecs.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts
from trioaudio.simulators.dialects._form import CAMEL, Form
from trioaudio.simulators.dialects._media_streams import MediaStream
from trioaudio.simulators.dialects._options import choice, pairs

START_PARAMETERS: Final = "start-parameters"
CLEARED_MARKS: Final = "cleared-marks"
TRACK: Final = "track"
MULAW: Final = "audio/x-mulaw"

OPTIONS: Final[Mapping[str, str]] = {
    START_PARAMETERS: "NAME:VALUE,… told in the start message, as a Parameter of the Stream would",
    CLEARED_MARKS: "returned (default) or dropped: what a clear does to marks not yet played",
    TRACK: "inbound (default) or outbound: what the caller's audio is called",
}


@attrs.frozen
class Ids:
    """The ids of one call, as the carrier writes them."""

    account: str
    stream: str
    call: str


def twilio_like(facts: CallFacts, ids: Ids, encodings: Mapping[Encoding, str]) -> MediaStream:
    """Return a connection in Twilio's form; ConfigError for an option it cannot follow."""
    return MediaStream(twilio_form(facts, ids, encodings), facts)


def twilio_form(facts: CallFacts, ids: Ids, encodings: Mapping[Encoding, str]) -> Form:
    """Return Twilio's form for one call; ConfigError for an option it cannot follow.

    `encodings` are the carrier's names for them in the start message.
    """
    track = choice(facts.options, TRACK, "inbound", "outbound")
    return Form(
        names=CAMEL,
        stream_id=ids.stream,
        connected={"protocol": "Call", "version": "1.0.0"},
        start={
            "start": {
                "accountSid": ids.account,
                "streamSid": ids.stream,
                "callSid": ids.call,
                "tracks": [track],
                "mediaFormat": {
                    "encoding": encodings[facts.media.encoding],
                    "sampleRate": facts.media.sample_rate,
                    "channels": 1,
                },
                "customParameters": pairs(facts.options, START_PARAMETERS),
            }
        },
        stop=lambda _reason: {"stop": {"accountSid": ids.account, "callSid": ids.call}},
        track=track,
        dtmf={"track": f"{track}_track"},
        marks_after_clear=marks_after_clear(facts, "returned", "dropped"),
    )


def marks_after_clear(facts: CallFacts, *values: str) -> MarksAfterClear:
    """Return what the option says of marks when a clear comes; the first value is the default."""
    return MarksAfterClear(choice(facts.options, CLEARED_MARKS, *values))
