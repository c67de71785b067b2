"""Exotel AgentStream and the Voicebot applet: Twilio's Media Streams with 16-bit PCM.

https://developer.exotel.com/docs/agentstream/websocket-protocol (messages),
https://developer.exotel.com/docs/agentstream/developer-guide (sizes, credentials), and Exotel's
public samples exotel/Agent-Stream, read in code.

Unusual about it:

* Its documents write `stream_sid`, its samples `streamSid`: we write what the start message wrote.
* The sample rate is a query of our own URL, `?sample-rate=16000`; 8000 without.
* A payload is a multiple of 320 bytes, 3200 to 100 000 of them. Smaller ones are played with gaps,
  so frames are gathered: four at 8000 Hz, two at 16 000 and 24 000.
* A note in its samples says that some streams drop early if messages are not numbered and
  stamped, so they are, in text. That a stamp is the milliseconds sent before is inferred.
* A mark comes back when the audio before it has been played; so cleared ones are taken to be lost.
* Closing the socket goes on with the next applet, or ends a call placed by the Connect interface.
* Credentials in the URL it dials arrive as `Authorization: Basic`.
"""

from __future__ import annotations

from functools import partial

import attrs

from trioaudio.carriers._door_checks import basic_door_check
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
from trioaudio.core.secret import Secret, masked_url


@attrs.frozen
class ExotelSettings(StreamSettings):
    """What placing calls and knowing Exotel at the door need."""

    lead_ms: int = attrs.field(
        default=240,  # a message at 8000 Hz
        metadata={"help": "milliseconds each frame is sent before it is due"},
    )
    account_sid: str = attrs.field(
        default="", metadata={"help": "the account's SID; to place calls"}
    )
    api_key: str = attrs.field(default="", metadata={"help": "the API key; to place calls"})
    api_token: Secret = attrs.field(
        default=Secret(), metadata={"help": "the API key's token; to place calls"}
    )
    rest_url: str = attrs.field(
        default="https://api.in.exotel.com",
        metadata={
            "show": masked_url,
            "help": "where the REST interface is; https://api.exotel.com is Singapore's",
        },
    )
    user: str = attrs.field(
        default="",
        metadata={"help": "user name in the URL Exotel dials: what it proves itself with"},
    )
    password: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "password in the URL Exotel dials: what it proves itself with"},
    )


DIALECT = StreamDialect("exotel", ("stream_sid", "streamSid"), counters=Counters.FULL)

CARRIER = Carrier(
    name="exotel",
    roles=frozenset({Role.ANSWER}),
    settings=ExotelSettings(),
    new_codec=partial(MediaStreamsCodec, DIALECT),
    documentation="https://developer.exotel.com/docs/agentstream/websocket-protocol",
    sample_rates=(8000, 16000, 24000),
    encodings=(Encoding.PCM16,),
    form=PayloadForm.BASE64,
    unit=WireUnit(multiple=320, smallest=3200, largest=100_000),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.DROPPED,
    door_check=basic_door_check(),
    ends_by_close=True,
)
