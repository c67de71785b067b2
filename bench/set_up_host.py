"""Our side of `set_up.py`: a listener and calls, without a daemon around them.

Every connection is a walk-in: a door and a `Call` are made for it when it comes. The first ones
speak for ever; each one after them says a few frames and is then silent until the far end goes.
A line on stdin is answered with what was counted since the line before.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import AsyncIterable
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.own_calls import cpu_seconds, hooks, line_for, new_key
from trioaudio.call import Call
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.pcm import silence
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import SpeechSink, WholeText
from trioaudio.garbage import collect_steadily, settle
from trioaudio.line import Line
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.listener import Admission, Listener, open_listener
from trioaudio.net.walk_in import WalkIn
from trioaudio.pacer import Pacer

SAMPLE_RATE = 8000
CHUNK_MS = 180
"""What a newcomer says, and what the others say again and again: three frames."""
AT_ONCE = 2000
"""Handshakes, from one address: all callees are at one."""
LONG, SHORT = "long", "short"


@attrs.define(eq=False)
class Tone:
    """A speaker whose sound is made once and shared."""

    chunk: bytes
    name: str = "tone"

    def check(self, choice: VoiceChoice) -> None:
        """Have every voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Read everything."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Write one chunk, or chunks for ever; waiting in the sink is the pace."""
        del choice
        async for piece in pieces:
            await sink.write(self.chunk)
            while piece == LONG:
                await sink.write(self.chunk)


@attrs.define(eq=False)
class Host:
    """The calls, and what is counted of them."""

    listener: Listener
    nursery: trio.Nursery
    line: Line
    speaking: int
    pacer: Pacer = attrs.field(factory=Pacer)
    speaker: Tone = attrs.field(init=False)
    established: Histogram = attrs.field(factory=Histogram)
    newcomers: Histogram = attrs.field(factory=Histogram)
    came: int = 0
    up: int = 0
    _cpu_s: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.speaker = Tone(silence(self.line.shape.pcm.samples_in(CHUNK_MS)))

    def welcome(self, visitor: WalkIn) -> Door:
        """Make a call for whoever comes."""
        del visitor
        speaks_on = self.came < self.speaking
        self.came += 1
        key = new_key(self.line.carrier)
        door = self.listener.open_door(key, DoorPlan(self.line.carrier.subprotocols))
        call = Call(
            line=self.line,
            speaker=self.speaker,
            pacer=self.pacer,
            lateness=self.established if speaks_on else self.newcomers,
            hooks=hooks(),
        )
        self.nursery.start_soon(self._live, call, door, key, LONG if speaks_on else SHORT)
        return door

    async def _live(self, call: Call, door: Door, key: str, text: str) -> None:
        self.up += 1
        try:
            await call.say(WholeText(text), VoiceChoice())
            await call.run(door.connect)
        finally:
            self.up -= 1
            self.listener.close_door(key)

    def report(self) -> dict[str, object]:
        """Return what was counted since the last time, and begin anew."""
        cpu_s = cpu_seconds()
        spent, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        counted: dict[str, object] = {
            "cpu_s": spent,
            "up": self.up,
            "refused": sum(self.listener.statistics().refused.values()),
            "established_ms": _spread_ms(self.established),
            "newcomers_ms": _spread_ms(self.newcomers),
        }
        self.established.clear()
        self.newcomers.clear()
        return counted


def _spread_ms(lateness: Histogram) -> list[float]:
    return [1000 * lateness.percentile(share) for share in (0.5, 0.99, 1.0)]


def _tell(what: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


async def host(dialect: str, speaking: int) -> None:
    """Serve until stdin ends."""
    carrier = load_carrier(dialect)
    line = line_for(carrier, carrier.settings, SAMPLE_RATE)
    admission = Admission(handshakes_most=AT_ONCE, handshakes_in_all=AT_ONCE)
    async with trio.open_nursery() as nursery, open_listener("127.0.0.1", 0, admission) as listener:
        made = Host(listener, nursery, line, speaking)
        listener.walk_in(made.welcome)
        nursery.start_soon(made.pacer.run)
        settle()
        nursery.start_soon(collect_steadily, lambda: made.up)
        _tell({"port": int(listener.address.rpartition(":")[2])})
        async with trio.lowlevel.FdStream(os.dup(0)) as asked:
            async for lines in asked:
                for _ in range(lines.count(b"\n")):
                    _tell(made.report())
        nursery.cancel_scope.cancel()


def main() -> None:
    """Run as `set_up.py` asks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialect", choices=("raw", "twilio"), required=True)
    parser.add_argument("--speaking", type=int, required=True)
    given = parser.parse_args()
    sys.setswitchinterval(0.0005)
    trio.run(host, given.dialect, given.speaking)


if __name__ == "__main__":
    main()
