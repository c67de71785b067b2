"""One trial: a sender on one core, the peer on another, and what both said afterwards."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeVar

import attrs

from bench.machine import PEER_PROGRAM, CannotRunError, Certificate

CONNECT_RATE = 250  # legs a second; a Python sender spends about 1 ms on a handshake
START_SECONDS = 20  # from the start of a sender to its first line
END_SECONDS = 90  # beyond set-up and window, before a trial is given up
SETTLE_MS = 3000  # what a sender waits by itself, when all legs are up
PEER_BUSY_PERCENT = 90  # of its core: beyond, the peer may be what is late


EXIT_FAILED = 1
EXIT_CANNOT_RUN = 2


class TrialError(Exception):
    """A sender or the peer failed, took too long, or broke the contract."""


def run_or_tell(benchmark: Callable[[], int]) -> int:
    """Run a benchmark made of trials; return its exit code, or tell why it has no result."""
    try:
        return benchmark()
    except CannotRunError as exc:
        print(f"cannot run: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except TrialError as exc:
        print(f"a trial failed: {exc}", file=sys.stderr)
        return EXIT_FAILED


@attrs.frozen
class Plan:
    """What the trials at one number of legs have in common."""

    legs: int
    seconds: float
    cores: tuple[int, int]
    inbound_ms: float = 0
    settle_ms: float = SETTLE_MS
    dialect: str = "raw"
    half_silent: bool = False
    certificate: Certificate | None = None  # for TLS
    set_up_s: float = 60  # beyond what connecting takes, before the peer gives up
    quiet: bool = False  # what a sender says on standard error is not passed on

    @property
    def sender_options(self) -> list[str]:
        """What a sender must be told beyond what every sender is."""
        options = [] if self.dialect == "raw" else ["--dialect", self.dialect]
        options += ["--tls", str(self.certificate)] if self.certificate else []
        options += [] if self.settle_ms == SETTLE_MS else ["--settle-ms", str(self.settle_ms)]
        return [*options, *(["--half-silent"] if self.half_silent else [])]

    @property
    def peer_options(self) -> list[str]:
        """The same for the peer."""
        options = ["--dialect", self.dialect, "--settle-ms", str(self.settle_ms)]
        options += ["--inbound-ms", str(self.inbound_ms), "--set-up-s", str(self.set_up_s)]
        options += ["--tls"] if self.certificate else []
        return [*options, *(["--half-silent"] if self.half_silent else [])]

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
    cpu_percent: float = 0.0  # of a core, in the window
    inbound_late: int = 0  # more than 5 ms, in the window
    inbound_lateness_ms: Percentiles = Percentiles(0, 0, 0, 0)
    silent_legs: int = 0
    alive_legs: int = 0  # of the silent ones: they answered a ping in the window
    unwanted: int = 0  # frames to silent legs
    other_events: int = 0  # Twilio's dialect: what is no audio

    @property
    def is_busy(self) -> bool:
        """Whether the peer had hardly any time left, so that figures may be its own."""
        return self.cpu_percent > PEER_BUSY_PERCENT


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

    @property
    def faults(self) -> int:
        """Everything that must be 0: of frames, of legs that broke, of legs that are silent."""
        heard = self.heard
        frames = self.missing + heard.torn + heard.repeated + heard.reordered + heard.unwanted
        return frames + heard.lost_legs + heard.broken_legs + heard.silent_legs - heard.alive_legs


def run_trial(sender: list[str], plan: Plan, *peer_options: str) -> Trial:
    """Run one sender against the peer, each pinned to its core.

    Both are dead when this returns, however it returns. Raises TrialError.
    """
    common = ["--legs", str(plan.legs), "--seconds", str(plan.seconds)]
    end = time.monotonic() + plan.bound
    with contextlib.ExitStack() as children:
        command = [*sender, *common, *plan.sender_options]
        errors = subprocess.DEVNULL if plan.quiet else None
        sending = children.enter_context(_child(command, plan.cores[0], errors))
        port = _read_port(sending)
        peer = [str(PEER_PROGRAM), *common, "--port", str(port), "--rate", str(CONNECT_RATE)]
        peer += [*plan.peer_options, *peer_options]
        hearing = children.enter_context(_child(peer, plan.cores[1], subprocess.PIPE))
        heard = _last_words("peer", hearing, end)
        sent = _last_words("sender", sending, end)
    return Trial(_read(Sent, sent), _read(Heard, heard))


@contextlib.contextmanager
def _child(
    command: list[str], core: int, errors: int | None
) -> Iterator["subprocess.Popen[bytes]"]:
    with _pinned(core):  # inherited, so that it holds from the first instruction on
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, bufsize=0)
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
        output, errors = child.communicate(timeout=max(1.0, end - time.monotonic()))
    except subprocess.TimeoutExpired as exc:
        raise TrialError(f"the {name} did not end in time") from exc
    if child.returncode:
        why = (errors or b"").decode(errors="replace").strip().rpartition("\n")[2]
        ending = f": {why}" if why else ""
        raise TrialError(f"the {name} failed with exit code {child.returncode}{ending}")
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
