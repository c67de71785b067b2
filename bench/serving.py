"""A daemon of trioaudio as a process of its own, on a core of its own, and what it uses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import attrs
import trio
from prometheus_client.parser import text_string_to_metric_families

from trioaudio.client.client import Client
from trioaudio.client.errors import ClientError

TRIOAUDIO = ("-m", "trioaudio")
START_S = 60.0
END_S = 60.0
_LOOK_S = 0.02
LATENESS = "trioaudio_frame_lateness_seconds"
REFUSALS = "trioaudio_door_refusals_total"
_TICKS = os.sysconf("SC_CLK_TCK")
_ESTABLISHED = "01"
"""As /proc/net/tcp has it."""
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") / 1024


class ServingError(Exception):
    """The daemon did not start, did not end, or ended by itself."""


@attrs.frozen
class Usage:
    """What the process and its children have used until now."""

    cpu_s: float
    children_cpu_s: float
    """Engines'."""
    rss_kb: float
    descriptors: int


@attrs.define(eq=False)
class Serving:
    """A daemon that is ready."""

    process: subprocess.Popen[bytes]
    folder: Path
    media_port: int

    def client(self) -> Client:
        """Return a client of its control API."""
        token = (self.folder / "state/control.token").read_text(encoding="utf-8").strip()
        return Client(f"unix://{self.folder}/control", token)

    def usage(self) -> Usage:
        """Ask the kernel."""
        place = Path(f"/proc/{self.process.pid}")
        if self.process.poll() is not None:
            raise ServingError(f"the daemon has ended:\n{self.log_end()}")
        children = list(_descendants(self.process.pid))
        return Usage(
            cpu_s=process_cpu_s(self.process.pid),
            children_cpu_s=sum(process_cpu_s(each, with_ended=True) for each in children),
            rss_kb=int((place / "statm").read_text(encoding="ascii").split()[1]) * _PAGE_KB,
            descriptors=len(list((place / "fd").iterdir())),
        )

    def unread_bytes(self) -> list[int]:
        """Ask the kernel what the callees sent on each connection and nobody has read yet."""
        unread: list[int] = []
        lines = Path(f"/proc/{self.process.pid}/net/tcp").read_text(encoding="ascii").splitlines()
        for line in lines[1:]:
            _, local, _, state, queues = line.split()[:5]
            if local.endswith(f":{self.media_port:04X}") and state == _ESTABLISHED:
                unread.append(int(queues.partition(":")[2], 16))
        return unread

    async def wait_ended(self) -> int:
        """Wait for its end; return the exit code."""
        for _ in range(round(END_S / _LOOK_S)):
            if self.process.poll() is not None:
                return int(self.process.returncode)
            await trio.sleep(_LOOK_S)
        raise ServingError(f"the daemon did not end within {END_S:.0f} s:\n{self.log_end()}")

    def stop(self) -> None:
        """Ask it to drain and leave."""
        self.process.send_signal(signal.SIGTERM)

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the calls that are over."""
        text = (self.folder / "state/calls.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def log_end(self) -> str:
        """Return the last lines of its log."""
        lines = (self.folder / "log").read_text(encoding="utf-8").splitlines()
        return "\n".join(line[:300] for line in lines[-12:])


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run on one core; children begun meanwhile stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.asynccontextmanager
async def serving(
    cores: tuple[int, int], changes: Mapping[str, str], program: Sequence[str] = TRIOAUDIO
) -> AsyncIterator[Serving]:
    """Start a daemon with these settings (without TRIOAUDIO_); it is dead afterwards.

    It has the first core, and its engines' processes the second. `program` is what Python runs.
    """
    with tempfile.TemporaryDirectory(prefix="trioaudio-bench-") as name:
        folder, port = Path(name), free_port()
        settings = {
            "STATE_FOLDER": str(folder / "state"),
            "CACHE_FOLDER": str(folder / "cache"),
            "MEDIA_LISTEN": f"127.0.0.1:{port}",
            "CONTROL_LISTEN": str(folder / "control"),
            "MEDIA_AUTH": "off",
            "CARRIERS": "raw,twilio",
            "CALLS_MOST": "20000",
            "CPU_MOST": "0",
            "LATENESS_MOST_MS": "0",
            "LOOP_LAG_MOST_MS": "0",
            "REQUESTS_PER_S": "1000000",
            "CACHE_MB": "0",
            **changes,
        }
        environ = {key: each for key, each in os.environ.items() if "TRIOAUDIO" not in key}
        environ |= {f"TRIOAUDIO_{key}": each for key, each in settings.items()}
        process = _start(program, folder, environ, cores[0])
        made = Serving(process, folder, port)
        try:
            await _wait_ready(made)
            for child in _descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):  # a clause's, which has just ended
                    os.sched_setaffinity(child, {cores[1]})
            yield made
        except BaseException:  # whatever it was, the daemon's log may tell why
            print(made.log_end(), file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()


def _start(
    program: Sequence[str], folder: Path, environ: Mapping[str, str], core: int
) -> subprocess.Popen[bytes]:
    """Start the process from this very thread, whose core it inherits."""
    with (folder / "log").open("wb") as log, pinned(core):
        return subprocess.Popen(
            [sys.executable, *program, "serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environ,
            cwd=folder,
        )


async def _wait_ready(made: Serving) -> None:
    with trio.move_on_after(START_S):
        while made.process.poll() is None:
            await trio.sleep(0.1)
            if not (made.folder / "control").exists():
                continue
            async with made.client() as client:
                with contextlib.suppress(ClientError):
                    if (await client.node()).state == "ready":
                        return
    raise ServingError(f"the daemon did not become ready:\n{made.log_end()}")


@attrs.frozen
class Metrics:
    """The daemon's metrics at one moment: sums over the labels not asked for."""

    samples: list[tuple[str, Mapping[str, str], float]]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric, of those with these labels."""
        return sum(
            value
            for each, given, value in self.samples
            if each == name and labels.items() <= given.items()
        )

    def buckets(self, name: str) -> dict[float, float]:
        """Return a histogram's counts up to each bound."""
        counts: dict[float, float] = {}
        for each, given, value in self.samples:
            if each == f"{name}_bucket":
                bound = float(given["le"])
                counts[bound] = counts.get(bound, 0.0) + value
        return dict(sorted(counts.items()))


