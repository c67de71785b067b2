"""2600Hz's Pivot `<Connect><Stream>` as a carrier sees it: says what Twilio says, plays files.

https://docs.2600hz.com/developers/pivot/streams/pivot-stream-web-socket-messages

Documented: media for the caller is a file, audio/mp3 or audio/wav, whose first message has
`media.format.encoding`; it is held until a mark, which comes back when it was played; what has a
mark cannot be cleared. audio/L16 is what Pivot sends unless asked for something else
(https://docs.2600hz.com/developers/pivot/pivot-twi-ml-response-format/stream). Inferred: ids are
32 hexadecimal digits, numbers are written as text and L16 is little-endian, as with Twilio.
Stricter than Pivot: a file is a WAV of just what the stream carries, and a mark needs one.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject, JsonValue, object_of
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Control,
    Dialect,
    DialectKind,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.dialects._form import Sizes, sid
from trioaudio.simulators.dialects._media_streams import MediaStream
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    excerpt,
    problems_of_members,
)
from trioaudio.simulators.dialects._twilio_like import (
    MULAW,
    OPTIONS,
    START_PARAMETERS,
    TRACK,
    Ids,
    twilio_form,
)
from trioaudio.simulators.dialects._wav_reading import read_wav

_ACCOUNT = "3b7f0d1c2a4e4f5f9c8d7e6f5a4b3c2d"
_PLAYABLE = ("audio/wav", "audio/mp3")


@attrs.define(eq=False)
class Pivot(MediaStream):
    """One connection."""

    _held: bytearray = attrs.field(factory=bytearray, init=False)
    """What is there of a file that has no mark yet."""
    _kind: JsonValue = attrs.field(default=None, init=False)
    """What kind of file it is."""

    def read_event(self, event: JsonValue, value: JsonObject) -> Sequence[Reading]:
        """Read one event: media is held, and a mark gives what was held."""
        readings = super().read_event(event, value)
        match readings:
            case [Audio(data)]:
                return self._hold(data, object_of(value["media"]))
            case [MarkAsked() as asked]:
                return self._play(asked)
            case [Action.CLEAR]:
                held = len(self._held)
                self._forget()
                return [Control("clear", {"bytes of a file dropped": held})]
            case _:
                return readings

    def _hold(self, data: bytes, media: JsonObject) -> Sequence[Reading]:
        if self._kind is None or "format" in media:
            kind, problems = self._kind_of(media)
            if problems:
                return self.refuse(problems)
            self._kind = kind
        self._held += data
        return ()

    def _kind_of(self, media: JsonObject) -> tuple[JsonValue, list[str]]:
        if "format" not in media:
            return None, ["media without format, and it is the first of a file"]
        written = object_of(media["format"])
        problems = problems_of_members(written, "media format", {"encoding": str}, {})
        kind = written.get("encoding")
        if not problems and kind not in _PLAYABLE:
            problems = [f"media format: encoding {excerpt(kind)} cannot be played by Pivot"]
        if not problems and self._kind not in (None, kind):
            problems = [f"media format: encoding {excerpt(kind)} in a file of {self._kind}"]
        return kind, problems

    def _play(self, asked: MarkAsked) -> Sequence[Reading]:
        file, kind = bytes(self._held), self._kind
        self._forget()
        if kind is None:
            return self.refuse(["mark without media before it"])
        if kind != "audio/wav":
            return self.refuse([f"a file of {kind}, which this simulation cannot decode"])
        try:
            samples = read_wav(file, self.facts.media)
        except DeviationError as exc:
            return self.refuse([str(exc)])
        return [Audio(samples), asked]

    def _forget(self) -> None:
        self._held.clear()
        self._kind = None


def _new(facts: CallFacts) -> Dialect:
    ids = Ids(_ACCOUNT, sid("", facts.stream_id), sid("", facts.call_id))
    form = twilio_form(facts, ids, {Encoding.PCM16: "audio/L16", Encoding.MULAW: MULAW})
    return Pivot(
        attrs.evolve(
            form,
            # A file may be cut into messages anywhere.
            sizes=Sizes(whole_samples=False),
            beside_payload={"format": dict},
            marks_after_clear=MarksAfterClear.NONE_EXIST,
        ),
        facts,
    )


DIALECT = DialectKind(
    "kazoo",
    new=_new,
    encodings=(Encoding.PCM16, Encoding.MULAW),
    sample_rates=(8000, 16000, 24000),
    options={each: OPTIONS[each] for each in (START_PARAMETERS, TRACK)},
)
