"""A small text file that belongs to the settings, read whole: `.env`, config.toml, a credential.

No message repeats what a file says: any line of it may be a secret.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from trioaudio.core.errors import ConfigError

LARGEST_BYTES: Final = 1 << 20
"""A file of settings is a hundredth of this."""


class ForbiddenFileError(ConfigError):
    """A file is there that this user may not read."""


def read_text_file(path: Path, most: int = LARGEST_BYTES) -> str:
    """Return the file's text; ConfigError when it cannot be read, is too large or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as exc:
        raise unreadable(path, exc) from None
    return decode_text(path, data, most)


def read_regular_file(path: Path, most: int) -> str:
    """Do the same for what must be no pipe or device: opening one could wait for ever."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: no regular file; make it a file this user may read")
            data = file.read(most + 1)
    except OSError as exc:
        raise unreadable(path, exc) from None
    return decode_text(path, data, most)


def unreadable(path: Path, reason: OSError) -> ConfigError:
    """Return the error about a file that could not be opened or looked for."""
    kind = ForbiddenFileError if isinstance(reason, PermissionError) else ConfigError
    return kind(f"{path}: {reason.strerror}; make it a file this user may read")


def decode_text(path: Path, data: bytes, most: int) -> str:
    """Return what the bytes say; ConfigError with the line that is no text."""
    if len(data) > most:
        raise ConfigError(f"{path}: larger than {most} bytes; is that the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path} line {line}: not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path} line {line}: holds a NUL character; save the file as UTF-8")
    return text
