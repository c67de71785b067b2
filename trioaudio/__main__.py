"""The entry point: signals first, so that one in the middle of the imports ends us quietly."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType

from trioaudio import unfinished


def leave_at_once(number: int, frame: FrameType | None = None) -> None:
    """End without a traceback. Children see their standard input close and leave too."""
    del frame
    unfinished.remove_all()
    os._exit(128 + number)


def main() -> int:
    """Run the command line; return the exit code."""
    # The verbs that have something to say at the end replace these once they can.
    signal.signal(signal.SIGINT, leave_at_once)
    signal.signal(signal.SIGTERM, leave_at_once)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, leave_at_once)
    _have_standard_streams()
    from trioaudio.cli import run_command_line  # noqa: PLC0415  after the signals, on purpose

    return run_command_line(sys.argv[1:])


def _have_standard_streams() -> None:
    """Put something in the place of what the caller closed, or a pipe of ours would take it.

    Reading and writing it fail as if it were still closed, except that errors are told to nobody.
    What a stream's encoding lacks is escaped, not an error.
    """
    for name, flags, mode in (
        ("stdin", os.O_WRONLY, "r"),
        ("stdout", os.O_RDONLY, "w"),
        ("stderr", os.O_WRONLY, "w"),
    ):
        stream = getattr(sys, name)
        if stream is None:
            # The lowest free number, which is the stream's own.
            stream = open(os.open(os.devnull, flags), mode, encoding="utf-8")  # noqa: SIM115, PTH123
            setattr(sys, name, stream)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
