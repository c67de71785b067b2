"""A simulated call: everything that was received, what the callee heard of it, and the report.

It survives connections: a redial goes on with the same call. All methods compute and never wait;
times are arguments on CLOCK_MONOTONIC, which every process of a machine shares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, assert_never

import attrs

from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat
from trioaudio.simulators.arrivals import Arrivals
from trioaudio.simulators.callee import Callee
from trioaudio.simulators.dialect import Action, Audio, Malformed, Message, Pcmo, Read
from trioaudio.simulators.playout import Playout

# The report is one line in a pipe of 64 KiB: it must fit without a reader.
_MOST_LISTED = 100
_EXCERPT = 120
# Normal, going away, and a close frame without a code.
_CLOSES_IN_ORDER = (1000, 1001, 1005)

Tell: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Takes an event's name and what belongs to it."""


@attrs.frozen
class Closed:
    """How a connection ended; `by` is "carrier" (we), "peer", "fault" or "network"."""

    code: int
    reason: str
    by: str

    @property
    def in_order(self) -> bool:
        """Whether that is how a call ends, so that nobody need dial again."""
        return self.code in _CLOSES_IN_ORDER


@attrs.define(eq=False)
class SimulatedCall:
    """One call; `read` is the dialect, `plays` False takes audio and never plays it."""

    dialect: str
    pcm: PcmFormat
    read: Read
    arrivals: Arrivals
    callee: Callee
    playout: Playout
    tell: Tell
    plays: bool = True
    messages: int = 0
    """Messages that held audio."""
    audio_bytes: int = 0
    breaks: int = 0
    connections: int = 0
    unplayed: int = 0
    """Samples thrown away without a word."""
    first_audio_at: float | None = None
    closed: Closed | None = None
    commands: list[dict[str, Any]] = attrs.field(factory=list)
    command_count: int = 0
    protocol_errors: list[dict[str, Any]] = attrs.field(factory=list)
    protocol_error_count: int = 0

    @property
    def frames(self) -> int:
        """Whole frames received, counted by their bytes."""
        return self.audio_bytes // self.pcm.frame_bytes

    def take(self, message: Message, at: float) -> str | None:
        """Take a message that arrived at `at`; return why the carrier now closes, if it does."""
        match self.read(message):
            case Audio() as audio:
                self._take_audio(audio, message, at)
                return None
            case Action() as action:
                return self._take_action(action, at)
            case Pcmo() as pcmo:
                for each in pcmo.actions:
                    self._list_command(at, each["action"], {"pcmo": _excerpt(each)})
                return "hangup" if pcmo.hangs_up else None
            case Malformed(problem):
                self._list_error(at, problem, message)
                return None
            case unknown:
                assert_never(unknown)

    def connected(self, at: float, peer: str) -> None:
        """Count a connection."""
        self.connections += 1
        self.tell("connected", {"at": at, "peer": peer, "connection": self.connections})

    def disconnected(self, at: float, closed: Closed) -> None:
        """Note how a connection ended; what was not played goes with it, as in a gateway."""
        self.closed = closed
        self.playout.clear(at)
        self.arrivals.end_talkspurt()
        self.tell("closed", {"at": at, **attrs.asdict(closed)})

    def _take_audio(self, audio: Audio, message: Message, at: float) -> None:
        if audio.problem is not None:
            self._list_error(at, audio.problem, message)
        samples = len(audio.pcm) // SAMPLE_BYTES
        self.arrivals.add(at, samples)
        self.messages += 1
        self.audio_bytes += len(audio.pcm)
        if self.plays:
            self.playout.put(at, audio.pcm)
        else:
            self.unplayed += samples
        if self.first_audio_at is None:
            self.first_audio_at = at
            self.tell("first-audio", {"at": at})

    def _take_action(self, action: Action, at: float) -> str | None:
        self._list_command(at, action.value, {})
        match action:
            case Action.BREAK:
                self.breaks += 1
                self.playout.clear(at)
                self.arrivals.end_talkspurt()
                self.tell("break", {"at": at})
            case Action.PAUSE:
                self.playout.pause(at)
            case Action.RESUME:
                self.playout.resume(at)
            case Action.STOP:
                return "stop"
            case unknown:
                assert_never(unknown)
        return None

    def _list_command(self, at: float, name: str, more: dict[str, Any]) -> None:
        self.command_count += 1
        if len(self.commands) < _MOST_LISTED:
            self.commands.append({"at": at, "command": name[:_EXCERPT], **more})

    def _list_error(self, at: float, problem: str, message: Message) -> None:
        self.protocol_error_count += 1
        if len(self.protocol_errors) < _MOST_LISTED:
            self.protocol_errors.append(
                {"at": at, "problem": problem[:_EXCERPT], "excerpt": _excerpt(message)}
            )

    def report(self) -> dict[str, Any]:
        """Return the call's report for JSON."""
        arrived = self.arrivals.statistics()
        played = self.playout.statistics()
        ms = self.pcm.milliseconds_of
        return {
            "dialect": self.dialect,
            "frames": self.frames,
            "frame_bytes": self.pcm.frame_bytes,
            "bytes": self.audio_bytes,
            "messages": self.messages,
            "sample_rate": self.pcm.sample_rate,
            "ptime_ms": self.pcm.ptime_ms,
            "spacing_ms": arrived.spacing_ms.asdict(),
            "lateness_ms": arrived.lateness_ms.asdict(),
            "drift_ms": None if arrived.drift_ms is None else round(arrived.drift_ms, 3),
            "dry_count": played.dry_count,
            "dry_ms": ms(played.dry),
            "played_ms": ms(played.played),
            "dropped_ms": ms(played.dropped + self.unplayed),
            "breaks": self.breaks,
            "peak": self.callee.peak,
            "rms": round(self.callee.rms, 1),
            "commands": self.commands,
            "command_count": self.command_count,
            "protocol_errors": self.protocol_errors,
            "protocol_error_count": self.protocol_error_count,
            "connections": self.connections,
            "closed": None if self.closed is None else attrs.asdict(self.closed),
            "first_audio_at": self.first_audio_at,
        }


def _excerpt(value: object) -> str:
    """Return the beginning of something, fit for one line of a report."""
    if isinstance(value, bytes):
        return value[: _EXCERPT // 4].hex(" ")
    return (value if isinstance(value, str) else str(value))[:_EXCERPT]
