"""Many calls at once with each simulated carrier: what is wrong, and whether no sample is lost.

    python bench/many_calls.py [--carriers twilio,vonage] [--calls 100] [--seconds 60]
    python bench/many_calls.py --self-test

For each carrier, one process of ours speaks noise on so many calls, and one simulated carrier in
a process of its own takes them: it dials in with the carrier's proof, sends caller audio, checks
every message, plays the audio at the carrier's rate and echoes marks. Noise, because a sample lost,
repeated or shifted then changes the sum over all samples, which is compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import secrets
import sys
import uuid
from collections.abc import AsyncIterable, Sequence
from typing import Any

import attrs
import numpy as np
import trio

from trioaudio.call import Call, Hooks
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Acknowledges, Carrier, CarrierSettings, Event, Idle, Transport
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact
from trioaudio.core.payload import decode, encode
from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.secret import Secret
from trioaudio.core.speech import SpeechSink
from trioaudio.core.utterance import Certainty
from trioaudio.garbage import settle
from trioaudio.line import Line
from trioaudio.media_path import Shape, shape_for
from trioaudio.net.door import DoorPlan
from trioaudio.net.listener import Admission, Listener, open_listener
from trioaudio.pacer import Pacer
from trioaudio.supervise import RecoveryPolicy
from trioaudio.utterances import Say

UTTERANCES = 3
CHUNK_MS = 170  # no multiple of a frame
SECRET_VARIABLE = "BENCH_CARRIER_SECRET"  # noqa: S105  the variable's name
SPREAD_S = 0.06
"""Between the arrivals of the first and the last ten calls' phases: all at one instant is no day
at a gateway."""
HEAD = (
    *("carrier", "calls", "violations", "every sample in its place", "utterances acked"),
    *("lateness p99, ms", "ran dry", "our CPU", "the carrier's CPU"),
)


def noise(samples: int) -> bytes:
    """Return noise whose every stretch is unlike every other."""
    values = np.random.default_rng(1).integers(-12000, 12000, samples)
    return values.astype("<i2").tobytes()


@attrs.define(eq=False)
class NoiseSpeaker:
    """A speaker that reads where in the noise to begin and how many samples to say."""

    noise: bytes
    name: str = "noise"

    def check(self, choice: VoiceChoice) -> None:
        """Have every voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Read everything."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Say a stretch of the noise."""
        del choice
        start, length = map(int, "".join([piece async for piece in pieces]).split())
        chunk = sink.sample_rate * CHUNK_MS // 1000
        for at in range(start, start + length, chunk):
            end = min(at + chunk, start + length)
            await sink.write(self.noise[at * SAMPLE_BYTES : end * SAMPLE_BYTES])


@attrs.define(eq=False)
class Once:
    """A text that is all there."""

    text: str | None

    def __aiter__(self) -> Once:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the text, once."""
        await trio.lowlevel.checkpoint()
        if self.text is None:
            raise StopAsyncIteration
        text, self.text = self.text, None
        return text


@attrs.frozen
class Stretch:
    """What one utterance says of the noise, in samples."""

    start: int
    length: int


def script(call: int, rate: int, seconds: float) -> list[Stretch]:
    """Return a call's utterances: unlike any other call's, none of whole frames."""
    length = int(seconds * rate / UTTERANCES)
    return [Stretch(call * 61 + part * length, length - 37 * part) for part in range(UTTERANCES)]


def expected_sum(
    source: bytes, stretches: Sequence[Stretch], carrier: Carrier, shape: Shape
) -> str:
    """Return the sum over all samples the callee should hear."""
    heard = hashlib.sha256()
    frame = shape.pcm.frame_bytes
    for each in stretches:
        pcm = source[each.start * SAMPLE_BYTES : (each.start + each.length) * SAMPLE_BYTES]
        frames = -(-len(pcm) // frame)
        rest = frames % shape.frames_per_item
        frames += max(0, shape.smallest_item - rest) if rest else 0
        pcm = pcm.ljust(frames * frame, b"\0")
        if carrier.never is not None:
            samples = np.frombuffer(pcm, dtype="<i2")
            pcm = np.where(samples == carrier.never, 0, samples).astype("<i2").tobytes()
            pcm += bytes(SAMPLE_BYTES)  # the sample each mark of such a carrier binds to
        heard.update(decode(encode(pcm, shape.media.encoding), shape.media.encoding))
    return heard.hexdigest()


def settings_of(carrier: Carrier, secret: str) -> CarrierSettings:
    """Return the carrier's settings with what its proof needs, and nothing sent in silence."""
    settings = attrs.evolve(carrier.settings, idle=Idle.NONE)
    check, changes = carrier.door_check, dict[str, object]()
    if check is None:
        return settings
    fields = attrs.fields_dict(type(settings))
    if {"user", "password"} <= set(fields):
        user, _, password = secret.partition(":")
        changes = {"user": user, "password": Secret(password)}
    while (field := check.missing(attrs.evolve(settings, **changes))) is not None:  # type: ignore[arg-type]
        changes[field] = Secret(secret) if isinstance(getattr(settings, field), Secret) else secret
    return attrs.evolve(settings, **changes)  # type: ignore[arg-type]


