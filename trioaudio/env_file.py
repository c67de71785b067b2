"""The `.env` file: NAME=value lines, taken literally, exported to nobody.

Values are not expanded: `$` in a token is a dollar sign. python-dotenv reads the syntax
(comments, quotes, `export`); its own loader would only warn about what it cannot read.
"""

from __future__ import annotations

import io
from pathlib import Path

from trioaudio.core.errors import ConfigError


def read_env_file(path: Path) -> dict[str, str]:
    """Return the file's variables; ConfigError with a line for everything unreadable in it.

    No message repeats what the file says: any line may hold a secret.
    """
    text = _decode(path, _read(path))
    from dotenv.parser import parse_stream  # noqa: PLC0415 - 20 ms, and most runs have no file

    values: dict[str, str] = {}
    problems = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            # A binding begins with the blank lines before it.
            said = binding.original.string
            line = binding.original.line + said[: len(said) - len(said.lstrip())].count("\n")
            problems.append(f"{path} line {line}: not NAME=value; check its quotes")
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    if problems:
        raise ConfigError(*problems)
    return values


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}; make it a file this user may read") from None


def _decode(path: Path, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path} line {line}: not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path} line {line}: holds a NUL character; save the file as UTF-8")
    return text
