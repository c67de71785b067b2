"""Telnyx media streaming in bidirectional RTP mode, as a carrier sees it.

Documented: https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
(messages, 20 ms to 30 s in one, a clear that returns queued marks, error codes) and the token's
header at https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming. Inferred:
what stands in an error message beside its code. Nobody documents the byte order of L16 here, so
both can be spoken. `occurred_at` is dated by the caller's audio: a dialect has no clock.
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject
from trioaudio.simulators.dialect import CallFacts, Credentials, Dialect, DialectKind, Handshake
from trioaudio.simulators.dialects._form import SNAKE, Form, Names, Sizes, sid
from trioaudio.simulators.dialects._media_streams import MediaStream
from trioaudio.simulators.dialects._options import pairs
from trioaudio.simulators.dialects._twilio_like import (
    CLEARED_MARKS,
    OPTIONS,
    START_PARAMETERS,
    marks_after_clear,
)

_USER = "3E6F995F-85F7-4705-9741-53B116D28237"
_ENCODINGS = {
    Encoding.MULAW: "PCMU",
    Encoding.ALAW: "PCMA",
    Encoding.PCM16: "L16",
    Encoding.PCM16_BE: "L16",
}
_MALFORMED_FRAME = (100003, "malformed_frame")
_INVALID_MEDIA = (100004, "invalid_media")


def _new(facts: CallFacts) -> Dialect:
    stream = facts.stream_id.upper()
    call: JsonObject = {"user_id": _USER, "call_control_id": sid("v3:", facts.call_id)}

    def error(problem: str, about_audio: bool) -> JsonObject:  # noqa: FBT001  # a plain callable
        code, title = _INVALID_MEDIA if about_audio else _MALFORMED_FRAME
        return {"stream_id": stream, "payload": {"code": code, "title": title, "detail": problem}}

    form = Form(
        names=Names(SNAKE.sequence, "stream_id"),
        stream_id=stream,
        connected={"version": "1.0.0"},
        start={
            "start": {
                **call,
                "call_session_id": facts.call_id,
                "from": facts.caller,
                "to": facts.called,
                "tags": [],
                "client_state": "",
                "custom_parameters": pairs(facts.options, START_PARAMETERS),
                "media_format": {
                    "encoding": _ENCODINGS[facts.media.encoding],
                    "sample_rate": facts.media.sample_rate,
                    "channels": 1,
                },
            }
        },
        stop=lambda _reason: {"stop": call},
        more=lambda event, moment: {"occurred_at": moment} if event == "dtmf" else {},
        sizes=Sizes(shortest_ms=20, longest_ms=30_000),
        stream_needed=False,
        error=error,
        marks_after_clear=marks_after_clear(facts, "returned", "dropped"),
    )
    return MediaStream(form, facts)


def _identify(url: str, _facts: CallFacts, credentials: Credentials) -> Handshake:
    if not credentials.secret:
        return Handshake(url)
    return Handshake(url, (("x-telnyx-streaming-auth-token", credentials.secret),))


DIALECT = DialectKind(
    "telnyx",
    new=_new,
    encodings=(Encoding.MULAW, Encoding.ALAW, Encoding.PCM16, Encoding.PCM16_BE),
    sample_rates=(8000, 16000, 22050, 24000, 48000),
    marks_after_clear=MarksAfterClear.RETURNED,
    handshake=_identify,
    options={each: OPTIONS[each] for each in (START_PARAMETERS, CLEARED_MARKS)},
)
