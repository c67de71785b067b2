"""The entry point: signals first, so that one in the middle of the imports ends us quietly."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def leave_at_once(number: int, frame: FrameType | None) -> None:
    """End without a traceback. Children see their standard input close and leave too."""
    del frame
    os._exit(128 + number)


def main() -> int:
    """Run the command line; return the exit code."""
    # The verbs that have something to say at the end replace these once they can.
    signal.signal(signal.SIGINT, leave_at_once)
    signal.signal(signal.SIGTERM, leave_at_once)
    from trioaudio.cli import run_command_line  # noqa: PLC0415  after the signals, on purpose

    return run_command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
