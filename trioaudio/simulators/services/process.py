"""A simulated service as a process; imports almost nothing by itself.

A Ctrl-C meant for the parent reaches this process as well, and must find its signal handling in
place.
"""

from __future__ import annotations

import signal
import sys


def main(service: str, argv: list[str]) -> int:
    """Simulate a service as the command line says; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN if "--child" in argv else signal.SIG_DFL)
    from trioaudio.core.errors import ConfigError  # noqa: PLC0415  see above
    from trioaudio.simulators.services.options import parse  # noqa: PLC0415
    from trioaudio.simulators.services.service import find_service  # noqa: PLC0415

    try:
        kind = find_service(service)
    except ConfigError as exc:
        sys.stderr.write(f"trioaudio simulate: {exc}\n")
        return 2
    options = parse(kind, argv)
    from trioaudio.simulators.services.serving import run  # noqa: PLC0415

    return run(options)
