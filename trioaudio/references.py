"""What `${cred:NAME}` and `${file:/path}` in a setting stand for: the text of a file elsewhere.

A credential is a file in the folder that systemd names in $CREDENTIALS_DIRECTORY to a service with
LoadCredential=: https://systemd.io/CREDENTIALS/. `$${` is a plain `${`. Every problem is a
ConfigError that names the file and never repeats what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trioaudio.core.errors import ConfigError
from trioaudio.text_file import read_regular_file

FOLDER_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
LARGEST_BYTES: Final = 65_536
"""The longest value; a key is a hundredth of this."""

_REFERENCE = re.compile(r"\$(?P<plain>\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")


def has_reference(value: object) -> bool:
    """Say whether a value, or one of a list of values, is to be found elsewhere."""
    if isinstance(value, list | tuple):
        return any(has_reference(each) for each in value)
    return isinstance(value, str) and any(
        found["plain"] is None for found in _REFERENCE.finditer(value)
    )


class References:
    """Finds what values refer to, in the environment of one process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._folder = environ.get(FOLDER_VARIABLE, "")

    def expand(self, value: object) -> object:
        """Return the value with what it refers to in its place; other than text stays as it is."""
        if isinstance(value, list):
            return [self.expand(each) for each in value]
        return self.expand_text(value) if isinstance(value, str) else value

    def expand_text(self, text: str) -> str:
        """Return a text with what it refers to in its place; ConfigError."""
        if "${" not in text:
            return text
        return _REFERENCE.sub(self._found, text)

    def _found(self, reference: re.Match[str]) -> str:
        if reference["plain"] is not None:
            return "${"
        if not reference["end"]:
            raise ConfigError(
                "a ${ in it is not closed; end it with }, or write $${ for a plain ${"
            )
        scheme, _, name = reference["inside"].partition(":")
        match scheme:
            case "cred":
                return _read(self._credential(name), reference[0])
            case "file":
                return _read(_absolute(name), reference[0])
            case _:
                raise ConfigError(
                    f"{_named(scheme)} is no place a value can come from; write ${{cred:NAME}},"
                    " ${file:/path}, or $${ for a plain ${"
                )

    def _credential(self, name: str) -> Path:
        if not name or "/" in name or name in {".", ".."}:
            raise ConfigError(
                "${cred:…} takes the name of a credential, which holds no slash; for a path write"
                " ${file:/path}"
            )
        if not self._folder:
            raise ConfigError(
                f"${{cred:{name}}}: {FOLDER_VARIABLE} is not set, so there are no credentials; give"
                f" the service LoadCredential={name}:/path, or write ${{file:/path}}"
            )
        return Path(self._folder, name)


def _named(scheme: str) -> str:
    """Return a scheme fit to be shown: what is no word may be a secret with a ${ in it."""
    return f"${{{scheme}:…}}" if re.fullmatch(r"[A-Za-z_]{1,20}", scheme) else "a ${…} in it"


def _absolute(name: str) -> Path:
    if not name.startswith("/"):
        raise ConfigError("${file:…} takes a path that begins with a slash")
    return Path(name)


def _read(path: Path, reference: str) -> str:
    """Return the file's text without the newline at its end; a path may hold no NUL."""
    try:
        text = read_regular_file(path, LARGEST_BYTES)
    except ConfigError as exc:
        raise ConfigError(f"{reference}: {exc}") from None
    except ValueError:
        raise ConfigError("${file:…} holds a character no path has; correct it") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigError(f"{reference}: {path} is empty; put the value into it")
    return text
