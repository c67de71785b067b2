"""A simulated Asterisk that speaks AudioSocket: units of type, length and value over TCP.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket. Audio of any length
is legal there; here each unit must be 20 ms, which is what Asterisk itself sends.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.carrier import Message, Transport
from trioaudio.core.encoding import Encoding
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio, CallFacts, DialectKind, Malformed, Reading
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import DeviationError, demand_samples

_HANGUP = 0x00
_UUID = 0x01
_DTMF = 0x03
_ERROR = 0xFF
_AUDIO: Mapping[int, int] = {
    8000: 0x10,
    12000: 0x11,
    16000: 0x12,
    24000: 0x13,
    32000: 0x14,
    48000: 0x16,
}
"""Types by sample rate; those of 44.1, 96 and 192 kHz are no telephony."""
_HEADER = struct.Struct(">BH")
_UNIT_MS = 20


@attrs.frozen
class AudioSocket(SaysNothing):
    """One connection; each message is a whole unit."""

    facts: CallFacts
    identity: uuid.UUID

    def opening(self) -> Sequence[Message]:
        """Return the unit that says which call this is."""
        return [_unit(_UUID, self.identity.bytes)]

    def caller_audio(self, audio: bytes) -> Message:
        """Return a unit of audio."""
        return _unit(_AUDIO[self.facts.media.sample_rate], audio)

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return a unit with one ASCII character."""
        return [_unit(_DTMF, digit.encode("ascii"))]

    def closing(self, reason: str) -> Sequence[Message]:  # noqa: ARG002 -- the unit has no room
        """Return the unit that ends the call."""
        return [_unit(_HANGUP, b"")]

    def read(self, message: Message) -> Sequence[Reading]:
        """Read one unit."""
        try:
            return [self._read_unit(message)]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return units of this kind gone wrong; their lengths are right, or framing were lost."""
        audio = _AUDIO[self.facts.media.sample_rate]
        other = _AUDIO[16000 if self.facts.media.sample_rate == 8000 else 8000]
        return [
            _unit(audio, b""),
            _unit(audio, b"\x01"),
            _unit(audio, bytes(321)),
            _unit(audio, bytes(0xFFFF)),
            _unit(other, bytes(320)),
            _unit(0x19, bytes(320)),
            _unit(0x42, b"unheard of"),
            _unit(_UUID, bytes(16)),
            _unit(_UUID, b"not sixteen"),
            _unit(_DTMF, b""),
            _unit(_DTMF, b"55"),
            _unit(_DTMF, b"\xff"),
            _unit(_ERROR, b""),
            _unit(_ERROR, b"\x01"),
        ]

    def _read_unit(self, message: Message) -> Reading:
        if isinstance(message, str):
            raise DeviationError("text; AudioSocket has units of bytes only")
        if len(message) < _HEADER.size:
            raise DeviationError(f"{len(message)} bytes are no unit")
        kind, length = _HEADER.unpack_from(message)
        value = message[_HEADER.size :]
        if len(value) != length:
            raise DeviationError(f"unit of {length} bytes has {len(value)}")
        if kind == _HANGUP:
            if value:
                raise DeviationError(f"hang-up with {length} bytes; it has none")
            return Action.HANG_UP
        wanted = _AUDIO[self.facts.media.sample_rate]
        if kind != wanted:
            raise DeviationError(f"unit of type {kind:#04x}; must be {wanted:#04x} for this audio")
        demand_samples(value, Encoding.PCM16)
        whole = self.facts.media.bytes_in(_UNIT_MS)
        if length == whole:
            return Audio(value)
        return Audio(value, f"{length} bytes of audio; must be {whole}, {_UNIT_MS} ms")


def _unit(kind: int, value: bytes) -> bytes:
    return _HEADER.pack(kind, len(value)) + value


def _new(facts: CallFacts) -> AudioSocket:
    text = facts.options.get("uuid", facts.call_id)
    try:
        return AudioSocket(facts, uuid.UUID(text))
    except ValueError:
        raise ConfigError(f"--option uuid={text}: must be a UUID") from None


DIALECT = DialectKind(
    name="audiosocket",
    new=_new,
    sample_rates=tuple(_AUDIO),
    transport=Transport.AUDIOSOCKET,
    options={"uuid": "the UUID that says which call this is; the call's id by default"},
)
