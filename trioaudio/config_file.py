"""config.toml and conf.d: which files there are, and what is written in each.

Cheap to import, since clients of the daemon ask as well. Which keys are settings is told elsewhere.
TOML: https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from trioaudio.core.errors import ConfigError
from trioaudio.text_file import ForbiddenFileError, read_text_file

DEFAULT_FILE: Final = Path("/etc/trioaudio/config.toml")
FOLDER: Final = "conf.d"
"""Beside the file; what stands in its files counts more."""

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


class ConfigFile(NamedTuple):
    """One file: its values by their whole keys, such as `carrier.twilio.auth_token`."""

    path: Path
    values: Mapping[tuple[str, ...], object]
    readable_by_all: bool


class ConfigFiles(NamedTuple):
    """All of them, the weakest first."""

    files: tuple[ConfigFile, ...]
    problems: tuple[str, ...]
    forbidden: tuple[str, ...]
    """What this user may not read although nobody asked for it: a problem to some, not to all."""


def read_config_files(chosen: str, cwd: Path) -> ConfigFiles:
    """Return the files, and what is wrong with them.

    `chosen` is the path somebody named, from `cwd`; empty: the usual one, which need not be there.
    """
    try:
        path = cwd / Path(chosen).expanduser() if chosen else DEFAULT_FILE
    except RuntimeError:
        told = f"{chosen}: the home folder is not known; give the whole path"
        return ConfigFiles((), (told,), ())
    files: list[ConfigFile] = []
    problems: list[str] = []
    forbidden: list[str] = []
    for each in _candidates(path, problems if chosen else forbidden):
        try:
            files.append(read_config_file(each))
        except ForbiddenFileError as exc:
            (problems if chosen else forbidden).extend(exc.problems)
        except ConfigError as exc:
            if each != DEFAULT_FILE or chosen or not _is_missing(each):
                problems += exc.problems
    return ConfigFiles(tuple(files), tuple(problems), tuple(forbidden))


def _is_missing(path: Path) -> bool:
    """Say whether there is nothing of that name."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def _candidates(path: Path, forbidden: list[str]) -> list[Path]:
    """Return the file, whether it is there or not, and those of its folder by their names."""
    folder = path.parent / FOLDER
    names: list[str] = []
    try:
        names = sorted(each.name for each in folder.iterdir())
    except PermissionError as exc:
        forbidden.append(f"{folder}: {exc.strerror}; let this user read the folder")
    except OSError:
        pass  # there is no such folder, which is usual
    return [
        path,
        *(folder / each for each in names if each.endswith(".toml") and not each.startswith(".")),
    ]


def read_config_file(path: Path) -> ConfigFile:
    """Return what a file says; ConfigError, with the line where there is one."""
    text = read_text_file(path)
    import tomllib  # noqa: PLC0415 - most clients' verbs have no file

    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables too deep in each other; correct it") from None
    except ValueError as exc:
        raise ConfigError(_what_is_wrong(path, str(exc), text)) from None
    return ConfigFile(path, dict(_flat((), tables)), readable_by_all(path))


def readable_by_all(path: Path) -> bool:
    """Say whether every user of the machine may read a file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # it has just gone


def _what_is_wrong(path: Path, said: str, text: str) -> str:
    """Return a problem with its place in front; the parser repeats keys, never values."""
    place = _PLACE.search(said)
    if place is None:
        return f"{path}: no TOML: a number or a date in it is beyond all limits; correct it"
    line = place["line"] or str(text.count("\n") + 1)
    column = f", column {place['column']}" if place["column"] else ""
    return (
        f"{path} line {line}{column}: no TOML: {said[: place.start()]}; correct it (text stands in"
        " quotes)"
    )


def _flat(
    above: tuple[str, ...], table: dict[str, object]
) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat((*above, key), value)
        else:
            yield (*above, key), value
