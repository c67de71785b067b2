"""`trioaudio demo`: awkward chunks in, exact frames out, on time, before your eyes.

Nothing is staged: sample audio in chunks of 500, 300, 700 and 200 bytes goes through the framing,
the pacer, a real WebSocket and into a simulated carrier in another process.
"""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import AsyncIterable
from itertools import cycle
from typing import Any

import attrs
import trio

from trioaudio.call import Call, Hooks
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Audio
from trioaudio.core.speech import SpeechSink, WholeText
from trioaudio.core.verdict import known_error
from trioaudio.far_end import simulated
from trioaudio.garbage import settle
from trioaudio.line import Line
from trioaudio.media_path import shape_for
from trioaudio.observe.send_log import SendLog
from trioaudio.pacer import Pacer
from trioaudio.pending_file import write_stdout
from trioaudio.settings import Settings
from trioaudio.simulator_child import end_simulator, start_simulator
from trioaudio.supervise import LegFailure, RecoveryPolicy

CHUNK_BYTES = (500, 300, 700, 200)
SAMPLE_RATE = 8000
_SHOWN = 24
_NOTES = (262, 330, 392, 523)  # Hz: a chord, note by note


def sample_audio(seconds: float) -> bytes:
    """Return a little tune as PCM16 LE: short notes that fade, so that a cut would be heard."""
    count = round(seconds * SAMPLE_RATE)
    note = SAMPLE_RATE // 4
    samples = (
        round(
            9000
            * math.exp(-3.0 * (at % note) / note)
            * math.sin(2 * math.pi * _NOTES[at // note % len(_NOTES)] * at / SAMPLE_RATE)
        )
        for at in range(count)
    )
    return struct.pack(f"<{count}h", *samples)


@attrs.define(eq=False)
class ChunkySpeaker:
    """Delivers sample audio in chunks of the four sizes, whatever the text."""

    pcm: bytes
    chunks: int = 0
    name: str = "sample"

    def check(self, choice: VoiceChoice) -> None:
        """Take any voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Take any text."""

    async def speak(
        self,
        pieces: AsyncIterable[str],
        sink: SpeechSink,
        choice: VoiceChoice,  # noqa: ARG002
    ) -> None:
        """Write the sample audio."""
        async for _ in pieces:
            at = 0
            for size in cycle(CHUNK_BYTES):
                if at >= len(self.pcm):
                    break
                await sink.write(self.pcm[at : at + size])
                at += size
                self.chunks += 1


@attrs.define(eq=False)
class FrameTable:
    """Prints a line a frame, for the first of them; a `leg.SentHook`."""

    log: SendLog
    frame_bytes: int

    def __call__(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        """Note a frame and print it. A line takes 20 µs, and only this one call is there."""
        self.log(item, sent_at, lateness, due)
        number = len(self.log.sent_at) - 1
        if number >= _SHOWN:
            if number == _SHOWN:
                write_stdout("  …\n")
            return
        first = self.log.sent_at[0]
        before = self.log.sent_at[number - 1] if number else sent_at
        spacing = f"{(sent_at - before) * 1000:8.2f}" if number else f"{'–':>8}"
        write_stdout(
            f"{number:5}  {len(item.payload):5}  {(sent_at - first) * 1000:10.2f}"
            f"  {number * 60:8}  {spacing}  {max(0.0, lateness) * 1000:7.2f}\n"
        )


def demo(seconds: float) -> int:
    """Show it; return the exit code."""
    carrier = load_carrier("raw")
    try:
        simulator = start_simulator(carrier, Settings(), lead_ms=0, out=None)
        try:
            return trio.run(_show, seconds, simulator)
        except BaseExceptionGroup as group:
            raise known_error(group) from None
        finally:
            end_simulator(simulator)
    except TrioaudioError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return exit_code_for(exc)


async def _show(seconds: float, simulator: subprocess.Popen[bytes]) -> int:
    carrier, pcm = load_carrier("raw"), PcmFormat(SAMPLE_RATE)
    speaker = ChunkySpeaker(sample_audio(seconds))
    log = SendLog()
    write_stdout(
        f"{len(speaker.pcm)} bytes of sample audio go in as chunks of"
        f" {', '.join(map(str, CHUNK_BYTES))}, … bytes;\n"
        f"frames of {pcm.frame_bytes} bytes, {pcm.ptime_ms} ms each, come out:\n\n"
        "frame  bytes     sent ms    due ms  spacing     late\n"
    )
    async with simulated(Settings(), carrier, simulator) as far_end, trio.open_nursery() as nursery:
        pacer = Pacer()
        nursery.start_soon(pacer.run)
        call = Call(
            line=Line(
                carrier=carrier,
                settings=carrier.settings,
                shape=shape_for(carrier, carrier.settings, pcm),
                policy=RecoveryPolicy(carrier.recovery),
            ),
            speaker=speaker,
            pacer=pacer,
            lateness=Histogram(),
            hooks=Hooks(
                tell=lambda _fact: None,
                on_event=lambda _event: None,
                on_sent=FrameTable(log, pcm.frame_bytes),
            ),
        )
        settle()
        await call.say(WholeText("sample"), VoiceChoice())
        await call.hang_up()
        outcome = await call.run(far_end.connect)
        if isinstance(outcome, LegFailure):
            raise outcome.error
        await far_end.wait_report()
        nursery.cancel_scope.cancel()
    _sum_up(speaker, log, pcm, far_end.report or {})
    return ExitCode.SAID


def _sum_up(speaker: ChunkySpeaker, log: SendLog, pcm: PcmFormat, received: dict[str, Any]) -> None:
    spacing, lateness = log.spacing_ms(), log.lateness_ms()
    padding = log.frames * pcm.frame_bytes - len(speaker.pcm)
    write_stdout(
        f"\nin   {speaker.chunks} chunks, {len(speaker.pcm)} bytes\n"
        f"out  {log.frames} frames of {pcm.frame_bytes} bytes; {padding} bytes of silence complete"
        " the last\n"
        f"spacing p50 {spacing.p50:.2f}  p99 {spacing.p99:.2f}  max {spacing.max:.2f} ms\n"
        f"late    p50 {lateness.p50:.2f}  p99 {lateness.p99:.2f}  max {lateness.max:.2f} ms\n"
    )
    seen = received.get("spacing_ms")
    if seen:
        write_stdout(
            f"the carrier received {received['frames']} frames of {received['frame_bytes']} bytes,"
            f" {seen['p50']:.2f} ms apart (p99 {seen['p99']:.2f}, max {seen['max']:.2f});"
            f" {received['protocol_error_count']} protocol errors\n"
        )
