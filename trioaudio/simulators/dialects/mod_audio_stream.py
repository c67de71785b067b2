"""A simulated FreeSWITCH with mod_audio_stream, the open build or the commercial one.

Source: https://github.com/amigniter/mod_audio_stream. The open build plays streamAudio messages
from files and ignores binary ones; the commercial build also plays raw binary audio after a
rawAudio message. How the commercial build would be told on the wire to drop its playback is not
documented: `break` as a type is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Control,
    DialectKind,
    Malformed,
    Reading,
)
from trioaudio.simulators.dialects._broken_messages import broken_texts
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_audio,
    demand_members,
    demand_name,
    demand_object,
    demand_samples,
    demand_value,
    parse_object,
)

_BUILDS = ("open", "commercial")


@attrs.define(eq=False)
class ModAudioStream(SaysNothing):
    """One connection."""

    facts: CallFacts
    is_commercial: bool
    _takes_binary: bool = False

    def opening(self) -> Sequence[Message]:
        """Return the metadata text the command was given, if any."""
        metadata = self.facts.options.get("metadata", "")
        return [metadata] if metadata else []

    def caller_audio(self, audio: bytes) -> Message:
        """Return the audio as it is."""
        return audio

    def read(self, message: Message) -> Sequence[Reading]:
        """Read audio, and what the commercial build knows beside it."""
        try:
            if isinstance(message, bytes):
                return [self._read_binary(message)]
            return [self._read_command(parse_object(message, "mod_audio_stream"))]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong; any text may be metadata, and so harmless."""
        return [*broken_texts("type"), b"", b"\x01", bytes(319), "\0", "x" * 70_000]

    def _read_binary(self, data: bytes) -> Reading:
        if not self._takes_binary:
            wanted = "comes before rawAudio" if self.is_commercial else "is ignored"
            raise DeviationError(f"binary message of {len(data)} bytes {wanted}")
        demand_samples(data, Encoding.PCM16)
        return Audio(data)

    def _read_command(self, value: JsonObject) -> Reading:
        kind = demand_name(value, "type")
        if kind == "streamAudio":
            data = self._read_data(value, kind, ("audioDataType", "sampleRate", "audioData"))
            where = "streamAudio data"
            demand_value(data, where, "audioDataType", "raw")
            return Audio(demand_audio(data, where, "audioData", Encoding.PCM16))
        if kind == "rawAudio" and self.is_commercial:
            self._read_data(value, kind, ("sampleRate",))
            self._takes_binary = True
            return Control(kind)
        if kind == "break" and self.is_commercial:
            demand_members(value, kind, ("type",))
            return Action.CLEAR
        raise DeviationError(f"type {kind[:40]!r} is only passed on to the application as text")

    def _read_data(self, value: JsonObject, kind: str, names: Sequence[str]) -> JsonObject:
        demand_members(value, kind, ("type", "data"))
        data = demand_object(value, kind, "data")
        demand_members(data, f"{kind} data", names)
        demand_value(data, f"{kind} data", "sampleRate", self.facts.media.sample_rate)
        return data


def _new(facts: CallFacts) -> ModAudioStream:
    return ModAudioStream(facts, choice(facts.options, "build", *_BUILDS) == "commercial")


DIALECT = DialectKind(
    name="mod_audio_stream",
    new=_new,
    sample_rates=(8000, 16000, 24000, 32000, 48000, 64000),
    options={
        "build": "open, or commercial, which also takes binary audio after rawAudio, and break",
        "metadata": "the text sent first; none by default",
    },
)
