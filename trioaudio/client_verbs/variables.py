"""The environment with what `.env` and config.toml add to it; cheap to import: `dial` asks too."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trioaudio.core.errors import ConfigError

ENV_FILE: Final = "TRIOAUDIO_ENV_FILE"
CONFIG_FILE: Final = "TRIOAUDIO_CONFIG"
"""As in `settings_sources`, which takes its time to import."""
LISTEN: Final = "TRIOAUDIO_LISTEN"
_OF_CLIENTS: Final = (
    LISTEN,
    "TRIOAUDIO_CONTROL_LISTEN",
    "TRIOAUDIO_CONTROL_TOKEN",
    "TRIOAUDIO_CONTROL_URL",
    "TRIOAUDIO_STATE_FOLDER",
)
"""What a client asks for: only this is taken from config.toml, and may refer to other files."""


def variables_of(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Return the environment with what the files add to it; ConfigError."""
    from trioaudio.env_file import read_env_file  # noqa: PLC0415 - `--help` needs none

    chosen = environ.get(ENV_FILE)
    path = cwd / Path(chosen or ".env").expanduser()
    try:
        known = read_env_file(path) if chosen or path.is_file() else {}
    except PermissionError:  # in a folder we may not search there is none for us
        known = {}
    found = {**_of_config(environ.get(CONFIG_FILE) or known.get(CONFIG_FILE, ""), cwd)}
    found |= {**known, **environ}
    return found | _expanded(found, environ)


def _of_config(chosen: str, cwd: Path) -> dict[str, str]:
    """Return what config.toml says of where the daemon is; whatever else it says is not ours."""
    from trioaudio.config_file import read_config_files  # noqa: PLC0415 - likewise

    config = read_config_files(chosen, cwd)
    if config.problems:
        raise ConfigError(*config.problems)
    # What this user may not read is for the daemon's user: then options or variables say it.
    return {
        name: value
        for file in config.files
        for name in _OF_CLIENTS
        if isinstance(value := file.values.get((name.removeprefix("TRIOAUDIO_").lower(),)), str)
    }


def _expanded(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return those a client asks for that refer to other files, with what they refer to."""
    from trioaudio.references import References  # noqa: PLC0415 - likewise

    references = References(environ)
    expanded = {}
    for name in _OF_CLIENTS:
        if "${" in (value := variables.get(name, "")):
            try:
                expanded[name] = references.expand_text(value)
            except ConfigError as exc:
                raise ConfigError(f"{name}: {exc}") from None
    return expanded


def listens_itself(environ: Mapping[str, str], cwd: Path) -> bool:
    """Say whether a call without a daemon has an address to be dialled at."""
    try:
        return bool(variables_of(environ, cwd).get(LISTEN))
    except ConfigError:
        return False  # whoever reads it next tells what is wrong with it


def variables_or_exit(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Return the same as `variables_of`; tell what is wrong, and leave with exit code 2."""
    try:
        return variables_of(environ, cwd)
    except ConfigError as exc:
        for problem in exc.problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        sys.exit(2)
