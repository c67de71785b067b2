"""A simulated Asterisk with a WebSocket channel (chan_websocket), dialling or listening.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket and `chan_websocket.c`.
Asterisk's own default for control messages is plain text; here it is JSON, as the documentation
recommends. A dialect does not see what is played, so the queue length in STATUS is the most it can
be. The words of the refusal after SET_MEDIA_DIRECTION are a guess; that there is one was read.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import MarksAfterClear, Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonValue
from trioaudio.simulators.dialect import (
    Action,
    Backlog,
    CallFacts,
    Control,
    Credentials,
    DialectKind,
    Handshake,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.dialects._asterisk_control import (
    FORMS,
    ControlForm,
    Order,
    UnparsableError,
)
from trioaudio.simulators.dialects._asterisk_frames import FRAME_MS, Frames
from trioaudio.simulators.dialects._basic_proof import basic_header
from trioaudio.simulators.dialects._broken_messages import broken_texts
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import DeviationError

_MOST_FRAMES = 1000
_XOFF_FRAMES = 900
_XON_FRAMES = 800
_MOST_BYTES = 65_500
_SUBPROTOCOL = "media"
_LINEAR = {8000: "slin", 12000: "slin12", 16000: "slin16", 24000: "slin24", 48000: "slin48"}
_COMPANDED = {Encoding.MULAW: "ulaw", Encoding.ALAW: "alaw"}
_ACTIONS = {
    "HANGUP": Action.HANG_UP,
    "PAUSE_MEDIA": Action.PAUSE,
    "CONTINUE_MEDIA": Action.RESUME,
    "FLUSH_MEDIA": Action.CLEAR,
}
_NOT_WHILE_IN = (
    "START_MEDIA_BUFFERING",
    "STOP_MEDIA_BUFFERING",
    "MARK_MEDIA",
    "PAUSE_MEDIA",
    "CONTINUE_MEDIA",
)


@attrs.define(eq=False)
class Asterisk(SaysNothing):
    """One channel."""

    facts: CallFacts
    form: ControlForm
    _frames: Frames
    _completions: dict[str, str] = attrs.field(factory=dict)
    """Marks of ours that stand for the end of buffering, and the ids to give back."""
    _direction: str = "both"
    _is_full: bool = False
    _is_paused: bool = False
    _reports_drained: bool = False
    _completion_count: int = 0

    def opening(self) -> Sequence[Message]:
        """Return MEDIA_START."""
        members: dict[str, JsonValue] = {
            "connection_id": self.facts.stream_id,
            "channel": f"WebSocket/{self.facts.stream_id}",
            "channel_id": self.facts.call_id,
            "format": self._format(),
            "optimal_frame_size": self._frames.frame_bytes,
            "ptime": FRAME_MS,
            "channel_variables": {},
        }
        return [self.form.told("MEDIA_START", members)]

    def caller_audio(self, audio: bytes) -> Message:
        """Return the audio as it is."""
        return audio

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return DTMF_END."""
        return [self.form.told("DTMF_END", {"digit": digit, "channel_id": self.facts.call_id})]

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return MEDIA_MARK_PROCESSED, or that buffered audio was played."""
        completed = self._completions.pop(name, None)
        if completed is not None:
            return [self._correlated("MEDIA_BUFFERING_COMPLETED", completed)]
        return [self._correlated("MEDIA_MARK_PROCESSED", name)]

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:
        """Return QUEUE_DRAINED if it was asked for; marks are dropped without a word."""
        for mark in marks:
            self._completions.pop(mark, None)
        return self.drained()

    def flow(self, *, paused: bool) -> Sequence[Message]:
        """Return MEDIA_XOFF or MEDIA_XON."""
        self._is_full = paused
        return [self._bare("MEDIA_XOFF" if paused else "MEDIA_XON")]

    def drained(self) -> Sequence[Message]:
        """Return QUEUE_DRAINED, once for each time it was asked for."""
        self._frames.forget()
        if not self._reports_drained:
            return ()
        self._reports_drained = False
        return [self._bare("QUEUE_DRAINED")]

    def read(self, message: Message) -> Sequence[Reading]:
        """Read audio or a command."""
        try:
            if isinstance(message, bytes):
                return self._read_audio(message)
            return self._obey(self.form.read(message))
        except UnparsableError as exc:
            return [Malformed(str(exc), [self._error("Unable to parse JSON command")])]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong, in the other form as well."""
        return [
            *broken_texts("event"),
            b"",
            b"\x01",
            bytes(self._frames.frame_bytes + 1),
            "MEDIA_START",
            "MEDIA_START optimal_frame_size:-1 format: ptime",
            "MEDIA_MARK_PROCESSED",
            "DTMF_END digit:",
            "STATUS queue_length:many",
            "\0",
            '{"event":"MEDIA_START","optimal_frame_size":"large","ptime":null}',
            '{"event":"MEDIA_START","format":"opus","optimal_frame_size":0}',
            '{"event":"MEDIA_MARK_PROCESSED"}',
            '{"event":"MEDIA_MARK_PROCESSED","correlation_id":7}',
            '{"event":"DTMF_END","digit":["5"]}',
            '{"event":"STATUS","queue_length":"many"}',
            '{"event":"ERROR","error_text":{"is":"no text"}}',
        ]

    def _read_audio(self, data: bytes) -> Sequence[Reading]:
        if len(data) > _MOST_BYTES:
            problem = f"{len(data)} bytes in a message; Asterisk hangs up above {_MOST_BYTES}"
            return [Malformed(problem), Action.HANG_UP]
        return self._frames.take(data)

    def _obey(self, order: Order) -> Sequence[Reading]:
        command = order.command
        if self._direction == "in" and command in _NOT_WHILE_IN:
            reply = self._error(f"{command} not supported while media direction is 'in'")
            return [Malformed(f"{command} while the media direction is in", [reply])]
        match command:
            case "MARK_MEDIA":
                if not order.correlation_id:
                    raise DeviationError("MARK_MEDIA without correlation_id is like any other")
                return [MarkAsked(order.correlation_id)]
            case "START_MEDIA_BUFFERING":
                self._frames.start_buffering()
            case "STOP_MEDIA_BUFFERING":
                return self._stop_buffering(order.correlation_id)
            case "FLUSH_MEDIA" | "PAUSE_MEDIA" | "CONTINUE_MEDIA" | "HANGUP":
                return [self._act(command)]
        return [self._note(order)]

    def _act(self, command: str) -> Action:
        action = _ACTIONS[command]
        if action is Action.CLEAR:
            self._frames.flush()
        self._is_paused = action is Action.PAUSE
        return action

    def _note(self, order: Order) -> Control:
        match order.command:
            case "GET_STATUS":
                return Control(order.command, replies=[self._status()])
            case "SET_MEDIA_DIRECTION":
                self._direction = order.direction
                return Control(order.command, {"direction": order.direction})
            case "REPORT_QUEUE_DRAINED":
                self._reports_drained = True
        return Control(order.command)

    def _stop_buffering(self, correlation_id: str) -> Sequence[Reading]:
        rest = self._frames.stop_buffering()
        self._completion_count += 1
        name = f"end of buffering {self._completion_count}"
        self._completions[name] = correlation_id
        return [*rest, MarkAsked(name)]

    def _format(self) -> str:
        media = self.facts.media
        return _COMPANDED.get(media.encoding) or _LINEAR[media.sample_rate]

    def _bare(self, event: str) -> str:
        return self.form.bare(event, self.facts.call_id)

    def _correlated(self, event: str, correlation_id: str) -> str:
        return self.form.correlated(event, self.facts.call_id, correlation_id)

    def _error(self, text: str) -> str:
        return self.form.told("ERROR", {"channel_id": self.facts.call_id, "error_text": text})

    def _status(self) -> str:
        members: dict[str, JsonValue] = {
            "channel_id": self.facts.call_id,
            "queue_length": min(self._frames.count, _MOST_FRAMES),
            "xon_level": _XON_FRAMES,
            "xoff_level": _XOFF_FRAMES,
            "queue_full": self._is_full,
            "bulk_media": self._frames.is_buffering,
            "media_paused": self._is_paused,
        }
        return self.form.told("STATUS", members)


def _new(facts: CallFacts) -> Asterisk:
    form = FORMS[choice(facts.options, "control", *FORMS)]
    return Asterisk(facts, form, Frames(facts.media))


def _shake_hands(url: str, _facts: CallFacts, credentials: Credentials) -> Handshake:
    return Handshake(url, basic_header(credentials.secret), (_SUBPROTOCOL,))


DIALECT = DialectKind(
    name="asterisk",
    new=_new,
    listens=True,
    encodings=(Encoding.PCM16, Encoding.MULAW, Encoding.ALAW),
    sample_rates=tuple(_LINEAR),
    marks_after_clear=MarksAfterClear.DROPPED,
    backlog=Backlog(
        most_ms=_MOST_FRAMES * FRAME_MS,
        pause_at_ms=_XOFF_FRAMES * FRAME_MS,
        resume_at_ms=_XON_FRAMES * FRAME_MS,
    ),
    handshake=_shake_hands,
    subprotocols=(_SUBPROTOCOL,),
    options={"control": "the form of text messages: json, or plain"},
)
