"""Folders and files: whether they can be written to, have room, and are nobody else's to read."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from trioaudio.check.row import Check, Row, in_thread
from trioaudio.configuration import Configuration
from trioaudio.control.tokens import TOKENS_FILE, list_tokens
from trioaudio.settings_sources import ENV_FILE
from trioaudio.speech_setup import prompt_cache
from trioaudio.state_folder import TOKEN_FILE

LITTLE_MB: Final = 1000
TOO_LITTLE_MB: Final = 50
_MB: Final = 1_000_000


def storage_checks(
    configuration: Configuration, environ: Mapping[str, str], cwd: Path
) -> list[Check]:
    """Return a check for each folder, and for the files that hold secrets."""
    places, settings = configuration.places, configuration.settings
    folders = {"state folder": places.state, "recordings": places.recordings}
    if places.records is not None:
        folders["call records"] = places.records.parent
    if (cache := prompt_cache(settings)) is not None:
        folders["prompt cache"] = cache.folder
    checks = [
        Check("storage", name, in_thread(partial(look_at_folder, name, folder)))
        for name, folder in folders.items()
    ]
    env_file = cwd / Path(environ.get(ENV_FILE) or ".env").expanduser()
    if settings.log_file is not None:
        look_at_log = in_thread(partial(look_at_log_file, settings.log_file))
        checks.append(Check("storage", "log file", look_at_log))
    for name, look in (
        ("tokens", partial(look_at_tokens, places.state)),
        (".env", partial(look_at_env_file, env_file)),
    ):
        checks.append(Check("storage", name, in_thread(look)))
    return checks


def look_at_folder(name: str, folder: Path) -> list[Row]:
    """Say whether a folder, or the one it will be made in, can be written to and has room."""
    row = partial(Row, "storage", name)
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    made = str(folder) if there == folder else f"{folder}, to be made in {there}"
    if not there.is_dir():
        return [row("failed", f"{made}: {there} is no folder", "name another place")]
    if not os.access(there, os.W_OK | os.X_OK):
        return [row("failed", f"{made}: not ours to write to", "change its owner, or the place")]
    free_mb = shutil.disk_usage(there).free / _MB
    detail = f"{made}: {free_mb:,.0f} MB free"
    if free_mb < TOO_LITTLE_MB:
        return [row("failed", detail, "make room: what cannot be written is lost")]
    if free_mb < LITTLE_MB:
        return [row("warning", detail, "make room before it is full")]
    return [row("ok", detail)]


def look_at_log_file(file: Path) -> list[Row]:
    """Look at the folder of the log; of a device there is nothing to say."""
    if file.exists() and not file.is_file():
        return []
    return look_at_folder("log file", file.parent)


def look_at_tokens(state: Path) -> list[Row]:
    """Say whether the tokens can be read, and only by us."""
    row = partial(Row, "storage", "tokens")
    file = state / TOKENS_FILE
    if not file.exists():
        return [row("ok", f"none yet in {state}: the first start makes one")]
    stored = list_tokens(file)  # ConfigError when it is damaged
    for each in (file, state / TOKEN_FILE):
        if each.exists() and (mode := _mode(each)) & 0o077:
            return [
                row(
                    "failed", f"{each} has mode {mode:04o}: others may read it", f"chmod 600 {each}"
                )
            ]
    return [row("ok", f"{len(stored)} in {file}, ours alone to read")]


def look_at_env_file(file: Path) -> list[Row]:
    """Say whether others may read the secrets in `.env`."""
    row = partial(Row, "storage", ".env")
    if not file.is_file():
        return [row("ok", "there is none")]
    if (mode := _mode(file)) & 0o007:
        return [row("warning", f"{file} has mode {mode:04o}: all may read it", f"chmod 600 {file}")]
    return [row("ok", f"{file}, mode {mode:04o}")]


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)
