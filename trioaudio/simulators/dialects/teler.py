"""A simulated FreJun Teler media stream.

Sources: https://frejun.ai/docs/category/media-streaming/ and the vendor's repositories, such as
frejun-tech/teler-openai-bridge, whose form of outbound audio is the one demanded here. Chunk ids
are whole numbers there; that they must rise is this simulation's own strictness.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject, compact
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
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_audio,
    demand_members,
    demand_name,
    demand_whole_number,
    parse_object,
)

_CHUNK_MS = 400
"""The default of the flow's chunk_size."""


@attrs.define(eq=False)
class Teler(SaysNothing):
    """One stream."""

    facts: CallFacts
    _message_id: int = 0
    _last_chunk: int = 0

    def opening(self) -> Sequence[Message]:
        """Return the start message."""
        media: JsonObject = {
            "encoding": "audio/l16",
            "sample_rate": self.facts.media.sample_rate,
            "channels": 1,
        }
        told: JsonObject = {
            "type": "start",
            "account_id": "trioaudio-simulated",
            "call_app_id": "trioaudio-simulated",
            "call_id": self.facts.call_id,
            "stream_id": self.facts.stream_id,
            "message_id": self._next_message_id(),
            "data": media,
        }
        return [compact(told)]

    def caller_audio(self, audio: bytes) -> Message:
        """Return an audio message."""
        told: JsonObject = {
            "type": "audio",
            "stream_id": self.facts.stream_id,
            "message_id": self._next_message_id(),
            "data": {"audio_b64": base64.b64encode(audio).decode()},
        }
        return compact(told)

    def read(self, message: Message) -> Sequence[Reading]:
        """Read audio, interrupt or clear."""
        try:
            return [self._read_command(parse_object(message, "Teler"))]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong."""
        return [
            *broken_texts("type"),
            b"\x00" * 320,
            '{"type":"start"}',
            '{"type":"start","stream_id":null,"data":{"sample_rate":"fast"}}',
            '{"type":"audio"}',
            '{"type":"audio","data":null}',
            '{"type":"audio","data":"AAAA"}',
            '{"type":"audio","data":{"audio_b64":null}}',
            '{"type":"audio","data":{"audio_b64":""}}',
            '{"type":"audio","data":{"audio_b64":"AA=="}}',
            '{"type":"audio","data":{"audio_b64":"A!AA"}}',
            '{"type":"audio","data":{"audio_b64":[0,0]}}',
            '{"type":"audio","message_id":"second","audio_b64":"AAAA"}',
        ]

    def _read_command(self, value: JsonObject) -> Reading:
        kind = demand_name(value, "type")
        match kind:
            case "audio":
                demand_members(value, kind, ("type", "audio_b64", "chunk_id"))
                return self._read_audio(value)
            case "interrupt":
                demand_members(value, kind, ("type", "chunk_id"))
                chunk = demand_whole_number(value, kind, "chunk_id")
                if not 1 <= chunk <= self._last_chunk:
                    raise DeviationError(f"interrupt: chunk {chunk} was never sent")
                return Control(kind, {"chunk_id": chunk})
            case "clear":
                demand_members(value, kind, ("type",))
                return Action.CLEAR
            case _:
                raise DeviationError(f"type {kind[:40]!r} is unknown to Teler")

    def _read_audio(self, value: JsonObject) -> Reading:
        audio = demand_audio(value, "audio", "audio_b64", Encoding.PCM16)
        chunk = demand_whole_number(value, "audio", "chunk_id")
        if chunk <= self._last_chunk:
            return Audio(audio, f"chunk_id {chunk} does not follow {self._last_chunk}")
        self._last_chunk = chunk
        return Audio(audio)

    def _next_message_id(self) -> int:
        self._message_id += 1
        return self._message_id


DIALECT = DialectKind(name="teler", new=Teler, caller_ptime_ms=_CHUNK_MS)
