"""The simulated carrier, run as `python -m trioaudio.simulators.carrier --help`.

Imports almost nothing by itself: a Ctrl-C meant for the parent reaches this process as well, and
must find its signal handling in place.
"""

from __future__ import annotations

import signal
import sys


def main(argv: list[str]) -> int:
    """Simulate a carrier as the command line says; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN if "--child" in argv else signal.SIG_DFL)
    import gc  # noqa: PLC0415  see above

    from trioaudio.simulators.options import parse  # noqa: PLC0415

    options = parse(argv)
    from trioaudio.simulators.process import run  # noqa: PLC0415

    # What the imports made lives as long as the process; looking it over for garbage in
    # mid-call would take tens of milliseconds, and be measured as lateness.
    gc.freeze()
    return run(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
