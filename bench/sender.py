"""The sender under test: trioaudio's own parts, N calls, raw dialect, framing included.

A synthetic speaker delivers numbered PCM in chunks of an awkward size; from there on everything is
the real thing: ingest and framing tasks, playout queue, pacer, media socket, listener. See
README.md, "A sender", for what it must print.
"""

from __future__ import annotations

import argparse
import json
import resource
import struct
import sys
from collections.abc import AsyncIterable
from pathlib import Path

import attrs
import trio

from trioaudio.call import Call, Hooks
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact, LegConnected, Tell
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import SpeechSink, WholeText
from trioaudio.garbage import settle
from trioaudio.line import Line
from trioaudio.media_path import shape_for
from trioaudio.net.listener import Admission, Listener, open_listener
from trioaudio.pacer import Pacer
from trioaudio.supervise import RecoveryPolicy

SAMPLE_RATE = 8000
PTIME = 0.06
CHUNK_BYTES = 3000  # no multiple of a frame, and more than a tenth of a second
SETTLED_S = 3.0  # what connecting two thousand legs held up has been sent by then
TENTHS = 10
MAX_FRAMES = 1 << 14  # a quarter of an hour of numbered audio, made once and shared


def numbered_frame(number: int) -> bytes:
    """Return a frame the peer can check byte by byte."""
    head = struct.pack("<II", number, ~number & 0xFFFFFFFF)
    return head + bytes([number & 255]) * 948 + struct.pack("<I", number)


@attrs.define(eq=False)
class NumberedSpeaker:
    """Writes the same numbered frames for every utterance, as fast as it may.

    Synthesis is not what is measured, so its chunks are made once and shared by all legs.
    """

    chunks: list[bytes]
    name: str = "numbered"

    def check(self, choice: VoiceChoice) -> None:
        """Any voice will do."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """So will any text."""

    async def speak(
        self,
        pieces: AsyncIterable[str],
        sink: SpeechSink,
        choice: VoiceChoice,
    ) -> None:
        """Write it all; waiting in the sink is the pace."""
        async for _ in pieces:
            for chunk in self.chunks:
                await sink.write(chunk)


@attrs.define(eq=False)
class Window:
    """What is measured, from `open` to `shut`; counts are the calls' own."""

    calls: list[Call]
    lateness: Histogram
    frames: int = 0
    cpu: float = 0.0
    _means: list[float] = attrs.field(factory=list)

    async def measure(self, seconds: float) -> None:
        """Measure for so long."""
        self.lateness.clear()
        frames, cpu = self.frames_total, _cpu_seconds()
        begun = trio.current_time()
        count, total = 0, 0.0
        for tenth in range(1, TENTHS + 1):
            await trio.sleep_until(begun + seconds * tenth / TENTHS)
            counted, summed = self.lateness.count, self.lateness.sum
            self._means.append((summed - total) / max(1, counted - count))
            count, total = counted, summed
        self.frames, self.cpu = self.frames_total - frames, _cpu_seconds() - cpu

    @property
    def frames_total(self) -> int:
        """Frames sent since the first."""
        return sum(call.queue.ledger.sent for call in self.calls)

    @property
    def drift_ms(self) -> float:
        """How much later the last tenth was than the first, on average."""
        return (self._means[-1] - self._means[0]) * 1000


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_kb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024


async def run(legs: int, seconds: float) -> None:
    """Pace `legs` legs; measure `seconds` once all have been up for a second."""
    lateness = Histogram()
    connected = 0
    all_up = trio.Event()

    def tell(fact: Fact) -> None:
        nonlocal connected
        if isinstance(fact, LegConnected):
            connected += 1
            if connected == legs:
                all_up.set()

    enough = min(MAX_FRAMES, int((seconds + legs / 200 + 10) / PTIME))
    pcm = b"".join(map(numbered_frame, range(enough)))
    speaker = NumberedSpeaker(
        [pcm[start : start + CHUNK_BYTES] for start in range(0, len(pcm), CHUNK_BYTES)]
    )
    async with open_listener("127.0.0.1", 0, Admission()) as door, trio.open_nursery() as nursery:
        pacer = Pacer()
        nursery.start_soon(pacer.run)
        settle()
        before = _resident_kb()
        calls = [_new_call(speaker, pacer, lateness, tell) for _ in range(legs)]
        for number, call in enumerate(calls):
            nursery.start_soon(_one_call, call, door, f"/media/{number}")
        sys.stdout.write(json.dumps({"port": int(door.address.rpartition(":")[2])}) + "\n")
        sys.stdout.flush()
        await all_up.wait()
        await trio.sleep(SETTLED_S)
        window = Window(calls, lateness)
        await window.measure(seconds)
        legs_now = [call.leg for call in calls if call.leg is not None]
        resident = _resident_kb() - before
        result = {
            "legs": legs,
            "frames": window.frames,
            "frames_total": window.frames_total,
            "lateness_ms": {
                name: round(window.lateness.percentile(fraction) * 1000, 4)
                for name, fraction in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))
            },
            "cpu_us_per_frame": round(window.cpu * 1e6 / max(1, window.frames), 3),
            "cpu_percent": round(window.cpu * 100 / seconds, 1),
            "rss_kb_per_leg": round(resident / legs, 2),
            "underruns": sum(leg.clock.underruns for leg in legs_now),
            "resyncs": sum(leg.clock.resyncs for leg in legs_now),
            "drift_ms": round(window.drift_ms, 4),
            "wakeups": pacer.statistics().wakeups,
        }
        nursery.cancel_scope.cancel()
    sys.stdout.write(json.dumps(result) + "\n")


def _new_call(speaker: NumberedSpeaker, pacer: Pacer, lateness: Histogram, tell: Tell) -> Call:
    carrier = load_carrier("raw")
    line = Line(
        carrier=carrier,
        settings=carrier.settings,
        shape=shape_for(carrier, carrier.settings, PcmFormat(SAMPLE_RATE)),
        policy=RecoveryPolicy(carrier.recovery),
    )
    return Call(
        line=line,
        speaker=speaker,
        pacer=pacer,
        lateness=lateness,
        hooks=Hooks(
            tell=tell,
            on_event=lambda _event: None,
        ),
    )


async def _one_call(call: Call, listener: Listener, path: str) -> None:
    await call.say(WholeText("x"), VoiceChoice())
    await call.run(listener.open_door(path).connect)


def main() -> None:
    """Run as the orchestrator asks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    sys.setswitchinterval(0.0005)
    trio.run(run, given.legs, given.seconds)


if __name__ == "__main__":
    main()
