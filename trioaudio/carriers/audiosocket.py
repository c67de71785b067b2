"""Asterisk's AudioSocket: PCM16 over bare TCP, in units of kind, length and payload.

Documented: https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/ (kinds 0x00 to
0x10 and 0xff). Read in Asterisk's code: the other audio kinds (include/asterisk/res_audiosocket.h),
and how units are read and what ends a call (res/res_audiosocket.c, apps/app_audiosocket.c).

Unusual about it:

* Asterisk dials us by `AudioSocket(<uuid>,<host>:<port>)` in the dialplan or by
  `Dial(AudioSocket/<host>:<port>/<uuid>/c(slin))`. There is no HTTP, no path, no proof of who
  dials and no encryption; the UUID says which call it is, and is the first unit.
* Nothing is buffered there to speak of: whoever sends has to keep time. Nothing can be cleared
  or paused, and nothing says what was played. A unit carries 20 ms; three go at a time.
* A unit must arrive whole: Asterisk hangs up if the rest is not there 5 ms after the beginning,
  so a lost TCP segment between it and us can end a call. Run close to it.
* Asterisk also hangs up over an empty unit and over any kind it does not expect, so nothing but
  audio and the hang-up is ever sent; and newer ones after 2 s in which neither end said anything,
  so silence is sent while nobody speaks.
* A hang-up unit ends the AudioSocket application, or the channel `Dial` made: what becomes of
  the telephone call is the dialplan's next step, normally its end.
* The application speaks 8 kHz; the channel driver speaks what `c(…)` says, and older ones only 8
  kHz. Told `c(ulaw)` it would call G.711 PCM, and nothing here could tell: use slin or slin16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from trioaudio.carriers._reading import caller_audio, key_pressed
from trioaudio.core.audiosocket_unit import (
    AUDIO_KINDS,
    IDENTITY_BYTES,
    Kind,
    header,
    identity_text,
    read_unit,
    unit,
)
from trioaudio.core.carrier import (
    Answer,
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Idle,
    Ignored,
    Message,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Starts,
    Stopped,
    Transfer,
    Transport,
    WireUnit,
)
from trioaudio.core.encoding import MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.pcm import SAMPLE_BYTES

PACKET_MS = 20

_HANG_UP: Final = unit(Kind.HANG_UP)
_RATES: Final = {kind: rate for rate, kind in AUDIO_KINDS.items()}


class AudiosocketCodec:
    """One leg's units; all it remembers is whose they are and whether the end was said."""

    __slots__ = ("_before", "_id", "_kind", "_packet_bytes", "_sample_rate", "_stopped")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        del settings  # nothing about the units is a matter of taste
        self._sample_rate = media.sample_rate
        self._kind = AUDIO_KINDS[media.sample_rate]
        self._packet_bytes = media.bytes_in(PACKET_MS)
        self._before = header(self._kind, self._packet_bytes)
        self._id: str | None = None
        self._stopped = False

    def receive(self, message: Message) -> list[Event]:
        """Read one whole unit."""
        if isinstance(message, str):
            return [Complaint("text, which AudioSocket cannot carry; dropped")]
        parts = read_unit(message)
        if parts is None:
            return [Complaint(f"{len(message)} bytes that are not one unit; dropped")]
        kind, payload = parts
        if self._stopped:
            return [Complaint(f"a unit of kind 0x{kind:02x} after the hang-up; dropped")]
        return self._read(kind, payload)

    def _read(self, kind: int, payload: bytes) -> list[Event]:
        if kind in _RATES:
            return self._caller_audio(kind, payload)
        match kind:
            case Kind.IDENTITY:
                return self._start(payload)
            case Kind.DTMF if self._id is None:
                return [Complaint("a key before the UUID; dropped")]
            case Kind.DTMF:
                return [key_pressed(payload.decode("latin-1"))]
            case Kind.HANG_UP:
                self._stopped = True
                return [Stopped("Asterisk hung up")]
            case Kind.ERROR:
                return [Complaint("Asterisk reports an error", payload[:16].hex() or None)]
            case _:
                return [Ignored(f"a unit of unknown kind 0x{kind:02x}")]

    def _start(self, payload: bytes) -> list[Event]:
        if len(payload) != IDENTITY_BYTES:
            if self._id is None:
                raise RemoteProtocolError(
                    f"audiosocket: the first unit holds {len(payload)} bytes, and no UUID of 16"
                )
            return [Complaint(f"a UUID of {len(payload)} bytes; dropped")]
        identity = identity_text(payload)
        if self._id is None:
            self._id = identity
            return [Started(identity, identity, "pcm16", self._sample_rate)]
        if identity == self._id:
            return [Complaint("the UUID a second time; dropped")]
        raise RemoteProtocolError(
            f"audiosocket: the connection of {self._id} turned into that of {identity}"
        )

    def _caller_audio(self, kind: int, payload: bytes) -> list[Event]:
        if kind != self._kind:
            raise RemoteProtocolError(
                f"audiosocket: Asterisk sends {_RATES[kind]} Hz where {self._sample_rate} Hz is"
                " expected; change TRIOAUDIO_SAMPLE_RATE, or c(…) where Asterisk dials"
            )
        if self._id is None:
            return [Complaint("audio before the UUID; dropped")]
        return caller_audio(payload, SAMPLE_BYTES)

    def send(self, command: Command) -> list[Message]:
        """Write a command; there are units for audio and for the end, and nothing else."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case HangUp() | EndStream():
                return [_HANG_UP]
            case SendMark() | ClearAudio() | Pause() | Resume() | Answer():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"audiosocket: there is no unit for {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Cut audio into units of 20 ms, the last one filled up with silence."""
        if isinstance(payload, str):
            raise LocalProtocolError("audiosocket: audio goes as bytes, not as text")
        if self._id is None:
            raise LocalProtocolError("audiosocket: audio before Asterisk has sent its UUID")
        size = self._packet_bytes
        if short := len(payload) % size:
            payload += bytes(size - short)
        before = self._before
        if len(payload) == 3 * size:  # a frame, as nearly always: without a loop
            return (
                before + payload[:size],
                before + payload[size : 2 * size],
                before + payload[2 * size :],
            )
        return [before + payload[at : at + size] for at in range(0, len(payload), size)]

    def is_media(self, message: Message) -> bool:
        """Audio of the expected kind; another kind is worth looking at."""
        return isinstance(message, bytes) and message[:1] == self._before[:1]


CARRIER = Carrier(
    name="audiosocket",
    roles=frozenset({Role.ANSWER}),
    settings=CarrierSettings(idle=Idle.SILENCE),
    new_codec=AudiosocketCodec,
    documentation="https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/",
    unit=WireUnit(multiple=SAMPLE_BYTES, smallest=SAMPLE_BYTES, packet_ms=PACKET_MS),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    stamps_by_arrival=True,
    transport=Transport.AUDIOSOCKET,
    hangs_up=True,
)
