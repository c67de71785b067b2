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
import json
import os
import resource
import secrets
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.noise import NoiseSpeaker, Stretch, expected_sum, noise, script
from bench.own_calls import cpu_seconds, hooks, line_for, new_key
from trioaudio.call import Call
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Acknowledges, Carrier, CarrierSettings, Idle, Transport
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.percentiles import Histogram
from trioaudio.core.secret import Secret
from trioaudio.core.speech import WholeText
from trioaudio.core.utterance import Certainty
from trioaudio.garbage import settle
from trioaudio.media_path import Shape
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.listener import Admission, Listener, open_listener
from trioaudio.pacer import Pacer
from trioaudio.utterances import Say

SECRET_VARIABLE = "BENCH_CARRIER_SECRET"  # noqa: S105  the variable's name
SPREAD_S = 0.06
"""Between the arrivals of the first and the last ten calls' phases: all at one instant is no day
at a gateway."""
HEAD = (
    *("carrier", "calls", "violations", "every sample in its place", "utterances acked"),
    *("lateness p99, ms", "ran dry", "our CPU", "the carrier's CPU"),
)


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
        rate = self.carrier.sample_rates[0]
        line = line_for(self.carrier, settings, rate)
        source = noise(int((self.seconds + 1) * rate) + self.calls * 61)
        speaker, pacer = NoiseSpeaker(source), Pacer()
        begun = cpu_seconds()
        async with trio.open_nursery() as nursery, open_listener("127.0.0.1", 0, Admission()) as at:
            nursery.start_soon(pacer.run)
            urls = []
            for number in range(self.calls):
                door, url = self._open_door(at, settings)
                call = Call(
                    line=line, speaker=speaker, pacer=pacer, lateness=self.lateness, hooks=hooks()
                )
                nursery.start_soon(self._live, call, door)
                nursery.start_soon(self._speak, call, script(number, rate, self.seconds))
                urls.append(url)
            reports = await self._simulate(urls, line.shape, settings.lead_ms)
            nursery.cancel_scope.cancel()
        return self._row(reports, line.shape, source, cpu_seconds() - begun)

    def _open_door(self, listener: Listener, settings: CarrierSettings) -> tuple[Door, str]:
        """Expect one call; return where it comes in and the URL to dial."""
        transport, check = self.carrier.transport, self.carrier.door_check
        key = str(uuid.uuid4()) if transport is Transport.AUDIOSOCKET else new_key(self.carrier)
        door = listener.open_door(
            key,
            DoorPlan(
                subprotocols=self.carrier.subprotocols,
                transport=transport,
                check=None if check is None else (lambda asked: check.check(settings, asked)),
            ),
        )
        return door, listener.url(key, transport)

    async def _live(self, call: Call, door: Door) -> None:
        self.outcomes.append(await call.run(door.connect))

    async def _speak(self, call: Call, stretches: Sequence[Stretch]) -> None:
        for each in stretches:
            self.said.append(await call.say(WholeText(each.text), VoiceChoice()))
        await call.hang_up()

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


@attrs.define(eq=False)
class _ChildrenCpu:
    """What ended children have used since it was asked last."""

    counted: float = 0.0

    def take(self) -> float:
        now = cpu_seconds(resource.RUSAGE_CHILDREN)
        new, self.counted = now - self.counted, now
        return new


_children_cpu_s = _ChildrenCpu()


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
