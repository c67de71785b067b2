"""Acefone's bi-directional audio streaming: Twilio's Media Streams, with a message to hang up.

https://docs.acefone.in/docs/bi-directional-audio-streaming-integration-document, and the public
client pipecat-acefone 0.1.3 (the `end` message, 16-bit PCM), read in code.

Unusual about it:

* `{"event":"end"}` ends the telephone call; there, and only there, the call's id is `call_sid`.
* Caller audio comes some 100 ms at a time; ours has to be a multiple of 160 bytes.
* Linear PCM (`slin16`) can be arranged; that it is little-endian at 8000 Hz is inferred.
* What a clear does to marks, and whether it dials again, is not documented: marks are taken to
  come back as Twilio's do, and a lost connection is waited for.
"""

from __future__ import annotations

from functools import partial

from trioaudio.carriers._media_streams import (
    Counters,
    MediaStreamsCodec,
    StreamDialect,
    StreamSettings,
)
from trioaudio.core.carrier import (
    Acknowledges,
    Carrier,
    MarksAfterClear,
    Recovery,
    Role,
    Starts,
    WireUnit,
)
from trioaudio.core.encoding import Encoding, PayloadForm

CARRIER = Carrier(
    name="acefone",
    roles=frozenset({Role.ANSWER}),
    settings=StreamSettings(),
    new_codec=partial(
        MediaStreamsCodec, StreamDialect("acefone", counters=Counters.CHUNK, hang_up_event="end")
    ),
    documentation="https://docs.acefone.in/docs/bi-directional-audio-streaming-integration-document",
    sample_rates=(8000,),
    encodings=(Encoding.MULAW, Encoding.PCM16),
    form=PayloadForm.BASE64,
    unit=WireUnit(multiple=160, smallest=160),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    hangs_up=True,
    ends_by_close=True,
)
