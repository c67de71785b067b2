"""One trial: a sender on one core, the peer on another, and what both said afterwards."""

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from typing import IO, Any, TypeVar

import attrs

from bench.machine import PEER_PROGRAM

CONNECT_RATE = 250  # legs a second; a Python sender spends about 1 ms on a handshake
START_SECONDS = 20  # from the start of a sender to its first line
END_SECONDS = 90  # beyond set-up and window, before a trial is given up


class TrialError(Exception):
    """A sender or the peer failed, took too long, or broke the contract."""


@attrs.frozen
class Plan:
    """What the trials at one number of legs have in common."""

    legs: int
    seconds: float
    cores: tuple[int, int]
    inbound_ms: float = 0
    settle_ms: float = 3000

    @property
    def bound(self) -> float:
        """Seconds after which a trial hangs."""
        return self.legs / CONNECT_RATE + self.settle_ms / 1000 + self.seconds + END_SECONDS


@attrs.frozen
class Percentiles:
    """Of a distribution of milliseconds."""

    p50: float
    p99: float
    p999: float
    max: float


@attrs.frozen
class Sent:
    """What a sender says of its window."""

    legs: int
    frames: int
    lateness_ms: Percentiles
    cpu_us_per_frame: float
    rss_kb_per_leg: float
    underruns: int
    resyncs: int
    drift_ms: float
    frames_total: int | None = None  # from the first frame to the last, window or not
    pongs: int = 0  # the floor only


@attrs.frozen
class Heard:
    """What the peer says: frames of the whole run, times of the window."""

    legs: int
    frames: int
    missing: int
    torn: int
    repeated: int
    reordered: int
    broken_legs: int
    lost_legs: int
    arrival_ms: Percentiles
    drift_ms: float
    worst_drift_ms: float
    fullest_ms_legs: int
    pings: int
    inbound_sent: int
    inbound_refused: int
    cpu_seconds: float


Said = TypeVar("Said", Sent, Heard)


@attrs.frozen
class Trial:
    """Both sides of one run."""

    sent: Sent
    heard: Heard

    @property
    def missing(self) -> int:
        """Frames that did not come, also those at the very end that only the sender knows of."""
        total = self.sent.frames_total
        return max(self.heard.missing, 0 if total is None else total - self.heard.frames)


def run_trial(sender: list[str], plan: Plan, *peer_options: str) -> Trial:
    """Run one sender against the peer, each pinned to its core.

    Both are dead when this returns, however it returns. Raises TrialError.
    """
    common = ["--legs", str(plan.legs), "--seconds", str(plan.seconds)]
    end = time.monotonic() + plan.bound
    with contextlib.ExitStack() as children:
        sending = children.enter_context(_child([*sender, *common], plan.cores[0]))
        port = _read_port(sending)
        peer = [str(PEER_PROGRAM), *common, "--port", str(port), "--rate", str(CONNECT_RATE)]
        peer += ["--settle-ms", str(plan.settle_ms), "--inbound-ms", str(plan.inbound_ms)]
        hearing = children.enter_context(_child([*peer, *peer_options], plan.cores[1]))
        heard = _last_words("peer", hearing, end)
        sent = _last_words("sender", sending, end)
    return Trial(_read(Sent, sent), _read(Heard, heard))


@contextlib.contextmanager
def _child(command: list[str], core: int) -> Iterator["subprocess.Popen[bytes]"]:
    with _pinned(core):  # inherited, so that it holds from the first instruction on
        child = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
    with child:
        try:
            yield child
        finally:
            child.kill()


@contextlib.contextmanager
def _pinned(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _output(child: "subprocess.Popen[bytes]") -> IO[bytes]:
    if child.stdout is None:
        raise AssertionError("every child has a pipe")
    return child.stdout


def _read_port(sender: "subprocess.Popen[bytes]") -> int:
    """Wait for the sender's first line, which says where it listens."""
    line, pipe, end = b"", _output(sender), time.monotonic() + START_SECONDS
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TrialError(f"the sender did not say its port within {START_SECONDS} s")
        byte = pipe.read(1)  # unbuffered: the rest is for _last_words
        if not byte:
            raise TrialError("the sender ended before it said its port")
        line += byte
    try:
        return int(json.loads(line)["port"])
    except (ValueError, KeyError, TypeError) as exc:
        raise TrialError(f'the sender\'s first line is not {{"port": P}}: {line!r}') from exc


def _last_words(name: str, child: "subprocess.Popen[bytes]", end: float) -> dict[str, Any]:
    """Wait for the child's end and read its last line."""
    try:
        output, _ = child.communicate(timeout=max(1.0, end - time.monotonic()))
    except subprocess.TimeoutExpired as exc:
        raise TrialError(f"the {name} did not end in time") from exc
    if child.returncode:
        raise TrialError(f"the {name} failed with exit code {child.returncode}")
    try:
        said = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError) as exc:
        raise TrialError(f"the {name}'s last line is not JSON: {output[-200:]!r}") from exc
    if not isinstance(said, dict):
        raise TrialError(f"the {name}'s last line is not a JSON object")
    return said


def _read_percentiles(said: dict[str, Any]) -> Percentiles:
    return Percentiles(**{name: float(said[name]) for name in ("p50", "p99", "p999", "max")})


def _read(kind: type[Said], said: dict[str, Any]) -> Said:
    """Take the fields of `kind` from what a child said; it may say more."""
    fields: dict[str, Any] = {}
    try:
        for field in attrs.fields(kind):
            if field.name in said or field.default is attrs.NOTHING:
                value = said[field.name]
                fields[field.name] = (
                    _read_percentiles(value) if field.type is Percentiles else value
                )
    except (KeyError, TypeError, ValueError) as exc:
        raise TrialError(f"{kind.__name__}: {exc!r} is missing or no number") from exc
    return kind(**fields)
