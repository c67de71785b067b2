"""Wavix call streaming, two-way, as a carrier sees it: flat messages, 16-bit linear at 24 kHz.

Documented: the messages (https://docs.wavix.com/api-reference/websocket/websockets/callstreaming),
with numbers as numbers and no message for a key; PCM16, 24 kHz, mono
(https://wavix.github.io/wavix-openapi/wavix-asyncapi.yaml), little-endian in messages of 20 ms
(https://pypi.org/project/pipecat-wavix/). Inferred: timestamps are milliseconds, and a clear
returns marks; an option drops them instead. `event_time` is dated by the caller's audio, since a
dialect has no clock.
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Dialect, DialectKind
from trioaudio.simulators.dialects._form import SNAKE, Form, Names, moment_at
from trioaudio.simulators.dialects._media_streams import MediaStream
from trioaudio.simulators.dialects._twilio_like import CLEARED_MARKS, OPTIONS, marks_after_clear


def _new(facts: CallFacts) -> Dialect:
    form = Form(
        names=Names(SNAKE.sequence, "stream_id"),
        stream_id=facts.stream_id,
        connected={"event_time": moment_at(0)},
        start={"stream_type": "twoway", "channel": "inbound"},
        stop=lambda _reason: {},
        number=int,
        dtmf=None,
        more=lambda _event, moment: {"event_time": moment, "call_id": facts.call_id},
        marks_after_clear=marks_after_clear(facts, "returned", "dropped"),
    )
    return MediaStream(form, facts)


DIALECT = DialectKind(
    "wavix",
    new=_new,
    encodings=(Encoding.PCM16,),
    sample_rates=(24000,),
    marks_after_clear=MarksAfterClear.RETURNED,
    options={CLEARED_MARKS: OPTIONS[CLEARED_MARKS]},
)
