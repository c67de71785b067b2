"""Files being written: whoever leaves at once, by a signal, leaves none of them behind.

The one state of the process that no function owns, because a signal handler has no arguments.
Imported by the entry point before anything else, so it imports next to nothing itself.
"""

from __future__ import annotations

import contextlib
import os

_paths: set[str] = set()


def begin(path: str) -> None:
    """Note a file that is about to be written."""
    _paths.add(path)


def end(path: str) -> None:
    """Forget a file: it is complete, or gone."""
    _paths.discard(path)


def remove_all() -> None:
    """Remove what is not complete; the process ends now."""
    for path in _paths:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108  pathlib is not imported this early
