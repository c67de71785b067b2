from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from trioaudio.configuration import Configuration, load_configuration
from trioaudio.configuration_changes import RESTART, changes
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import Settings
from trioaudio.settings_values import Address
from trioaudio.wav_file import WavFile

HUSH = "hush-hush-42"


def load(environ: Mapping[str, str], folder: Path) -> Configuration:
    return load_configuration({"HOME": "/home/tester", **environ}, folder)


def test_what_needs_a_restart_is_a_setting() -> None:
    assert {*attrs.fields_dict(Settings), *attrs.fields_dict(ServeSettings)} >= RESTART


def test_nothing_changed(tmp_path: Path) -> None:
    old = load({}, tmp_path)
    found = changes(old, load({}, tmp_path))
    assert (found.new_calls, found.restart, found.warnings) == ((), (), ())
    assert found.in_force == old


def test_what_new_calls_follow(tmp_path: Path) -> None:
    environ = {
        "TRIOAUDIO_VOICE": "en-gb",
        "TRIOAUDIO_GREETING": "Hello.",
        "TRIOAUDIO_CALLS_MOST": "3",
        "TRIOAUDIO_ESPEAK_FIRST_AUDIO_MS": "500",
        "TRIOAUDIO_TELECMI_LEAD_MS": "60",
        "TRIOAUDIO_TWILIO_AUTH_TOKEN": HUSH,
        "TRIOAUDIO_RECORD_FOLDER": str(tmp_path),
    }
    new = load(environ, tmp_path)
    found = changes(load({}, tmp_path), new)
    assert found.restart == ()
    assert found.new_calls == (
        "TRIOAUDIO_VOICE",
        "TRIOAUDIO_GREETING",
        "TRIOAUDIO_RECORD_FOLDER",
        "TRIOAUDIO_CALLS_MOST",
        "carrier twilio is enabled",
        "TRIOAUDIO_TELECMI_LEAD_MS",
        "TRIOAUDIO_ESPEAK_FIRST_AUDIO_MS",
    )
    assert (found.in_force.serve, found.in_force.settings) == (new.serve, new.settings)
    assert found.in_force.carriers.keys() == new.carriers.keys()
    assert found.in_force.places == new.places
    assert HUSH not in repr(found)
    back = changes(new, load({}, tmp_path))
    assert "carrier twilio is not enabled any more" in back.new_calls


def test_what_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "x.pem").touch()
    old = load({}, tmp_path)
    environ = {
        "TRIOAUDIO_MEDIA_LISTEN": "127.0.0.1:1",
        "TRIOAUDIO_CONTROL_LISTEN": "/run/x",
        "TRIOAUDIO_STATE_FOLDER": str(tmp_path),
        "TRIOAUDIO_WEBHOOK_URL": "https://h/",
        "TRIOAUDIO_WEBHOOK_SECRET": HUSH,
        "TRIOAUDIO_LOG_FORMAT": "json",
        "TRIOAUDIO_CALLS_MOST": "3",
    }
    found = changes(old, load(environ, tmp_path))
    assert set(found.restart) == {*environ} - {"TRIOAUDIO_CALLS_MOST"}
    assert found.new_calls == ("TRIOAUDIO_CALLS_MOST",)
    assert found.in_force.serve == attrs.evolve(old.serve, calls_most=3)
    assert found.in_force.settings == old.settings
    assert found.in_force.places == old.places
    assert found.warnings[0].endswith("was changed; that takes effect when the daemon is restarted")
    assert len(found.warnings) == len(found.restart)


def test_the_open_listener_is_not_opened_to_the_world(tmp_path: Path) -> None:
    """What is safe for the listener to come need not be for the one there is."""
    anywhere = {"TRIOAUDIO_MEDIA_LISTEN": "0.0.0.0:8088"}
    old = load(anywhere, tmp_path)
    new = load({"TRIOAUDIO_AUTHENTICATION": "off"}, tmp_path)
    assert "twilio" in new.carriers
    found = changes(old, new)
    assert set(found.restart) == {"TRIOAUDIO_AUTHENTICATION", "TRIOAUDIO_MEDIA_LISTEN"}
    assert found.in_force.serve.media_listen == Address("0.0.0.0", 8088)  # noqa: S104
    assert found.in_force.carriers.keys() == old.carriers.keys()
    assert found.new_calls == ()


def test_the_rate_shows_in_the_carriers(tmp_path: Path) -> None:
    old = load({"TRIOAUDIO_CARRIERS": "telecmi,wavix"}, tmp_path)
    new = {"TRIOAUDIO_CARRIERS": "telecmi,wavix", "TRIOAUDIO_SAMPLE_RATE": "16000"}
    assert changes(old, load(new, tmp_path)).new_calls == ("carrier telecmi at 16000 Hz",)


def test_another_recording_under_the_same_name(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_GREETING": "@hello.wav"}

    def record(sample: bytes) -> Configuration:
        with WavFile(tmp_path / "hello.wav", 8000) as file:
            file.write(sample)
            file.finish()
        return load(environ, tmp_path)

    assert changes(record(b"\1\0"), record(b"\2\0")).new_calls == ("TRIOAUDIO_GREETING (the file)",)
    assert changes(record(b"\1\0"), record(b"\1\0")).new_calls == ()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load({}, tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("name", sorted(RESTART))
def test_each_is_kept(name: str, old: Configuration) -> None:
    holder = "serve" if name in attrs.fields_dict(ServeSettings) else "settings"
    other = object()
    new = attrs.evolve(old, **{holder: attrs.evolve(getattr(old, holder), **{name: other})})
    found = changes(old, new)
    assert found.restart == (f"TRIOAUDIO_{name.upper()}",)
    assert found.in_force == old
