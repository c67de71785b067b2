"""What a message sent to the carrier means, and what is wrong with it.

Stricter than any carrier: TeleCMI says nothing about a message it does not like, so here every
deviation from the documented form is named. White space in JSON is free, since the vendor's own
SDKs differ in it. The forms are those of https://doc.telecmi.com/piopiy/docs/stream-action-play-stream
and of the SDKs telecmi/piopiy_python and telecmi/piopiy_node.
"""

from __future__ import annotations

import binascii
import enum
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat

# The same as in core.carrier, whose import would bring numpy and double this process's start.
Message: TypeAlias = str | bytes


@attrs.frozen
class Audio:
    """PCM16 to play; `problem` is what a strict carrier would say against its form."""

    pcm: bytes
    problem: str | None = None


class Action(enum.Enum):
    """What the sender may ask about what is playing."""

    BREAK = "break"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@attrs.frozen
class Pcmo:
    """Call control in mid-stream: actions in order, each with a name."""

    actions: tuple[dict[str, Any], ...]

    @property
    def hangs_up(self) -> bool:
        """Whether the call ends with it."""
        return any(each["action"] == "hangup" for each in self.actions)


@attrs.frozen
class Malformed:
    """A message that means nothing, and why."""

    problem: str


Reading: TypeAlias = Audio | Action | Pcmo | Malformed
Read: TypeAlias = Callable[[Message], Reading]


def telecmi(pcm: PcmFormat) -> Read:
    """Return the reading of TeleCMI's `StreamAction` messages."""

    def read(message: Message) -> Reading:
        if isinstance(message, bytes):
            return Malformed("binary message; TeleCMI takes JSON text only")
        try:
            value = json.loads(message, parse_constant=_refuse_constant)
        except ValueError as exc:
            return Malformed(f"text that is no JSON: {exc}")
        if isinstance(value, list):
            return _read_pcmo(value)
        if isinstance(value, dict) and "action" in value:
            return _read_action(value)
        if isinstance(value, dict) and "type" in value:
            return _read_stream_audio(value, pcm)
        return Malformed("JSON that is neither streamAudio nor an action nor a PCMO array")

    return read


def raw(pcm: PcmFormat, clear_message: str | None, end_message: str | None) -> Read:
    """Return the reading of bare PCM, one frame in each binary message."""

    def read(message: Message) -> Reading:
        if isinstance(message, bytes):
            if len(message) == pcm.frame_bytes:
                return Audio(message)
            return _odd_length(message, f"must be exactly one frame of {pcm.frame_bytes}")
        if message == clear_message:
            return Action.BREAK
        if message == end_message:
            return Action.STOP
        return Malformed("text message; bare PCM is binary only")

    return read


def _read_stream_audio(value: dict[str, Any], pcm: PcmFormat) -> Reading:
    if value["type"] != "streamAudio":
        return Malformed(f"type {value['type']!r} is not streamAudio")
    if value.keys() != {"type", "data"}:
        return Malformed(f"streamAudio with keys {sorted(value)}; wanted data and type")
    data = value["data"]
    problem = _problem_of(data, pcm)
    if problem is not None:
        return Malformed(problem)
    try:
        audio = binascii.a2b_base64(data["audioData"], strict_mode=True)
    except ValueError as exc:
        return Malformed(f"audioData is not strict base64: {exc}")
    if not audio or len(audio) % pcm.frame_bytes:
        return _odd_length(audio, f"must be whole frames of {pcm.frame_bytes}")
    return Audio(audio)


def _problem_of(data: object, pcm: PcmFormat) -> str | None:
    """Return what is wrong with the members of streamAudio's `data`."""
    if not isinstance(data, dict) or data.keys() != {"audioDataType", "sampleRate", "audioData"}:
        return "data must hold audioDataType, sampleRate and audioData, nothing else"
    if data["audioDataType"] != "raw":
        return f"audioDataType {data['audioDataType']!r} is not raw"
    rate = data["sampleRate"]
    if type(rate) is not int or rate != pcm.sample_rate:
        return f"sampleRate {rate!r} is not the integer {pcm.sample_rate}"
    if not isinstance(data["audioData"], str):
        return "audioData is no text"
    return None


def _odd_length(audio: bytes, wanted: str) -> Reading:
    problem = f"{len(audio)} bytes of audio; {wanted}"
    if not audio or len(audio) % SAMPLE_BYTES:
        return Malformed(f"{problem}, and are no whole samples" if audio else problem)
    return Audio(audio, problem)


def _read_action(value: dict[str, Any]) -> Reading:
    if value.keys() != {"action"}:
        return Malformed(f"action with keys {sorted(value)}; wanted action alone")
    try:
        return Action(value["action"])
    except ValueError:
        return Malformed(f"action {value['action']!r} is unknown outside a PCMO array")


def _read_pcmo(value: list[Any]) -> Reading:
    if not value:
        return Malformed("empty PCMO array")
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("action"), str):
            return Malformed("PCMO element that is no object with an action")
        if each["action"] == "bridge" and not _is_bridge(each):
            return Malformed("PCMO bridge whose numbers are no JSON numbers")
    return Pcmo(tuple(value))


def _is_bridge(value: dict[str, Any]) -> bool:
    legs = value.get("connect")
    return (
        type(value.get("from", 0)) is int
        and isinstance(legs, list)
        and bool(legs)
        and all(isinstance(leg, dict) and type(leg.get("number")) is int for leg in legs)
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
