"""What the daemon's settings must look like: places to listen, lists of names, URLs, greetings.

As in `settings_values`, everything raises WrongValueError with half a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

from trioaudio.core.secret import Secret
from trioaudio.core.suggest import did_you_mean
from trioaudio.core.text import speakable
from trioaudio.settings_values import Address, WrongValueError, parse_address, parse_path

_LONGEST_SOCKET_PATH = 107  # sun_path of Linux, unix(7), with its closing zero
_SHORTEST_KEY = 16
_PATH_KEY = re.compile(r"[A-Za-z0-9_-]*")
_FETCHED = ("http", "https", "ws", "wss")


def parse_place(raw: object, _cwd: Path) -> Address | Path:
    """Read HOST:PORT, or the absolute path of a Unix socket."""
    if isinstance(raw, Address | Path):
        return raw
    text = str(raw).strip()
    if not text.startswith("/"):
        return parse_address(text)
    if len(text.encode()) > _LONGEST_SOCKET_PATH:
        raise WrongValueError(
            f"longer than the {_LONGEST_SOCKET_PATH} bytes a socket's path may have; choose a"
            " shorter one"
        )
    return Path(text)


def check_place(place: Address | Path) -> None:
    """Refuse a path where no socket can be."""
    if isinstance(place, Address):
        return
    if place.is_dir():
        raise WrongValueError("a folder; give the path of the socket itself")
    if place.exists() and not place.is_socket():
        raise WrongValueError("there is a file of that name; remove it, or choose another path")


def parse_records(raw: object, cwd: Path) -> Path | Literal["off"]:
    """Read the path of a file, or that there shall be none."""
    return "off" if str(raw).strip().lower() == "off" else parse_path(raw, cwd)


def parse_names(raw: object, _cwd: Path) -> tuple[str, ...]:
    """Read names separated by commas."""
    parts = raw.split(",") if isinstance(raw, str) else [str(each) for each in _items(raw)]
    return tuple(name for each in parts if (name := each.strip()))


def parse_parts(raw: object, _cwd: Path) -> tuple[str, ...]:
    """Read what is separated by |."""
    parts = raw.split("|") if isinstance(raw, str) else [str(each) for each in _items(raw)]
    return tuple(part for each in parts if (part := each.strip()))


def _items(raw: object) -> Sequence[object]:
    return raw if isinstance(raw, list | tuple) else (raw,)


def check_event_names(names: Sequence[str]) -> None:
    """Refuse the name of an event there is not."""
    from trioaudio.api.events import Event  # noqa: PLC0415 - most runs need no msgspec

    known = {str(each.__struct_config__.tag) for each in get_args(Event)}
    for name in names:
        if name not in known:
            raise WrongValueError(f"no event is called {name!r}; {did_you_mean(name, known)}")


def check_prefixes(prefixes: Sequence[str]) -> None:
    """Refuse what fits no URL, or could be read in two ways: see `url_allow`."""
    for prefix in prefixes:
        parts = _split(prefix, _FETCHED, "https://media.example.com/prompts/")
        if "?" in prefix or "#" in prefix:
            raise WrongValueError("has a query or a fragment; end it with the path")
        if {".", ".."} & set(parts.path.split("/")):
            raise WrongValueError("has . or .. in its path; give the path it stands for")


def check_webhook_url(url: str) -> None:
    """Refuse what cannot be posted to."""
    parts = _split(url, ("http", "https"), "https://app.example.com/events")
    if parts.fragment:
        raise WrongValueError("has a fragment, which is never sent; leave it out")


def check_records(place: Path | Literal["off"]) -> None:
    """Refuse a folder, and what is in no folder that could be made."""
    if isinstance(place, Path):
        if place.is_dir():
            raise WrongValueError("a folder; give the name of a file")
        check_folder_place(place.parent)


def check_path_key(key: Secret) -> None:
    """Refuse what does not fit in a path, and what could be guessed."""
    if not _PATH_KEY.fullmatch(key.get()):
        raise WrongValueError("holds more than letters, digits, - and _; choose another")
    if len(key.get()) < _SHORTEST_KEY:
        raise WrongValueError(f"could be guessed; give at least {_SHORTEST_KEY} random characters")


def check_greeting(greeting: str) -> None:
    """Refuse a greeting with nothing to say; a file is looked at when it is read."""
    if greeting == "@":
        raise WrongValueError("no file is named; give @FILE.wav")
    if not speakable(greeting):
        raise WrongValueError("holds nothing that can be spoken; give it some words")


def check_folder_place(folder: Path) -> None:
    """Refuse what is there and is no folder; what is not there can be made."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if there is not None and not there.is_dir():
        raise WrongValueError(f"{there} is no folder; choose another")


def _split(url: str, schemes: Sequence[str], example: str) -> SplitResult:
    """Take a URL apart that is absolute, plain ASCII and without user and password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongValueError(f"not a URL; give e.g. {example}") from None
    if parts.scheme.lower() not in schemes:
        words = " or ".join(f"{each}://" for each in schemes)
        raise WrongValueError(f"begins with none of its schemes; begin it with {words}")
    if not parts.hostname or port == 0:
        raise WrongValueError(f"no host, or a port nobody can listen on; give e.g. {example}")
    if "@" in parts.netloc:
        raise WrongValueError("has a user or a password, which are not sent; leave them out")
    if any(not "!" <= c <= "~" for c in url) or "\\" in url:
        raise WrongValueError("holds a character that no URL has; percent-encode it")
    return parts