@attrs.define(eq=False)
class Trial:
    """One carrier's calls."""

    carrier: Carrier
    calls: int
    seconds: float
    secret: str = attrs.field(factory=lambda: f"bench:{secrets.token_hex(24)}")
    said: list[Say] = attrs.field(factory=list)
    lateness: Histogram = attrs.field(factory=Histogram)
    outcomes: list[object] = attrs.field(factory=list)

    async def run(self) -> dict[str, Any]:
        """Make the calls; return the row."""
        settings = settings_of(self.carrier, self.secret)
        pcm = PcmFormat(self.carrier.sample_rates[0])
        shape = shape_for(self.carrier, settings, pcm)
        line = Line(self.carrier, settings, shape, RecoveryPolicy(self.carrier.recovery))
        source = noise(int((self.seconds + 1) * pcm.sample_rate) + self.calls * 61)
        pacer = Pacer()
        begun = _cpu_s()
        async with trio.open_nursery() as nursery, open_listener("127.0.0.1", 0, Admission()) as at:
            nursery.start_soon(pacer.run)
            urls = [
                self._door(at, line, number, pacer, source, nursery) for number in range(self.calls)
            ]
            reports = await self._simulate(urls, shape, settings.lead_ms)
            nursery.cancel_scope.cancel()
        return self._row(reports, shape, source, _cpu_s() - begun)

    def _door(
        self,
        listener: Listener,
        line: Line,
        number: int,
        pacer: Pacer,
        source: bytes,
        nursery: trio.Nursery,
    ) -> str:
        """Expect one call, and speak once it is there; return the URL to dial."""
        transport = self.carrier.transport
        key = f"/media/{self.carrier.name}/{secrets.token_urlsafe(24)}"
        if transport is Transport.AUDIOSOCKET:
            key = str(uuid.uuid4())
        check = self.carrier.door_check
        door = listener.open_door(
            key,
            DoorPlan(
                subprotocols=self.carrier.subprotocols,
                transport=transport,
                check=None if check is None else (lambda asked: check.check(line.settings, asked)),
            ),
        )
        call = Call(
            line=line,
            speaker=NoiseSpeaker(source),
            pacer=pacer,
            lateness=self.lateness,
            hooks=Hooks(
                tell=_ignore_fact,
                on_event=_ignore_event,
            ),
        )

        async def life() -> None:
            self.outcomes.append(await call.run(door.connect))

        async def author() -> None:
            for each in script(number, line.shape.pcm.sample_rate, self.seconds):
                text = Once(f"{each.start} {each.length}")
                self.said.append(await call.say(text, VoiceChoice()))
            await call.hang_up()

        nursery.start_soon(life)
        nursery.start_soon(author)
        return listener.url(key, transport)

    async def _simulate(self, urls: list[str], shape: Shape, lead_ms: int) -> list[dict[str, Any]]:
        command = [
            *(sys.executable, "-m", "trioaudio.simulators.carrier", "--child"),
            *("--carrier", self.carrier.name, "--rate", str(shape.media.sample_rate)),
            *("--calls", str(self.calls), "--call-every", str(SPREAD_S / 10)),
            *("--secret-env", SECRET_VARIABLE, "--lead-ms", str(lead_ms), "--no-watch-stdin"),
            *(part for url in urls for part in ("--dial", url)),
        ]
        made = await trio.run_process(
            command,
            env={**os.environ, SECRET_VARIABLE: self.secret},
            capture_stdout=True,
            check=False,
        )
        if made.returncode:
            raise SystemExit(
                f"{self.carrier.name}: the simulated carrier ended with {made.returncode}"
            )
        report = json.loads(made.stdout.splitlines()[-1])
        return report["calls"] if self.calls > 1 else [report]

    def _row(
        self, reports: list[dict[str, Any]], shape: Shape, source: bytes, our_cpu: float
    ) -> dict[str, Any]:
        sums = [
            expected_sum(
                source, script(number, shape.pcm.sample_rate, self.seconds), self.carrier, shape
            )
            for number in range(self.calls)
        ]
        violations = [problem for each in reports for problem in each["protocol_errors"]]
        acked = sum(each.utterance.certainty is Certainty.ACKED for each in self.said)
        marks = self.carrier.acknowledges is Acknowledges.MARKS
        return {
            "carrier": self.carrier.name,
            "calls": len(reports),
            "violations": len(violations),
            "first_violation": violations[0] if violations else None,
            "exact": sum(
                each["played_sha256"] == want for each, want in zip(reports, sums, strict=True)
            ),
            "acked": f"{acked} of {len(self.said)}" if marks else "says nothing",
            "lateness_p99_ms": self.lateness.statistics().p99,
            "dry": sum(each["dry_count"] for each in reports),
            "our_cpu": our_cpu / self.seconds,
            "their_cpu": _children_cpu_s.take() / self.seconds,
        }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@attrs.define(eq=False)
