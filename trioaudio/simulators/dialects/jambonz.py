"""A simulated jambonz `listen` verb with bidirectional streaming.

Sources: https://docs.jambonz.org/verbs/verbs/listen, and mod_audio_fork in the repository
jambonz/freeswitch-modules, which decides where they differ. A mark is put before the next binary
message as a sample of -1, so that value is a marker wherever it turns up while marks are waited
for. With nothing more to play a mark is answered without another message, which is why a mark is
read as standing right behind the audio before it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import MarksAfterClear, Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject, compact
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Control,
    Credentials,
    DialectKind,
    Handshake,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.dialects._basic_proof import basic_header
from trioaudio.simulators.dialects._broken_messages import broken_texts
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_members,
    demand_name,
    demand_object,
    demand_samples,
    demand_text,
    parse_object,
)

_MOST_MARKS = 30
_MOST_BYTES = 655_360
_MARKER = struct.pack("<h", -1)
_KEY_PRESS_SAMPLES = 1600
"""Of 8 kHz: how the module counts a key's duration."""
_SUBPROTOCOLS: dict[str, tuple[str, ...]] = {
    "drachtio": ("audio.drachtio.org",),
    "jambonz": ("audio.jambonz.org",),
    "none": (),
}


@attrs.define(eq=False)
class Jambonz(SaysNothing):
    """One connection."""

    facts: CallFacts
    _waiting: list[str] = attrs.field(factory=list)
    """Marks asked for and neither played nor cleared."""
    _holds_marker: bool = False
    """Audio that may not be played yet has a sample that a mark would make a marker."""

    def opening(self) -> Sequence[Message]:
        """Return the call's attributes: one object without a type."""
        told: JsonObject = {
            "callSid": self.facts.call_id,
            "direction": "inbound",
            "from": self.facts.caller,
            "to": self.facts.called,
            "callId": self.facts.stream_id,
            "sipStatus": 200,
            "sipReason": "OK",
            "callStatus": "in-progress",
            "accountSid": "00000000-0000-4000-8000-000000000001",
            "applicationSid": "00000000-0000-4000-8000-000000000002",
            "traceId": "00000000000000000000000000000003",
            "sampleRate": self.facts.media.sample_rate,
            "mixType": "mono",
        }
        return [compact(told)]

    def caller_audio(self, audio: bytes) -> Message:
        """Return the audio as it is."""
        return audio

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return a dtmf event, its duration in samples of 8 kHz."""
        told: JsonObject = {"event": "dtmf", "dtmf": digit, "duration": _KEY_PRESS_SAMPLES}
        return [compact(told)]

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return the mark, played; nothing if clearMarks made it forget this one."""
        if name not in self._waiting:
            return ()
        self._waiting.remove(name)
        return [_mark(name, "playout")]

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:
        """Return all marks that waited, as cleared."""
        told = [_mark(name, "cleared") for name in marks if name in self._waiting]
        self._waiting.clear()
        self._holds_marker = False
        return told

    def drained(self) -> Sequence[Message]:
        """Say nothing; a sample of -1 that was played is past harming a mark."""
        self._holds_marker = False
        return ()

    def read(self, message: Message) -> Sequence[Reading]:
        """Read audio, a mark, or a command."""
        try:
            if isinstance(message, bytes):
                return [self._read_audio(message)]
            return self._read_command(parse_object(message, "jambonz"))
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong."""
        return [
            *broken_texts("type"),
            b"",
            b"\x01",
            '{"type":"mark"}',
            '{"type":"mark","data":null}',
            '{"type":"mark","data":{"name":"m1"}}',
            '{"type":"mark","data":{"name":7,"event":"playout"}}',
            '{"type":"mark","data":{"name":"never asked","event":"half-way"}}',
            '{"type":"mark","name":"m1","event":"playout"}',
            '{"event":"dtmf"}',
            '{"event":"dtmf","dtmf":["5"],"duration":"1600"}',
            '{"event":"dtmf","dtmf":"flash","duration":-1}',
            '{"type":"playDone","data":{"id":null}}',
            '{"callSid":17,"sampleRate":"fast","mixType":"mono"}',
        ]

    def _read_audio(self, data: bytes) -> Reading:
        if len(data) > _MOST_BYTES:
            raise DeviationError(f"{len(data)} bytes of audio; a message may have {_MOST_BYTES}")
        demand_samples(data, Encoding.PCM16)
        if not _has_marker(data):
            return Audio(data)
        if self._waiting:
            return Audio(data, "a sample of -1 while marks are waited for is taken for a marker")
        self._holds_marker = True
        return Audio(data)

    def _read_command(self, value: JsonObject) -> Sequence[Reading]:
        kind = demand_name(value, "type")
        match kind:
            case "mark":
                demand_members(value, kind, ("type", "data"))
                data = demand_object(value, kind, "data")
                demand_members(data, "mark data", ("name",))
                return self._read_mark(demand_text(data, "mark data", "name"))
            case "killAudio":
                demand_members(value, kind, ("type",))
                return [Action.CLEAR]
            case "clearMarks":
                demand_members(value, kind, ("type",))
                self._waiting.clear()
                return [Control(kind)]
            case "disconnect":
                demand_members(value, kind, ("type",))
                return [Action.STOP]
            case "playAudio":
                raise DeviationError("playAudio is ignored while audio streams as binary messages")
            case _:
                raise DeviationError(f"type {kind[:40]!r} is unknown to jambonz")

    def _read_mark(self, name: str) -> Sequence[Reading]:
        if not name.isprintable() or '"' in name or "\\" in name:
            raise DeviationError("mark data: name would break the JSON it comes back in unescaped")
        if len(self._waiting) >= _MOST_MARKS:
            raise DeviationError(f"mark {name!r} beyond {_MOST_MARKS} that wait is thrown away")
        self._waiting.append(name)
        asked = MarkAsked(name)
        if not self._holds_marker:
            return [asked]
        self._holds_marker = False
        return [Malformed(f"mark {name!r} behind audio with a sample of -1, a marker now"), asked]


def _mark(name: str, event: str) -> str:
    # White space and the lack of escapes are the module's.
    return f'{{"type": "mark", "data": {{"name":"{name}", "event": "{event}"}}}}'


def _has_marker(data: bytes) -> bool:
    at = data.find(_MARKER)
    while at % 2 and at > 0:
        at = data.find(_MARKER, at + 1)
    return at >= 0


def _shake_hands(url: str, facts: CallFacts, credentials: Credentials) -> Handshake:
    return Handshake(
        url,
        headers=basic_header(credentials.secret),
        subprotocols=_SUBPROTOCOLS[choice(facts.options, "subprotocol", *_SUBPROTOCOLS)],
    )


DIALECT = DialectKind(
    name="jambonz",
    new=Jambonz,
    sample_rates=(8000, 16000, 24000, 48000, 64000),
    marks_after_clear=MarksAfterClear.REPORTED,
    handshake=_shake_hands,
    options={
        "subprotocol": "offered: drachtio for audio.drachtio.org as the module does, jambonz for"
        " audio.jambonz.org as documented, or none"
    },
)
