"""A simulated Ozonetel (KooKoo) stream: audio as JSON arrays of whole numbers, 10 ms each.

The vendor publishes no reference; the forms are those of two public integrations,
https://github.com/rajeshganji/ai-agent-portal and https://github.com/pragyaa-ai/singleinterface2.0ws,
so all here is second-hand. The first packet claims 16 kHz and is to be ignored.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.wire_json import JsonObject, JsonValue, compact
from trioaudio.simulators.dialect import Action, Audio, CallFacts, DialectKind, Malformed, Reading
from trioaudio.simulators.dialects._broken_messages import broken_texts
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_members,
    demand_name,
    demand_object,
    demand_value,
    parse_object,
)

_SAMPLE_RATE = 8000
_PACKET_MS = 10
_LOUDEST = 1 << 15
_CONSTANTS: Mapping[str, str | int] = {
    "bitsPerSample": 16,
    "sampleRate": _SAMPLE_RATE,
    "channelCount": 1,
    "type": "data",
}


@attrs.define(eq=False)
class Ozonetel(SaysNothing):
    """One stream."""

    facts: CallFacts
    _said_audio: bool = False

    def opening(self) -> Sequence[Message]:
        """Return the start event."""
        return [self._event("start")]

    def caller_audio(self, audio: bytes) -> Message:
        """Return a media event; the first has each sample twice, at 16 kHz."""
        samples: list[JsonValue] = [sample for (sample,) in struct.iter_unpack("<h", audio)]
        if self._said_audio:
            return self._media(samples, _SAMPLE_RATE)
        self._said_audio = True
        return self._media([each for each in samples for _ in range(2)], 2 * _SAMPLE_RATE)

    def closing(self, reason: str) -> Sequence[Message]:  # noqa: ARG002 -- the event has no room
        """Return the stop event."""
        return [self._event("stop")]

    def read(self, message: Message) -> Sequence[Reading]:
        """Read a media event or a command."""
        try:
            value = parse_object(message, "Ozonetel")
            return [self._read_media(value) if "event" in value else _read_command(value)]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong."""
        ucid = self.facts.call_id

        def media(**changes: JsonValue) -> Message:
            data: JsonObject = {
                "samples": [0] * 4,
                "bitsPerSample": 16,
                "sampleRate": _SAMPLE_RATE,
                "channelCount": 1,
                "numberOfFrames": 4,
                "type": "data",
                **changes,
            }
            return compact({"event": "media", "type": "media", "ucid": ucid, "data": data})

        return [
            *broken_texts("event"),
            bytes(160),
            '{"event":"start"}',
            '{"event":"start","type":"text","ucid":17,"did":null}',
            '{"event":"media","type":"media"}',
            '{"event":"media","type":"media","ucid":"x","data":[0,0]}',
            media(samples=None),
            media(samples=[]),
            media(samples="0,0,0,0"),
            media(samples=[0, 0.5, "0", None]),
            media(samples=[40_000, -40_000, 10**30, 0]),
            media(numberOfFrames=80),
            media(sampleRate="8000"),
            media(bitsPerSample=8, channelCount=2),
        ]

    def _event(self, event: str) -> str:
        told: JsonObject = {
            "event": event,
            "type": "text",
            "ucid": self.facts.call_id,
            "did": self.facts.called,
        }
        return compact(told)

    def _media(self, samples: list[JsonValue], sample_rate: int) -> str:
        data: JsonObject = {
            "samples": samples,
            "bitsPerSample": 16,
            "sampleRate": sample_rate,
            "channelCount": 1,
            "numberOfFrames": len(samples),
            "type": "data",
        }
        told: JsonObject = {
            "event": "media",
            "type": "media",
            "ucid": self.facts.call_id,
            "data": data,
        }
        return compact(told)

    def _read_media(self, value: JsonObject) -> Reading:
        demand_members(value, "media", ("event", "type", "ucid", "data"))
        demand_value(value, "media", "event", "media")
        demand_value(value, "media", "type", "media")
        demand_value(value, "media", "ucid", self.facts.call_id)
        data = demand_object(value, "media", "data")
        demand_members(data, "media data", ("samples", "numberOfFrames", *_CONSTANTS))
        for name, wanted in _CONSTANTS.items():
            demand_value(data, "media data", name, wanted)
        samples = _samples(data["samples"])
        demand_value(data, "media data", "numberOfFrames", len(samples))
        return Audio(struct.pack(f"<{len(samples)}h", *samples))


def _samples(value: JsonValue) -> array.array[int]:
    if not isinstance(value, list) or not value:
        raise DeviationError("media data: samples must be an array, and not empty")
    for each in value:
        if type(each) is not int or not -_LOUDEST <= each < _LOUDEST:
            raise DeviationError("media data: samples has something that is no 16-bit number")
    return array.array("h", value)  # type: ignore[arg-type]  # checked one by one


def _read_command(value: JsonObject) -> Reading:
    command = demand_name(value, "command")
    demand_members(value, "message", ("command",))
    match command:
        case "clearBuffer":
            return Action.CLEAR
        case "callDisconnect":
            return Action.HANG_UP
        case _:
            raise DeviationError(f"command {command[:40]!r} is unknown to Ozonetel")


DIALECT = DialectKind(
    name="ozonetel",
    new=Ozonetel,
    sample_rates=(_SAMPLE_RATE,),
    caller_ptime_ms=_PACKET_MS,
)
