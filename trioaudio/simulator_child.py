"""The simulated carrier as our child process: started before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trioaudio.core.carrier import Carrier
from trioaudio.core.encoding import Encoding
from trioaudio.core.errors import ChildError
from trioaudio.settings import Settings

LEAVE_WITHIN = 1.0
"""Seconds the child has to leave by itself when its standard input closes."""


def start_simulator(
    carrier: Carrier,
    settings: Settings,
    lead_ms: int,
    out: Path | None,
    encoding: Encoding | None = None,
) -> subprocess.Popen[bytes]:
    """Start the simulated carrier, which is told later where to dial. ChildError.

    `encoding` None is the carrier's usual one. It starts before our own imports, so that the two
    overlap.
    """
    command = [
        *(sys.executable, "-m", "trioaudio.simulators.carrier", "--child", "--url-from-stdin"),
        *("--carrier", carrier.name, "--rate", str(settings.sample_rate)),
        *("--lead-ms", str(lead_ms)),
        *(("--encoding", encoding.value) if encoding else ()),
        *(("--out", str(out)) if out else ()),
    ]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what is left in a buffer when the child is gone makes closing fail
            process_group=0,  # Ctrl-C is for us; the simulator leaves when its stdin closes
        )
    except OSError as exc:
        raise ChildError(
            f"the simulated carrier's process cannot be started: {exc.strerror or exc};"
            " check the limit on processes and the memory"
        ) from exc


def end_simulator(process: subprocess.Popen[bytes]) -> None:
    """See it gone: its standard input closes, so it leaves; it is made to after a while."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(timeout=LEAVE_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
