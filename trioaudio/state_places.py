"""Where the daemon keeps what outlives it. Nothing is made here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import variable
from trioaudio.state_folder import state_folder

RECORDINGS = "recordings"
"""The folder of recorded calls in the state folder."""


@attrs.frozen
class StatePlaces:
    """Folders and files; their folders may have to be made."""

    state: Path
    recordings: Path
    records: Path | None
    """The file of the calls' records; None: none is written."""
    webhook_spool: Path
    """Events that are still to be posted."""


def state_places(serve: ServeSettings, environ: Mapping[str, str]) -> StatePlaces:
    """Return them. ConfigError when nobody says where, and there is no home folder."""
    state = serve.state_folder or _usual_folder(environ)
    records = serve.records_file
    return StatePlaces(
        state=state,
        recordings=serve.record_folder or state / RECORDINGS,
        records=None if records == "off" else Path(records or state / "calls.jsonl"),
        webhook_spool=state / "webhook-spool",
    )


def _usual_folder(environ: Mapping[str, str]) -> Path:
    try:
        return state_folder(environ)
    except RuntimeError:  # Path.home
        raise ConfigError(
            f"the home folder is not known; give {variable('state_folder')}"
        ) from None
