"""TeleCMI's `StreamAction` messages, and what is wrong with them.

TeleCMI says nothing about a message it does not like, so here every deviation from the documented
form is named. White space in JSON is free, since the vendor's own SDKs differ in it. The forms
are those of https://doc.telecmi.com/piopiy/docs/stream-action-play-stream and of the SDKs
telecmi/piopiy_python and telecmi/piopiy_node; the text message about the call, and whether a
message waits for the one before, are inferred from what users report, so both are options.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat
from trioaudio.core.wire_json import JsonObject, JsonValue
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Control,
    DialectKind,
    Malformed,
    Reading,
)
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import DeviationError, parse_json, read_base64

_ACTIONS = {
    "break": Action.CLEAR,
    "pause": Action.PAUSE,
    "resume": Action.RESUME,
    "stop": Action.STOP,
}
_CHOICES = {
    "metadata": ("uuid", "json", "none"),
    "metadata-when": ("before", "after", "never"),
    "play": ("queue", "cut"),
}


@attrs.frozen
class TeleCmi(SaysNothing):
    """One connection."""

    call_id: str
    pcm: PcmFormat
    metadata: str = "uuid"
    when: str = "before"
    cuts: bool = False

    def opening(self) -> Sequence[Message]:
        """Return the text message about the call, if it comes first."""
        return self._about_the_call() if self.when == "before" else ()

    def late_opening(self) -> Sequence[Message]:
        """Return it, if it comes after the first audio."""
        return self._about_the_call() if self.when == "after" else ()

    def _about_the_call(self) -> Sequence[Message]:
        match self.metadata:
            case "uuid":
                return (self.call_id,)
            case "json":
                return (json.dumps({"extra_params": {"order": "42"}, "call": self.call_id}),)
            case _:
                return ()

    def caller_audio(self, audio: bytes) -> Message:
        """Return it as it is: binary PCM."""
        return audio

    def read(self, message: Message) -> Sequence[Reading]:
        """Read a JSON text: streamAudio, an action, or a PCMO array."""
        if isinstance(message, bytes):
            return (Malformed("binary message; TeleCMI takes JSON text only"),)
        try:
            value = parse_json(message)
        except DeviationError as exc:
            return (Malformed(str(exc)),)
        if isinstance(value, list):
            return _read_pcmo(value)
        if isinstance(value, dict) and "action" in value:
            return (_read_action(value),)
        if isinstance(value, dict) and "type" in value:
            return (self._read_stream_audio(value),)
        return (Malformed("JSON that is neither streamAudio nor an action nor a PCMO array"),)

    def _read_stream_audio(self, value: JsonObject) -> Reading:
        if value["type"] != "streamAudio":
            return Malformed(f"type {value['type']!r} is not streamAudio")
        if value.keys() != {"type", "data"}:
            return Malformed(f"streamAudio with keys {sorted(value)}; wanted data and type")
        text = _text_of(value["data"], self.pcm)
        if isinstance(text, Malformed):
            return text
        try:
            audio = read_base64(text)
        except DeviationError as exc:
            return Malformed(f"audioData is {exc}")
        if not len(audio) % self.pcm.frame_bytes:
            return Audio(audio, cuts=self.cuts)
        problem = f"{len(audio)} bytes of audio; must be whole frames of {self.pcm.frame_bytes}"
        if len(audio) % SAMPLE_BYTES:
            return Malformed(f"{problem}, and are no whole samples")
        return Audio(audio, problem, cuts=self.cuts)

    def malformed(self) -> Sequence[Message]:
        """Return texts and audio that are not what a gateway sends."""
        return (
            "",
            "not a uuid, nor JSON {",
            '{"event":"start","data":null}',
            "[" * 1000,
            "\0",
            b"",
            b"\x01",
            bytes(self.pcm.frame_bytes + 1),
        )


def _text_of(data: JsonValue, pcm: PcmFormat) -> str | Malformed:
    """Return the audio of streamAudio's `data` as it is written, or what is wrong there."""
    if not isinstance(data, dict) or data.keys() != {"audioDataType", "sampleRate", "audioData"}:
        return Malformed("data must hold audioDataType, sampleRate and audioData, nothing else")
    if data["audioDataType"] != "raw":
        return Malformed(f"audioDataType {data['audioDataType']!r} is not raw")
    rate = data["sampleRate"]
    if type(rate) is not int or rate != pcm.sample_rate:
        return Malformed(f"sampleRate {rate!r} is not the integer {pcm.sample_rate}")
    text = data["audioData"]
    return text if isinstance(text, str) else Malformed("audioData is no text")


def _read_action(value: JsonObject) -> Reading:
    if value.keys() != {"action"}:
        return Malformed(f"action with keys {sorted(value)}; wanted action alone")
    name = value["action"]
    if isinstance(name, str) and name in _ACTIONS:
        return _ACTIONS[name]
    return Malformed(f"action {name!r} is unknown outside a PCMO array")


def _read_pcmo(value: list[JsonValue]) -> Sequence[Reading]:
    """Read call control in mid-stream: actions in order, each with a name."""
    if not value:
        return (Malformed("empty PCMO array"),)
    readings: list[Reading] = []
    for each in value:
        name = each.get("action") if isinstance(each, dict) else None
        if not isinstance(each, dict) or not isinstance(name, str):
            return (Malformed("PCMO element that is no object with an action"),)
        if name == "bridge" and not _is_bridge(each):
            return (Malformed("PCMO bridge whose numbers are no JSON numbers"),)
        readings.append(Action.HANG_UP if name == "hangup" else Control(name, each))
    return readings


def _is_bridge(value: JsonObject) -> bool:
    legs = value.get("connect")
    return (
        type(value.get("from", 0)) is int
        and isinstance(legs, list)
        and bool(legs)
        and all(isinstance(leg, dict) and type(leg.get("number")) is int for leg in legs)
    )


def _new(facts: CallFacts) -> TeleCmi:
    chosen = {name: choice(facts.options, name, *values) for name, values in _CHOICES.items()}
    return TeleCmi(
        facts.call_id,
        PcmFormat(facts.media.sample_rate, facts.ptime_ms),
        metadata=chosen["metadata"],
        when=chosen["metadata-when"],
        cuts=chosen["play"] == "cut",
    )


DIALECT = DialectKind(
    name="telecmi",
    new=_new,
    options={
        "metadata": "the text message about the call: uuid (default), json or none",
        "metadata-when": "before (default) or after the first caller audio, or never",
        "play": "queue (default), or cut: a new message cuts the one that is playing",
    },
)
