"""Telnyx media streaming, bidirectional in RTP mode: Twilio's Media Streams in other words.

https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket (messages),
https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming (how it is opened).

Unusual about it:

* Our messages carry no stream id; a payload is an RTP payload of 20 ms to 30 s.
* `media_format` of the start message is that of what we are sent (`stream_codec`), which can differ
  from what we send (`stream_bidirectional_codec`). Here they have to be the same.
* L16 is not said to be in RTP's byte order or in a machine's: public clients send little-endian,
  and `pcm16-be` is the other one.
* Caller audio may come out of order; it is passed on as it comes.
* Errors come as messages. Only their codes are documented (100002 unknown, 100003 malformed frame,
  100004 bad media, 100005 too many), so their words are looked for in several places.
* Whether it dials again after a loss is not documented; a lost connection is waited for.
"""

from __future__ import annotations

from functools import partial

import attrs

from trioaudio.carriers._door_checks import header_door_check
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
from trioaudio.core.secret import Secret, masked_url


@attrs.frozen
class TelnyxSettings(StreamSettings):
    """What placing calls and knowing Telnyx at the door need."""

    api_key: Secret = attrs.field(
        default=Secret(), metadata={"help": "the account's API key; to place calls"}
    )
    connection_id: str = attrs.field(
        default="", metadata={"help": "id of the Call Control application; to place calls"}
    )
    stream_token: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "stream_auth_token of the stream: what Telnyx proves itself with"},
    )
    rest_url: str = attrs.field(
        default="https://api.telnyx.com",
        metadata={"show": masked_url, "help": "where the REST interface is"},
    )
    public_key: str = attrs.field(
        default="",
        metadata={"help": "the account's public key, base64; to check the signatures of webhooks"},
    )


CARRIER = Carrier(
    name="telnyx",
    roles=frozenset({Role.ANSWER}),
    settings=TelnyxSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("telnyx", stream_keys=())),
    documentation=(
        "https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket"
    ),
    sample_rates=(8000, 16000, 24000),
    encodings=(Encoding.MULAW, Encoding.PCM16, Encoding.PCM16_BE, Encoding.ALAW),
    form=PayloadForm.BASE64,
    unit=WireUnit(smallest=160, largest=240_000),  # 20 ms and 30 s of G.711, at most 30 s of others
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    door_check=header_door_check("x-telnyx-streaming-auth-token", "stream_token"),
    ends_by_close=True,
)
