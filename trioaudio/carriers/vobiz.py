"""Vobiz `<Stream bidirectional="true">`: the messages of Plivo, with four differences.

https://docs.vobiz.ai/xml/stream, https://docs.vobiz.ai/xml/stream/play-audio, and the company's own
public guides vobiz-ai/Agent-Skills and vobiz-ai/Vobiz-Deepgram-Voice-Agent.

Unusual about it:

* μ-law is what the company recommends, and usual here at 8000 Hz.
* Linear PCM is documented as little-endian from us, and as network byte order from the caller. The
  company's own Deepgram example does not swap it, so this is a setting.
* We may end the stream by `stop`; the call then goes on with its next XML element, or ends. So it
  is sent for a hang-up too, but to end a call for sure is left to REST.
* Audio sent right behind a `clearAudio` may be cleared along, says the company's guide, which waits
  for `clearedAudio`. How long that takes is not said; the gap is a setting.
* By the same guide the path of the URL is all that can prove who dials: signatures go with the
  HTTP callbacks, not with the upgrade, and `extraHeaders` never reach the socket.
* A dropped connection is dialled again as often as `maxRetries` says, with a new stream id.
"""

from __future__ import annotations

import enum

import attrs

from trioaudio.carriers._plivo_streams import PlivoFamilySettings, PlivoStreamCodec, Variant
from trioaudio.core.carrier import (
    Acknowledges,
    Carrier,
    CarrierSettings,
    MarksAfterClear,
    Recovery,
    Role,
    Starts,
)
from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.secret import masked_url


class ByteOrder(enum.Enum):
    """Which byte of a 16-bit sample comes first."""

    BIG = "big"
    LITTLE = "little"


@attrs.frozen
class VobizSettings(PlivoFamilySettings):
    """What a Vobiz account needs, and what is uncertain about its streams."""

    rest_url: str = attrs.field(
        default="https://api.vobiz.ai",
        metadata={"show": masked_url, "help": "where the REST interface is"},
    )
    clear_gap_ms: int = attrs.field(
        default=100,
        metadata={"help": "milliseconds without audio after a clear, which would clear it too"},
    )
    caller_byte_order: ByteOrder = attrs.field(
        default=ByteOrder.BIG,
        metadata={"help": "byte order of pcm16 from the caller: big, as documented, or little"},
    )


def new_codec(settings: CarrierSettings, media: MediaFormat) -> PlivoStreamCodec:
    """Return a codec for one leg."""
    known = settings if isinstance(settings, VobizSettings) else VobizSettings()
    big_endian = known.caller_byte_order is ByteOrder.BIG
    return PlivoStreamCodec(Variant("vobiz", stops=True, caller_big_endian=big_endian), media)


CARRIER = Carrier(
    name="vobiz",
    roles=frozenset({Role.ANSWER}),
    settings=VobizSettings(),
    new_codec=new_codec,
    documentation="https://docs.vobiz.ai/xml/stream",
    encodings=(Encoding.MULAW, Encoding.PCM16),
    form=PayloadForm.BASE64,
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.DROPPED,
)
