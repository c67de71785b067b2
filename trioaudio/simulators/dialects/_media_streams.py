"""The dialects that resemble Twilio's Media Streams: JSON text, base64 audio, mark and clear.

What all of them share is here; what a carrier does in its own way is data in its `Form`. The
shape is that of https://www.twilio.com/docs/voice/media-streams/websocket-messages.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.carrier import MarksAfterClear, Message
from trioaudio.core.wire_json import JsonObject, JsonValue
from trioaudio.simulators.dialect import Action, Audio, CallFacts, Malformed, MarkAsked, Reading
from trioaudio.simulators.dialects._form import Form, milliseconds_of, moment_at
from trioaudio.simulators.dialects._malformed import malformed_messages
from trioaudio.simulators.dialects._numbering import Numbering
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    excerpt,
    parse_object,
    problems_of_members,
    read_base64,
)

# No carrier documents a limit; a name that is longer than this is a mistake anywhere.
_LONGEST_MARK_NAME = 256


@attrs.define(eq=False)
class MediaStream:
    """One connection of a carrier of this family."""

    form: Form
    facts: CallFacts
    _numbering: Numbering = attrs.field(init=False)
    _sequence: int = attrs.field(default=0, init=False)
    _chunk: int = attrs.field(default=0, init=False)
    _heard: int = attrs.field(default=0, init=False)
    """Bytes of caller audio so far."""

    def __attrs_post_init__(self) -> None:
        """Begin to count what the sender numbers."""
        self._numbering = Numbering(self.form.counters, self.facts.media)

    # --- What the carrier says ---

    def opening(self) -> Sequence[Message]:
        """Return connected and start."""
        connected = _text({"event": "connected", **self.form.connected})
        return [connected, self._say("start", self.form.start)]

    def late_opening(self) -> Sequence[Message]:
        """Return nothing: all is said before the audio."""
        return ()

    def caller_audio(self, audio: bytes) -> Message:
        """Return the next media message; its timestamp is the duration of the audio before it."""
        self._chunk += 1
        number = self.form.number
        media: JsonObject = {} if self.form.track is None else {"track": self.form.track}
        media |= {
            "chunk": number(self._chunk),
            "timestamp": number(milliseconds_of(self._heard, self.facts.media)),
            "payload": base64.b64encode(audio).decode(),
        }
        message = self._say("media", {"media": media})
        self._heard += len(audio)
        return message

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return the mark itself."""
        return [self._say("mark", {"mark": {"name": name}})]

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:
        """Return the marks not yet played where the carrier does, else nothing."""
        if self.form.marks_after_clear is not MarksAfterClear.RETURNED:
            return ()
        return [message for name in marks for message in self.mark_played(name)]

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return the key, where the carrier tells of keys."""
        if self.form.dtmf is None:
            return ()
        return [self._say("dtmf", {"dtmf": {**self.form.dtmf, "digit": digit}})]

    def flow(self, *, paused: bool) -> Sequence[Message]:  # noqa: ARG002  # the interface's
        """Return nothing: none of them says when its queue is full."""
        return ()

    def drained(self) -> Sequence[Message]:
        """Return nothing: marks say what was played."""
        return ()

    def closing(self, reason: str) -> Sequence[Message]:
        """Return the stop message."""
        return [self._say("stop", self.form.stop(reason))]

    def malformed(self) -> Sequence[Message]:
        """Return what no carrier should send; none of it counts in the sequence numbers."""
        return malformed_messages(
            sequence=self.form.names.sequence,
            stream=self.form.names.stream,
            stream_id=self.form.stream_id,
            start=self.form.start,
            audio=self.facts.media.encoding.silence * 160,
        )

    def _say(self, event: str, members: JsonObject) -> str:
        self._sequence += 1
        moment = moment_at(milliseconds_of(self._heard, self.facts.media))
        return _text(
            {
                "event": event,
                self.form.names.sequence: self.form.number(self._sequence),
                self.form.names.stream: self.form.stream_id,
                **self.form.more(event, moment),
                **members,
            }
        )

    # --- What the carrier understands ---

    def read(self, message: Message) -> Sequence[Reading]:
        """Read a message; one Malformed for each deviation, and then nothing else."""
        try:
            value = parse_object(message, "the carrier")
        except DeviationError as exc:
            return self.refuse([str(exc)])
        return self.read_event(value.get("event"), value)

    def read_event(self, event: JsonValue, value: JsonObject) -> Sequence[Reading]:
        """Read one event."""
        if event == "media":
            return self._read_media(value)
        if event == "mark":
            return self._read_mark(value)
        if event == "clear":
            return self.refuse(self._problems_of(value)) or [Action.CLEAR]
        if event == "end" and self.form.hang_up is not None:
            return self._read_end(value, self.form.hang_up)
        return self.refuse(
            ["message without event" if event is None else f"unknown event {excerpt(event)}"]
        )

    def _read_media(self, value: JsonObject) -> Sequence[Reading]:
        numbered = {counter.path[0]: object for counter in self.form.counters if counter.outside}
        problems = self._problems_of(value, {"media": dict}, numbered)
        audio = b""
        audio_problems: list[str] = []
        media = value.get("media")
        if isinstance(media, dict):
            inside = {each.path[-1]: object for each in self.form.counters if not each.outside}
            problems += problems_of_members(
                media, "media", {"payload": str}, {**inside, **self.form.beside_payload}
            )
            if isinstance(payload := media.get("payload"), str):
                try:
                    audio = read_base64(payload)
                except DeviationError as exc:
                    audio_problems = [f"media: payload is {exc}"]
                else:
                    audio_problems = self.form.sizes.refusals(audio, self.facts.media)
        blamed = self._numbering.count(value, audio)
        refused = self.refuse(problems + audio_problems, about_audio=not problems)
        if refused:
            return refused
        if len(audio) < self.form.sizes.advised:
            blamed.append(
                f"{len(audio)} bytes of audio; at least {self.form.sizes.advised} advised"
            )
        return [Audio(audio, "; ".join(blamed) or None)]

    def _read_mark(self, value: JsonObject) -> Sequence[Reading]:
        problems = self._problems_of(value, {"mark": dict})
        mark = value.get("mark")
        name: JsonValue = None
        if isinstance(mark, dict):
            problems += problems_of_members(mark, "mark", {"name": str}, {})
            name = mark.get("name")
        if name == "":
            problems.append("mark: name is empty")
        if isinstance(name, str) and len(name) > _LONGEST_MARK_NAME:
            problems.append(f"mark: name has {len(name)} characters; at most {_LONGEST_MARK_NAME}")
        return self.refuse(problems) or [MarkAsked(str(name))]

    def _read_end(self, value: JsonObject, members: Mapping[str, str]) -> Sequence[Reading]:
        problems = self._problems_of(value, dict.fromkeys(members, str))
        problems += [
            f"message: {name} {excerpt(value[name])} is another call's"
            for name, own in members.items()
            if isinstance(value.get(name), str) and value[name] != own
        ]
        return self.refuse(problems) or [Action.HANG_UP]

    def _problems_of(
        self,
        value: JsonObject,
        wanted: Mapping[str, type] | None = None,
        optional: Mapping[str, type] | None = None,
    ) -> list[str]:
        """Return what is wrong with a message's own members; event and stream are seen to."""
        stream = {self.form.names.stream: str}
        problems = problems_of_members(
            value,
            "message",
            {"event": str, **(stream if self.form.stream_needed else {}), **(wanted or {})},
            {**stream, **(optional or {})},
        )
        named = value.get(self.form.names.stream)
        if isinstance(named, str) and named != self.form.stream_id:
            problems.append(
                f"message: {self.form.names.stream} {excerpt(named)} is another stream's"
            )
        return problems

    def refuse(self, problems: Sequence[str], *, about_audio: bool = False) -> list[Malformed]:
        """Return the problems; what the carrier says to the message comes with the first."""
        if not problems or self.form.error is None:
            return [Malformed(problem) for problem in problems]
        answer = _text({"event": "error", **self.form.error("; ".join(problems), about_audio)})
        first, *others = problems
        return [Malformed(first, (answer,)), *(Malformed(problem) for problem in others)]


def _text(value: JsonObject) -> str:
    return json.dumps(value, separators=(",", ":"))
