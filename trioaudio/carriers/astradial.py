"""Astradial's bi-directional audio streaming: Twilio's Media Streams, mu-law.

https://docs.astradial.com/integrations/audio-streaming

Unusual about it:

* Caller audio comes some 100 ms at a time; ours has to be a multiple of 160 bytes.
* What a clear does to marks, and whether it dials again, is not documented: marks are taken to
  come back as Twilio's do, and a lost connection is waited for.
* Nothing in the stream is documented to end the call; closing ends the stream.
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
    name="astradial",
    roles=frozenset({Role.ANSWER}),
    settings=StreamSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("astradial", counters=Counters.CHUNK)),
    documentation="https://docs.astradial.com/integrations/audio-streaming",
    sample_rates=(8000,),
    encodings=(Encoding.MULAW,),
    form=PayloadForm.BASE64,
    unit=WireUnit(multiple=160, smallest=160),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    ends_by_close=True,
)
