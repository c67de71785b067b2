"""The environment with what `.env` adds to it; cheap to import, since every `dial` asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trioaudio.core.errors import ConfigError
from trioaudio.env_file import read_env_file

ENV_FILE: Final = "TRIOAUDIO_ENV_FILE"
"""As in `settings_loading`, which takes its time to import."""
LISTEN: Final = "TRIOAUDIO_LISTEN"


def variables_of(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Return the environment with what `.env` adds to it; ConfigError."""
    chosen = environ.get(ENV_FILE)
    path = cwd / Path(chosen or ".env").expanduser()
    try:
        known = read_env_file(path) if chosen or path.is_file() else {}
    except PermissionError:  # in a folder we may not search there is none for us
        known = {}
    return {**known, **environ}


def listens_itself(environ: Mapping[str, str], cwd: Path) -> bool:
    """Say whether a call without a daemon has an address to be dialled at."""
    try:
        return bool(variables_of(environ, cwd).get(LISTEN))
    except ConfigError:
        return False  # whoever reads it next tells what is wrong with it