class _ChildrenCpu:
    """What ended children have used since it was asked last."""

    counted: float = 0.0

    def take(self) -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = used.ru_utime + used.ru_stime
        new, self.counted = now - self.counted, now
        return new


_children_cpu_s = _ChildrenCpu()


def _ignore_fact(_fact: Fact) -> None:
    """Take no notice."""


def _ignore_event(_event: Event) -> None:
    """Take no notice."""


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = [HEAD, ["---"] * len(HEAD)]
    lines += [
        (
            f"`{row['carrier']}`",
            str(row["calls"]),
            str(row["violations"]),
            f"{row['exact']} of {row['calls']}",
            row["acked"],
            f"{row['lateness_p99_ms']:.1f}",
            str(row["dry"]),
            f"{row['our_cpu']:.0%}",
            f"{row['their_cpu']:.0%}",
        )
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Run the trials; exit code 1 if a call broke the protocol, or a sample is out of place."""
    parser = argparse.ArgumentParser(description="Many calls at once with each simulated carrier.")
    parser.add_argument("--carriers", default=",".join(carrier_names()))
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0, help="of speech on each call")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-test", action="store_true", help="3 calls of 1.5 s, a few carriers")
    given = parser.parse_args()
    names, calls, seconds = given.carriers.split(","), given.calls, given.seconds
    if given.self_test:
        names, calls, seconds = ["telecmi", "twilio", "exotel", "jambonz", "audiosocket"], 3, 1.5
    settle()
    sys.setswitchinterval(0.0005)
    rows = []
    for name in names:
        rows.append(trio.run(Trial(load_carrier(name), calls, seconds).run))
        if not given.json:
            sys.stderr.write(f"{json.dumps(rows[-1])}\n")
    sys.stdout.write((json.dumps(rows) if given.json else table(rows)) + "\n")
    return int(any(row["violations"] or row["exact"] != row["calls"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
