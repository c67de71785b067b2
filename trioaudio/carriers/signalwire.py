"""SignalWire's cXML `<Connect><Stream>`: Twilio's Media Streams with more codecs.

https://signalwire.com/docs/compatibility-api/cxml/reference/voice/stream (codec, realtime,
authBearerToken), and SignalWire's public sample signalwire/cXML-realtime-agent-stream, which
passes OpenAI's little-endian PCM through as `L16@24000h`.

Unusual about it:

* The codec is chosen in the document: none or PCMU, PCMA, L16@16000h, L16@24000h. It has to be the
  one chosen here. L16 in network byte order is not documented either; `pcm16-be` is for it.
* It brings `Authorization: Bearer` along when the document has an `authBearerToken`.
* What a clear does to marks is taken to be what Twilio does.
"""

from __future__ import annotations

from functools import partial

import attrs

from trioaudio.carriers._door_checks import bearer_door_check
from trioaudio.carriers._media_streams import MediaStreamsCodec, StreamDialect, StreamSettings
from trioaudio.core.carrier import (
    Acknowledges,
    Carrier,
    MarksAfterClear,
    Recovery,
    Role,
    Starts,
)
from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.secret import Secret


@attrs.frozen
class SignalwireSettings(StreamSettings):
    """What placing calls and knowing SignalWire at the door need."""

    project_id: str = attrs.field(
        default="", metadata={"help": "the project's id, a UUID; to place calls"}
    )
    api_token: Secret = attrs.field(
        default=Secret(), metadata={"help": "the project's API token; to place calls"}
    )
    space: str = attrs.field(
        default="",
        metadata={"help": "the space's host name, such as example.signalwire.com; to place calls"},
    )
    stream_token: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "authBearerToken of the document: what SignalWire proves itself with"},
    )
    signing_key: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "the project's signing key; to check the signatures of webhooks"},
    )


CARRIER = Carrier(
    name="signalwire",
    roles=frozenset({Role.ANSWER}),
    settings=SignalwireSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("signalwire")),
    documentation="https://signalwire.com/docs/compatibility-api/cxml/reference/voice/stream",
    sample_rates=(8000, 16000, 24000),
    encodings=(Encoding.MULAW, Encoding.PCM16, Encoding.PCM16_BE, Encoding.ALAW),
    form=PayloadForm.BASE64,
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    door_check=bearer_door_check("stream_token"),
    ends_by_close=True,
)
