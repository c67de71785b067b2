"""Wavix call media streaming, two-way: Twilio's Media Streams in other words.

https://docs.wavix.com/api-reference/websocket/websockets/callstreaming (messages),
https://docs.wavix.com/voice/call-streaming (how a stream is opened), and Wavix's own client
pipecat-wavix 1.1.0 (the audio), read in code.

Unusual about it:

* Audio is 16-bit PCM, little-endian, at 24 000 Hz and no other rate; the start message does not
  say so, and has its ids on the outside.
* Its own client states 20 ms to a message, and warns of other sizes; so each of ours has 20 ms.
* Keys and errors are not documented; they are read if they come.
* What a clear does to marks, and whether it dials again, is not documented: marks are taken to
  come back as Twilio's do, and a lost connection is waited for.
"""

from __future__ import annotations

from functools import partial

from trioaudio.carriers._media_streams import MediaStreamsCodec, StreamDialect, StreamSettings
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
    name="wavix",
    roles=frozenset({Role.ANSWER}),
    settings=StreamSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("wavix", ("stream_id",), packet_ms=20)),
    documentation="https://docs.wavix.com/voice/call-streaming",
    sample_rates=(24000,),
    encodings=(Encoding.PCM16,),
    form=PayloadForm.BASE64,
    unit=WireUnit(packet_ms=20),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    ends_by_close=True,
)
