"""The sender under test: trioaudio's own parts, N calls, raw or Twilio's dialect, framing included.

A synthetic speaker delivers numbered PCM in chunks of an awkward size; from there on everything is
the real thing: ingest and framing tasks, playout queue, pacer, media socket, listener, and what the
carrier's protocol asks for in both directions. See README.md, "A sender", for what it must print.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import attrs
import trio

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.numbered import numbered_pcm
from bench.own_calls import cpu_seconds, hooks, line_for
from bench.speakers import NumberedSpeaker
from trioaudio.call import Call
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact, LegConnected
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import WholeText
from trioaudio.garbage import settle
from trioaudio.line import Line
from trioaudio.net.listener import Admission, Listener, open_listener
from trioaudio.net.tls import server_context
from trioaudio.pacer import Pacer

SAMPLE_RATE = 8000
PTIME = 0.06
SPARE_HANDSHAKES = 512
SET_UP_S = 60  # on a busy machine: a leg that has no more to say would look like a broken one
HANDSHAKE_S = 60.0  # all legs come within seconds, beside those that are paced already
SETTLE_MS = 3000  # what connecting two thousand legs held up has been sent by then
WASTE_EVERY_S = 0.01
TENTHS = 10
MAX_FRAMES = 1 << 14  # a quarter of an hour of numbered audio, made once and shared


@attrs.frozen
class Order:
    """What the orchestrator asks for."""

    legs: int
    seconds: float
    dialect: str
    tls: list[str] | None
    half_silent: bool
    settle_ms: float
    waste_us: float

    @property
    def frames(self) -> int:
        """Frames to have ready: set-up, settling and window, and some."""
        return min(MAX_FRAMES, int((self.seconds + self.legs / 100 + SET_UP_S) / PTIME))

    def speaks(self, number: int) -> bool:
        """Say whether that leg is to be sent anything."""
        return not (self.half_silent and number % 2)


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
        frames, cpu = self.frames_total, cpu_seconds()
        begun = trio.current_time()
        count, total = 0, 0.0
        for tenth in range(1, TENTHS + 1):
            await trio.sleep_until(begun + seconds * tenth / TENTHS)
            counted, summed = self.lateness.count, self.lateness.sum
            self._means.append((summed - total) / max(1, counted - count))
            count, total = counted, summed
        self.frames, self.cpu = self.frames_total - frames, cpu_seconds() - cpu

    @property
    def frames_total(self) -> int:
        """Frames sent since the first."""
        return sum(call.queue.ledger.sent for call in self.calls)

    @property
    def drift_ms(self) -> float:
        """How much later the last tenth was than the first, on average."""
        return (self._means[-1] - self._means[0]) * 1000

    def report(self) -> dict[str, object]:
        """Return what README.md asks for, but for memory and wake-ups."""
        legs = [call.leg for call in self.calls if call.leg is not None]
        fractions = (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))
        return {
            "legs": len(self.calls),
            "frames": self.frames,
            "frames_total": self.frames_total,
            "lateness_ms": {
                name: round(self.lateness.percentile(fraction) * 1000, 4)
                for name, fraction in fractions
            },
            "cpu_us_per_frame": round(self.cpu * 1e6 / max(1, self.frames), 3),
            "underruns": sum(leg.clock.underruns for leg in legs),
            "resyncs": sum(leg.clock.resyncs for leg in legs),
            "drift_ms": round(self.drift_ms, 4),
        }


def _resident_kb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _new_line(dialect: str) -> Line:
    carrier = load_carrier(dialect)
    # Twilio's usual lead sends the first frames of a talkspurt early; lateness is against that.
    return line_for(carrier, attrs.evolve(carrier.settings, lead_ms=0), SAMPLE_RATE)


def _open_door(order: Order) -> AbstractAsyncContextManager[Listener]:
    # All legs come from one address and at once, which elsewhere would be an attack.
    admission = Admission(
        handshake_s=HANDSHAKE_S,
        tls_context=server_context(*order.tls) if order.tls else None,
        handshakes_most=order.legs + SPARE_HANDSHAKES,
        handshakes_in_all=order.legs + SPARE_HANDSHAKES,
    )
    return open_listener("127.0.0.1", 0, admission)


def _new_speaker(order: Order) -> NumberedSpeaker:
    pcm = b"".join(numbered_pcm(number, order.dialect) for number in range(order.frames))
    return NumberedSpeaker.of(pcm)


@attrs.define(eq=False)
class Arrivals:
    """Waits for so many legs to come up."""

    legs: int
    all_up: trio.Event = attrs.field(factory=trio.Event)
    _connected: int = 0

    def tell(self, fact: Fact) -> None:
        """Count a leg that is connected."""
        if isinstance(fact, LegConnected):
            self._connected += 1
            if self._connected == self.legs:
                self.all_up.set()


async def run(order: Order) -> None:
    """Pace the legs; measure the window once all have been up for three seconds."""
    lateness, arrivals = Histogram(), Arrivals(order.legs)
    speaker = _new_speaker(order)
    async with _open_door(order) as door, trio.open_nursery() as nursery:
        pacer = Pacer()
        nursery.start_soon(pacer.run)
        settle()
        before = _resident_kb()
        told = hooks(arrivals.tell)
        calls = [
            Call(
                line=_new_line(order.dialect),
                speaker=speaker,
                pacer=pacer,
                lateness=lateness,
                hooks=told,
            )
            for _ in range(order.legs)
        ]
        for number, call in enumerate(calls):
            nursery.start_soon(_one_call, call, door, number, order.speaks(number))
        _say({"port": int(door.address.rpartition(":")[2])})
        await arrivals.all_up.wait()
        if order.waste_us:
            nursery.start_soon(_waste, order.waste_us, calls)
        await trio.sleep(order.settle_ms / 1000)
        window = Window(calls, lateness)
        await window.measure(order.seconds)
        result = window.report()
        result["rss_kb_per_leg"] = round((_resident_kb() - before) / order.legs, 2)
        result["wakeups"] = pacer.statistics().wakeups
        nursery.cancel_scope.cancel()
    _say(result)


async def _waste(waste_us: float, calls: list[Call]) -> None:
    """Burn so much processor time for each frame sent: the guard's self-test is to see it."""
    done = 0
    while True:
        await trio.sleep(WASTE_EVERY_S)
        sent = sum(call.queue.ledger.sent for call in calls)
        end = cpu_seconds() + (sent - done) * waste_us * 1e-6
        done = sent
        while cpu_seconds() < end:
            pass


async def _one_call(call: Call, listener: Listener, number: int, speaks: bool) -> None:  # noqa: FBT001  one of a call's two kinds
    if speaks:
        await call.say(WholeText("x"), VoiceChoice())
    await call.run(listener.open_door(f"/media/{number}").connect)


def main() -> None:
    """Run as the orchestrator asks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--dialect", choices=("raw", "twilio"), default="raw")
    parser.add_argument("--tls", type=lambda text: text.split(",", 1), metavar="CERTIFICATE,KEY")
    parser.add_argument("--half-silent", action="store_true")
    parser.add_argument("--settle-ms", type=float, default=SETTLE_MS)
    parser.add_argument("--waste-us", type=float, default=0, help="be slow on purpose, a frame")
    order = Order(**vars(parser.parse_args()))
    sys.setswitchinterval(0.0005)
    trio.run(run, order)


if __name__ == "__main__":
    main()
