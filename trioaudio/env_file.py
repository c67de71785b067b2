"""The `.env` file: NAME=value lines, taken literally, exported to nobody.

Variables are not expanded here: `$` in a token is a dollar sign, and what `${cred:NAME}` stands for
is `references`' to say. python-dotenv reads the syntax (comments, quotes, `export`); its own loader
would only warn about what it cannot read.
"""

from __future__ import annotations

import io
from pathlib import Path

from trioaudio.core.errors import ConfigError
from trioaudio.text_file import read_text_file


def read_env_file(path: Path) -> dict[str, str]:
    """Return the file's variables; ConfigError with a line for everything unreadable in it.

    No message repeats what the file says: any line may hold a secret.
    """
    text = read_text_file(path)
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
