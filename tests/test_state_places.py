from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.serve_settings import ServeSettings
from trioaudio.state_places import StatePlaces, state_places

HERE = Path("/here")


def test_all_under_one_folder() -> None:
    assert state_places(ServeSettings(state_folder=HERE), {}) == StatePlaces(
        HERE, HERE / "recordings", HERE / "calls.jsonl", HERE / "webhook-spool"
    )


def test_each_elsewhere_or_nowhere() -> None:
    serve = ServeSettings(
        state_folder=HERE, record_folder=Path("/r"), records_file=Path("/var/calls")
    )
    places = state_places(serve, {})
    assert (places.recordings, places.records) == (Path("/r"), Path("/var/calls"))
    assert state_places(ServeSettings(state_folder=HERE, records_file="off"), {}).records is None


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_STATE_HOME": "/s", "HOME": "/root"}, "/s/trioaudio"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/root"}, "/root/.local/state/trioaudio"),
        ({"HOME": "/root"}, "/root/.local/state/trioaudio"),
    ],
)
def test_where_nobody_said(environ: dict[str, str], folder: str) -> None:
    assert state_places(ServeSettings(), environ).state == Path(folder)


def test_nobody_knows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", refuse)
    with pytest.raises(ConfigError, match="give TRIOAUDIO_STATE_FOLDER"):
        state_places(ServeSettings(), {})
