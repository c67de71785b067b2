"""Tata Tele Smartflo's bi-directional audio streaming: Twilio's Media Streams, mu-law.

https://docs.smartflo.tatatelebusiness.com/docs/bi-directional-audio-streaming-integration-document

Unusual about it:

* Caller audio comes some 100 ms at a time.
* Our audio has to be a multiple of 160 bytes (20 ms), or it is played with gaps.
* Two public clients written from that document number our chunks, and so do we; another does not,
  and is understood too.
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
    name="smartflo",
    roles=frozenset({Role.ANSWER}),
    settings=StreamSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("smartflo", counters=Counters.CHUNK)),
    documentation="https://docs.smartflo.tatatelebusiness.com/docs/bi-directional-audio-streaming-integration-document",
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
