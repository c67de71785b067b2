"""A simulated call: everything that was received, and what the callee heard of it.

It survives connections: a redial goes on with the same call. All methods compute and never wait;
times are arguments on CLOCK_MONOTONIC, which every process of a machine shares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat
from trioaudio.simulators.arrivals import Arrivals
from trioaudio.simulators.callee import Callee
from trioaudio.simulators.dialect import Audio
from trioaudio.simulators.flow import FlowControl
from trioaudio.simulators.marks import Acknowledgements
from trioaudio.simulators.playout import Playout

# The report is one line in a pipe of 64 KiB: it must fit without a reader.
MOST_LISTED = 100
EXCERPT = 100
_MOST_CONTROLS = 20
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
    """One call; `plays` False takes audio and never plays it."""

    dialect: str
    call_id: str
    media: MediaFormat
    pcm: PcmFormat
    decode: Callable[[bytes], bytes]
    """Makes PCM16 LE of audio on the wire."""
    arrivals: Arrivals
    callee: Callee
    playout: Playout
    marks: Acknowledgements
    flow: FlowControl
    tell: Tell
    plays: bool = True
    messages: int = 0
    """Messages that held audio."""
    audio_bytes: int = 0
    """As PCM16, whatever the encoding."""
    clears: int = 0
    connections: int = 0
    refused: int = 0
    """Samples that never entered the queue: nothing is played, or there was no room."""
    unplayed: int = 0
    """Samples that waited when a connection ended."""
    keys_pressed: int = 0
    caller_messages: int = 0
    caller_dropped: int = 0
    """Messages of caller audio that a stalled socket did not take."""
    first_audio_at: float | None = None
    closed: Closed | None = None
    handshake: dict[str, Any] | None = None
    failure: TrioaudioError | None = None
    """Why there was no connection, or no file."""
    commands: list[dict[str, Any]] = attrs.field(factory=list)
    command_count: int = 0
    controls: Counter[str] = attrs.field(factory=Counter)
    protocol_errors: list[dict[str, Any]] = attrs.field(factory=list)
    protocol_error_count: int = 0
    _overflows: bool = False

    @property
    def frames(self) -> int:
        """Whole frames received, counted by their bytes."""
        return self.audio_bytes // self.pcm.frame_bytes

    def connected(self, at: float, peer: str) -> None:
        """Count a connection."""
        self.connections += 1
        self.tell("connected", {"at": at, "peer": peer, "connection": self.connections})

    def disconnected(self, at: float, closed: Closed) -> None:
        """Note how a connection ended; what was not played goes with it, as in a gateway."""
        self.closed = closed
        self.playout.advance(at)
        self.unplayed += self.playout.waiting
        self.playout.clear(at)
        self.playout.collect()
        self.flow.paused = False
        self.arrivals.end_talkspurt()
        self.tell("closed", {"at": at, **attrs.asdict(closed)})

    def take_audio(self, audio: Audio, message: Message, at: float) -> None:
        """Take audio that arrived at `at` with a message; OutputError if it cannot be written."""
        if audio.problem is not None:
            self.list_error(at, audio.problem, message)
        pcm = self.decode(audio.data)
        if len(pcm) % SAMPLE_BYTES:
            self.list_error(at, f"{len(pcm)} bytes of audio are no whole samples", message)
            pcm = pcm[:-1]
        samples = len(pcm) // SAMPLE_BYTES
        if not samples:
            return
        self.arrivals.add(at, samples)
        self.messages += 1
        self.audio_bytes += len(pcm)
        if self.plays:
            room = self._room(at, samples, message)
            self.playout.put(at, pcm[: room * SAMPLE_BYTES], cuts=audio.cuts)
            self.refused += samples - room
        else:
            self.refused += samples
        if self.first_audio_at is None:
            self.first_audio_at = at
            self.tell("first-audio", {"at": at})

    def _room(self, at: float, samples: int, message: Message) -> int:
        """Return how many of some samples the queue takes; blame the first that are too many."""
        if self.flow.most is None or self.playout.waiting + samples <= self.flow.most:
            self._overflows = False
            return samples
        self.playout.advance(at)
        room = max(0, min(samples, self.flow.most - self.playout.waiting))
        if room < samples and not self._overflows:
            most_ms = round(self.pcm.milliseconds_of(self.flow.most))
            self.list_error(at, f"audio beyond the {most_ms} ms it holds was dropped", message)
        self._overflows = room < samples
        return room

    def list_command(self, at: float, name: str, more: Mapping[str, object] | None = None) -> None:
        """Note what the sender asked for."""
        self.command_count += 1
        if len(self.commands) < MOST_LISTED:
            text = {"more": excerpt(dict(more))} if more else {}
            self.commands.append({"at": at, "command": name[:EXCERPT], **text})

    def list_control(self, at: float, name: str, more: Mapping[str, object]) -> None:
        """Note what the sender asked for beside what is playing."""
        name = name[:EXCERPT]
        self.list_command(at, name, more)
        if name in self.controls or len(self.controls) < _MOST_CONTROLS:
            self.controls[name] += 1

    def list_error(self, at: float, problem: str, message: Message) -> None:
        """Note a violation of the carrier's protocol."""
        self.protocol_error_count += 1
        if len(self.protocol_errors) < MOST_LISTED:
            self.protocol_errors.append(
                {"at": at, "problem": problem[:EXCERPT], "excerpt": excerpt(message)}
            )


def excerpt(value: object) -> str:
    """Return the beginning of something, fit for one line of a report."""
    if isinstance(value, bytes):
        return value[: EXCERPT // 4].hex(" ")
    return (value if isinstance(value, str) else str(value))[:EXCERPT]
