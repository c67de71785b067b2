"""How long until the first frame and until a barge-in are on the wire, seen by another process.

    python bench/latency.py [--rounds 100]

Each round says something on one call, cuts it, and says the next thing. *First frame*: from the
moment the engine has delivered one ptime plus what the resampler holds back, to the arrival of the
first frame. *Barge-in*: from the request to the arrival of the carrier's clear; a frame of speech
that arrives after it, before the next utterance, is *stale*. Both processes read the same
CLOCK_MONOTONIC.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio
import trio_websocket

from bench.own_calls import hooks, line_for
from trioaudio.call import Call
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import (
    ChosenEngine,
    EngineKind,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
)
from trioaudio.core.facts import Fact, LegConnected
from trioaudio.core.percentiles import Histogram, spread
from trioaudio.core.speech import WholeText
from trioaudio.garbage import settle
from trioaudio.net.listener import Admission, open_listener
from trioaudio.pacer import Pacer
from trioaudio.speech.opening import ChainSetup, open_chain

ENGINE_RATE, CALL_RATE = 22050, 8000
HOLD_BACK_MS = 83 + 8  # the resampler's, and the fade's and limiter's
PTIME_MS = 60
SPEAKING_S = 0.31
"""Cut in the middle of a frame, with more of them queued."""

LIMIT_MS = 5.0


@attrs.define(eq=False)
class PromptEngine:
    """Delivers the first frame's worth of audio, notes when, and goes on as fast as it may."""

    name: str = "prompt"
    delivered: list[float] = attrs.field(factory=list)

    def check(self, choice: VoiceChoice) -> None:
        """Take any voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Take any text."""

    def sample_rate_for(self, wanted: int) -> int:
        """Return the one rate it has."""
        return ENGINE_RATE

    def recipe(self, choice: VoiceChoice) -> str:
        """Return nothing: there is one sound."""
        return ""

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Write a loud square wave until cut."""
        second = (b"\x00\x20" * 50 + b"\x00\xe0" * 50) * (ENGINE_RATE // 100)
        first = ENGINE_RATE * (PTIME_MS + HOLD_BACK_MS) // 1000 * 2
        async for _ in clauses:
            self.delivered.append(time.monotonic())
            await sink.write(second[:first])
            while True:
                await sink.write(second[: first * 2])

    async def voices(self) -> list[Voice]:
        """List none."""
        await trio.lowlevel.checkpoint()
        return []


def kind_of(engine: PromptEngine) -> EngineKind:
    """Return the description an engine that exists already is opened by."""

    @asynccontextmanager
    async def open_engine(_setup: EngineSetup) -> AsyncIterator[PromptEngine]:
        await trio.lowlevel.checkpoint()
        yield engine

    return EngineKind("prompt", open_engine, EngineSettings(), "bench/README.md")


async def measure(rounds: int) -> int:
    """Run the rounds, print the table; return the exit code."""
    carrier = load_carrier("telecmi")
    settings = attrs.evolve(carrier.settings, clear_gap_ms=0)
    engine, connected = PromptEngine(), trio.Event()

    def tell(fact: Fact) -> None:
        if isinstance(fact, LegConnected):
            connected.set()

    async with (
        open_listener("127.0.0.1", 0, Admission()) as listener,
        open_chain(ChainSetup([ChosenEngine(kind_of(engine), EngineSettings())], tell)) as chain,
        trio.open_nursery() as nursery,
    ):
        pacer = Pacer()
        nursery.start_soon(pacer.run)
        call = Call(
            line=line_for(carrier, settings, CALL_RATE),
            speaker=chain,
            pacer=pacer,
            lateness=Histogram(),
            hooks=hooks(tell),
        )
        nursery.start_soon(call.run, listener.open_door("/x").connect)
        peer = await trio.lowlevel.open_process(
            [sys.executable, __file__, "--peer", listener.url("/x")], stdout=subprocess.PIPE
        )
        await connected.wait()
        settle()
        cuts = [await _speak_and_cut(call) for _ in range(rounds)]
        call.stop()
        with trio.fail_after(10):
            assert peer.stdout is not None
            heard = json.loads(b"".join([chunk async for chunk in peer.stdout]))
            await peer.wait()
        nursery.cancel_scope.cancel()
    return conclude(engine.delivered, cuts, heard)


async def _speak_and_cut(call: Call) -> float:
    """Say something and cut it; return when."""
    await call.say(WholeText("Please hold the line."), VoiceChoice())
    await trio.sleep(SPEAKING_S)
    cut_at = time.monotonic()
    call.barge_in()
    await trio.sleep(0.15)
    return cut_at


def conclude(delivered: list[float], cuts: list[float], heard: list[list[object]]) -> int:
    """Print what the peer saw; return 1 beyond the limits."""
    arrivals = [(float(str(at)), str(kind)) for at, kind in heard]
    first, clear, stale = [], [], 0
    for begun, cut in zip(delivered, cuts, strict=True):
        first.append(next(at for at, kind in arrivals if kind == "audio" and at >= begun) - begun)
        cleared = next(at for at, kind in arrivals if kind == "break" and at >= cut)
        clear.append(cleared - cut)
        after = next((other for other in delivered if other > cut), cut + 1)
        stale += sum(kind == "audio" and cleared < at < after for at, kind in arrivals)
    figures = {
        "first frame": spread(each * 1000 for each in first),
        "barge-in": spread(each * 1000 for each in clear),
    }
    print(f"{'':12}  p50 / p99 / max ms    ({len(cuts)} rounds)")
    for name, figure in figures.items():
        print(f"{name:12}  {figure.p50:.2f} / {figure.p99:.2f} / {figure.max:.2f}")
    print(f"stale frames after the clear: {stale}")
    return int(stale > 0 or any(figure.p50 > LIMIT_MS for figure in figures.values()))


async def listen(url: str) -> None:
    """Be the carrier: note when what arrives, and print it at the end."""
    heard: list[tuple[float, str]] = []
    async with trio_websocket.open_websocket_url(url) as websocket:
        while True:
            try:
                message = await websocket.get_message()
            except trio_websocket.ConnectionClosed:
                break
            at = time.monotonic()
            value = json.loads(message)
            if isinstance(value, list):
                continue
            loud = any(base64.b64decode(value["data"]["audioData"])) if "data" in value else False
            heard.append((at, "audio" if loud else str(value.get("action"))))
    print(json.dumps(heard))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--peer", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        trio.run(listen, given.peer)
    else:
        sys.exit(trio.run(measure, given.rounds))


if __name__ == "__main__":
    main()
