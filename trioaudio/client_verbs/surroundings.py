"""Which daemon the verbs ask: the one the arguments, the environment or `.env` name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from trioaudio.client import Client
from trioaudio.client_verbs.variables import variables_of
from trioaudio.core.errors import ConfigError


def new_client(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> Client:
    """Return a client of the daemon the arguments or the settings name; ConfigError."""
    token = None if given.token_file is None else _read_token(given.token_file)
    return Client(given.control, token, environ=variables_of(environ, cwd))


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"--token-file {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"--token-file {path}: it holds no text") from exc
    if not token:
        raise ConfigError(f"--token-file {path}: it is empty")
    return token
