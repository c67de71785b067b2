"""How many calls drains have cut, over all starts of a node.

They are cut in a process's last moments, when nobody asks for its metrics any more: so the number
is kept, and told by the next process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trioaudio.observe.logs import get_logger

FILE: Final = "drain-forced"


def read_cut_calls(folder: Path) -> int:
    """Return the number kept in the state folder; 0 when there is none that can be read."""
    try:
        text = (folder / FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return 0
    return int(text) if text.isdigit() and len(text) < 10 else 0


def keep_cut_calls(folder: Path, cut: int) -> None:
    """Add to the number; a disk that does not take it is told in the log."""
    if not cut:
        return
    try:
        (folder / FILE).write_text(f"{read_cut_calls(folder) + cut}\n", encoding="ascii")
    except OSError as exc:
        get_logger("trioaudio.daemon").warning(
            "the number of cut calls is not kept", reason=exc.strerror or str(exc)
        )