async def read_metrics(client: Client) -> Metrics:
    """Ask the daemon for its metrics."""
    answer = await client.link.http.get("/metrics")
    if answer.status_code != HTTPStatus.OK:
        raise ServingError(f"/metrics: {answer.status_code} {answer.text[:200]}")
    families = text_string_to_metric_families(answer.text)
    return Metrics(
        [(each.name, each.labels, each.value) for family in families for each in family.samples]
    )


def quantile_ms(before: Metrics, after: Metrics, name: str, share: float) -> float:
    """Return a quantile of what came between two moments, interpolated within its bucket."""
    earlier = before.buckets(name)
    counts = {bound: each - earlier.get(bound, 0.0) for bound, each in after.buckets(name).items()}
    wanted = share * max(counts.values(), default=0.0)
    low, seen = 0.0, 0.0
    for bound, count in counts.items():
        if count >= wanted and count > seen:
            if bound == float("inf"):
                return low * 1000
            return (low + (bound - low) * (wanted - seen) / (count - seen)) * 1000
        low, seen = bound, count
    return low * 1000


def lateness_ms(before: Metrics, after: Metrics) -> tuple[float, float]:
    """Return p50 and p99 of how late the daemon's frames were between two moments."""
    return quantile_ms(before, after, LATENESS, 0.5), quantile_ms(before, after, LATENESS, 0.99)


def process_cpu_s(process: int, *, with_ended: bool = False) -> float:
    """Return what a process has used; `with_ended`: and its children that are no more."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0  # it has just ended
    used = text.rpartition(")")[2].split()[11 : 15 if with_ended else 13]
    return sum(map(int, used)) / _TICKS


def _descendants(process: int) -> Iterator[int]:
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text(encoding="ascii").split()):
                yield child
                yield from _descendants(child)
