"""Where the daemon keeps what outlives it: tokens, and the one that clients on this host read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

TOKEN_FILE: Final = "control.token"  # noqa: S105  a file's name
"""In the state folder: the plain text of the first token, readable by the daemon's user only."""


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder, which may not be there yet: TRIOAUDIO_STATE_FOLDER or by the XDG rules.

    https://specifications.freedesktop.org/basedir-spec/latest/: relative paths there are ignored.
    """
    if given := environ.get("TRIOAUDIO_STATE_FOLDER", ""):
        return Path(given)
    xdg = Path(environ.get("XDG_STATE_HOME", ""))
    if xdg.is_absolute():
        return xdg / "trioaudio"
    home = environ.get("HOME", "")
    return (Path(home) if home else Path.home()) / ".local/state/trioaudio"
