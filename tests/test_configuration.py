from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError
from trioaudio.greeting import RecordedGreeting
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings_values import Address
from trioaudio.wav_file import WavFile

HUSH = "hush-hush-42"
HOME = {"HOME": "/home/tester"}
TWILIO = {"TRIOAUDIO_TWILIO_AUTH_TOKEN": HUSH}
PROVING = {name for name in carrier_names() if load_carrier(name).door_check is not None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.pem").touch()
    return tmp_path


def load(folder: Path, environ: Mapping[str, str], **overrides: object) -> Configuration:
    return load_configuration({**HOME, **environ}, folder, overrides)


def problems(folder: Path, environ: Mapping[str, str], **overrides: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ, **overrides)
    return list(caught.value.problems)


# --- Sources -----------------------------------------------------------------------------


def test_nothing_is_set(folder: Path) -> None:
    found = load(folder, {})
    assert found.serve == ServeSettings()
    assert [each.kind.name for each in found.engines] == ["espeak"]
    assert found.greeting is None
    assert found.warnings == ()
    assert found.places.state == Path("/home/tester/.local/state/trioaudio")
    assert found.first_carrier.carrier.name == "telecmi"


def test_every_kind_of_value(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_MEDIA_LISTEN": "[::1]:9000",
        "TRIOAUDIO_CONTROL_LISTEN": str(folder / "control.sock"),
        "TRIOAUDIO_STATE_FOLDER": "state",
        "TRIOAUDIO_RECORDS_FILE": "off",
        "TRIOAUDIO_URL_ALLOW": "https://a.example/x | wss://b.example/",
        "TRIOAUDIO_WEBHOOK_URL": "https://app.example.com/events",
        "TRIOAUDIO_WEBHOOK_SECRET": HUSH,
        "TRIOAUDIO_WEBHOOK_EVENTS": "dtmf, call.ended",
        "TRIOAUDIO_RELAY_URL": "ws://127.0.0.1:9/relay",
        "TRIOAUDIO_LOG_TEXT": "yes",
        "TRIOAUDIO_CPU_MOST": "0",
        "TRIOAUDIO_CALLS_MOST": "7",
    }
    found = load(folder, environ)
    serve = found.serve
    assert serve.media_listen == Address("::1", 9000)
    assert serve.control_listen == folder / "control.sock"
    assert (found.places.state, found.places.records) == (folder / "state", None)
    assert serve.url_allow == ("https://a.example/x", "wss://b.example/")
    assert serve.webhook_events == ("dtmf", "call.ended")
    assert (serve.log_text, serve.cpu_most, serve.calls_most) == (True, 0.0, 7)
    assert HUSH not in repr(found)
    assert HUSH in found.secrets()


def test_options_are_stronger_than_the_environment_and_the_file(folder: Path) -> None:
    (folder / ".env").write_text(
        "TRIOAUDIO_MEDIA_LISTEN=h:1\nTRIOAUDIO_CONTROL_LISTEN=h:2\nTRIOAUDIO_CALLS_MOST=5\n"
    )
    environ = {"TRIOAUDIO_CONTROL_LISTEN": "127.0.0.1:3", "TRIOAUDIO_CARRIERS": "wavix"}
    options = {
        "media_listen": "127.0.0.1:4",
        "control_listen": None,
        "carriers": "telecmi,raw",
        "greeting": "Hello.",
        "log_level": "debug",
    }
    found = load(folder, environ, **options)
    assert found.serve.media_listen == Address("127.0.0.1", 4)
    assert found.serve.control_listen == Address("127.0.0.1", 3)
    assert found.serve.calls_most == 5
    assert list(found.carriers) == ["telecmi", "raw"]
    assert (found.greeting, found.settings.log_level) == ("Hello.", "debug")
    assert list(load(folder, {}, carriers=["raw", "wavix"]).carriers) == ["raw", "wavix"]


def test_the_whole_example_loads_to_the_defaults(folder: Path) -> None:
    example = Path(__file__).parent.parent / ".env.example"
    lines = example.read_text("utf-8").splitlines()
    (folder / ".env").write_text(
        "\n".join(line.removeprefix("#") for line in lines if line[:1] == "#" and line[1:2] != " ")
    )
    plain = load(folder, {"TRIOAUDIO_ENV_FILE": "x.pem"})
    found = load(folder, {"TRIOAUDIO_SAMPLE_RATE": "", "TRIOAUDIO_CARRIER": ""})
    assert found == plain


# --- Carriers ----------------------------------------------------------------------------


def test_by_default_all_that_need_nothing_to_be_checked(folder: Path) -> None:
    assert set(load(folder, {}).carriers) == set(carrier_names()) - PROVING
    more = load(folder, TWILIO)
    assert set(more.carriers) == {*carrier_names()} - PROVING | {"twilio"}
    twilio = more.carriers["twilio"]
    assert twilio.door is not None
    assert twilio.door.check is not None
    telecmi = more.carriers["telecmi"]
    assert telecmi.door is not None
    assert telecmi.door.check is None


def test_the_carrier_comes_first_and_the_others_too(folder: Path) -> None:
    found = load(folder, {"TRIOAUDIO_CARRIER": "raw"})
    assert next(iter(found.carriers)) == "raw"
    assert set(found.carriers) == set(carrier_names()) - PROVING


def test_several_at_once_each_with_its_own_settings(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_CARRIERS": "twilio, telecmi",
        "TRIOAUDIO_TWILIO_AUTH_TOKEN": HUSH,
        "TRIOAUDIO_TWILIO_LEAD_MS": "60",
        "TRIOAUDIO_TELECMI_LEAD_MS": "120",
    }
    found = load(folder, environ)
    assert list(found.carriers) == ["twilio", "telecmi"]
    assert [each.settings.lead_ms for each in found.carriers.values()] == [60, 120]
    found = load(folder, {**environ, "TRIOAUDIO_LEAD_MS": "30"})
    assert [each.settings.lead_ms for each in found.carriers.values()] == [30, 30]


@pytest.mark.parametrize("key", ["TRIOAUDIO_CARRIERS", "TRIOAUDIO_CARRIER"])
@pytest.mark.parametrize("name", sorted(PROVING))
def test_one_that_was_named_must_be_checked(folder: Path, key: str, name: str) -> None:
    (problem,) = problems(folder, {key: name})
    assert problem.startswith(f"TRIOAUDIO_{name.upper()}_")
    assert "is not set, so the" in problem


def test_names_that_are_wrong(folder: Path) -> None:
    found = problems(folder, {"TRIOAUDIO_CARRIERS": "telcmi,raw,raw,twilio"})
    assert [line.partition(" ")[2][:30] for line in found[:2]] == [
        "unknown carrier 'telcmi'; did ",
        "raw is named twice; once is en",
    ]
    assert found[2].startswith("TRIOAUDIO_TWILIO_AUTH_TOKEN is not set")
    (problem,) = problems(folder, {"TRIOAUDIO_CARRIER": "telcmi"})
    assert problem == "TRIOAUDIO_CARRIER: unknown carrier 'telcmi'; did you mean telecmi?"
    (problem,) = problems(folder, {}, carriers="nothing-like-it")
    assert problem.startswith("--carriers: unknown carrier")


def test_audiosocket_has_no_tls(folder: Path) -> None:
    tls = {"TRIOAUDIO_TLS_CERT_FILE": "x.pem", "TRIOAUDIO_TLS_KEY_FILE": "x.pem"}
    assert "audiosocket" in load(folder, {}).carriers
    assert "audiosocket" not in load(folder, tls).carriers
    (problem,) = problems(folder, {**tls, "TRIOAUDIO_CARRIERS": "audiosocket"})
    assert problem.startswith("TRIOAUDIO_TLS_CERT_FILE is set, but audiosocket speaks AudioSocket")


def test_a_carrier_that_never_dials_us(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = load_carrier("raw")
    dialled = attrs.evolve(raw, roles=raw.roles - load_carrier("telecmi").roles)
    monkeypatch.setattr("trioaudio.configuration.load_carrier", lambda _name: dialled)
    found = load(folder, {"TRIOAUDIO_CARRIERS": "raw"})
    assert found.carriers["raw"].door is None


def test_rates(folder: Path) -> None:
    both = {"TRIOAUDIO_CARRIERS": "telecmi,wavix"}
    found = load(folder, both)
    assert [each.sample_rate for each in found.carriers.values()] == [8000, 24000]
    found = load(folder, {**both, "TRIOAUDIO_SAMPLE_RATE": "16000"})
    assert [each.sample_rate for each in found.carriers.values()] == [16000, 24000]
    assert found.settings.sample_rate == 16000
    assert load(folder, {"TRIOAUDIO_CARRIERS": "wavix"}).settings.sample_rate == 24000
    (problem,) = problems(folder, {"TRIOAUDIO_CARRIERS": "wavix", "TRIOAUDIO_SAMPLE_RATE": "16000"})
    assert problem == "TRIOAUDIO_SAMPLE_RATE=16000: wavix does not take it; give 24000"


def test_a_carriers_wrong_settings_are_told(folder: Path) -> None:
    environ = {"TRIOAUDIO_RAW_TAIL_MS": "x", "TRIOAUDIO_TELECMI_ENCODING": "mulaw"}
    found = problems(folder, environ)
    assert [line.partition(";")[0] for line in found] == [
        "TRIOAUDIO_TELECMI_ENCODING=mulaw: telecmi does not take it at 8000 Hz",
        "TRIOAUDIO_RAW_TAIL_MS='x': not a whole number",
    ]


# --- At the door -------------------------------------------------------------------------


def test_proof_switched_off(folder: Path) -> None:
    found = load(folder, {"TRIOAUDIO_AUTHENTICATION": "off"})
    assert set(found.carriers) == set(carrier_names())
    assert all(
        each.door is not None and each.door.check is None for each in found.carriers.values()
    )
    environ = {"TRIOAUDIO_AUTHENTICATION": "off", "TRIOAUDIO_MEDIA_LISTEN": "0.0.0.0:8088"}
    (problem,) = problems(folder, environ)
    assert problem.startswith("TRIOAUDIO_AUTHENTICATION=off: others than this machine can reach")
    forced = load(folder, {**environ, "TRIOAUDIO_AUTHENTICATION": "forced-off"})
    (warning,) = forced.warnings
    assert warning.startswith("TRIOAUDIO_AUTHENTICATION=forced-off: ")


def test_whoever_comes_is_let_in(folder: Path) -> None:
    environ = {"TRIOAUDIO_MEDIA_AUTH": "off", **TWILIO}
    found = load(folder, environ)
    assert set(found.carriers) == set(carrier_names())
    doors = {name: each.door for name, each in found.carriers.items()}
    checked = {name for name, door in doors.items() if door is not None and door.check is not None}
    assert checked == {"twilio"}, "of who dials a call's own URL"
    public = {**environ, "TRIOAUDIO_PUBLIC_URL": "wss://voice.example.com"}
    (problem,) = problems(folder, public)
    assert problem.startswith("TRIOAUDIO_MEDIA_AUTH=off: TRIOAUDIO_PUBLIC_URL says")
    (warning,) = load(folder, {**public, "TRIOAUDIO_MEDIA_AUTH": "forced-off"}).warnings
    assert warning.startswith("TRIOAUDIO_MEDIA_AUTH=forced-off: ")


def test_what_can_be_read_on_the_way_is_warned_of(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_CONTROL_LISTEN": "0.0.0.0:8089",
        "TRIOAUDIO_WEBHOOK_URL": "http://192.0.2.1/events",
        "TRIOAUDIO_WEBHOOK_SECRET": HUSH,
    }
    control, webhook = load(folder, environ).warnings
    assert control.startswith("TRIOAUDIO_CONTROL_LISTEN=0.0.0.0:8089: others")
    assert webhook.startswith("TRIOAUDIO_WEBHOOK_URL begins with http://")
    safe = {
        **environ,
        "TRIOAUDIO_CONTROL_TLS_CERT_FILE": "x.pem",
        "TRIOAUDIO_CONTROL_TLS_KEY_FILE": "x.pem",
        "TRIOAUDIO_WEBHOOK_URL": "http://127.0.0.1:9/events",
    }
    assert load(folder, safe).warnings == ()


# --- Everything at once ------------------------------------------------------------------


def test_all_problems_at_once(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_REDIAL_FIRST_S": "9",
        "TRIOAUDIO_WEBHOOK_URL": f"https://h/?{HUSH}",
        "TRIOAUDIO_CARRIERS": "twilio",
        "TRIOAUDIO_ENGINE": "espeak,espeak",
        "TRIOAUDIO_GREETING": "@missing.wav",
    }
    found = problems(folder, environ)
    assert [line.split("=")[0].split(" is")[0] for line in found] == [
        "TRIOAUDIO_REDIAL_CAP_S",
        "TRIOAUDIO_WEBHOOK_URL",
        "TRIOAUDIO_TWILIO_AUTH_TOKEN",
        "engine espeak",
        "TRIOAUDIO_GREETING",
    ]
    assert HUSH not in repr(found)


def test_values_that_cannot_be_read_are_told_before_what_follows_from_them(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_CALLS_MOST": "0",
        "TRIOAUDIO_KEEP_MS": "x",
        "TRIOAUDIO_WEBHOOK_EVENTS": "call.start",
        "TRIOAUDIO_ENGINE": "espek",
    }
    found = problems(folder, environ, no_such=1)
    assert {line.split("=")[0].split(":")[0] for line in found} == {*environ, "--no-such"}
    (problem,) = problems(folder, {"TRIOAUDIO_ENGINE": "espek"})
    assert problem == "TRIOAUDIO_ENGINE: unknown engine 'espek'; did you mean espeak?"


def test_there_is_nowhere_to_keep_anything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", refuse)
    (problem,) = problems(folder, {"HOME": ""})
    assert "give TRIOAUDIO_STATE_FOLDER" in problem


def test_a_recorded_greeting(folder: Path) -> None:
    with WavFile(folder / "hello.wav", 8000) as file:
        file.write(b"\1\0" * 80)
        file.finish()
    found = load(folder, {"TRIOAUDIO_GREETING": "@hello.wav"})
    assert isinstance(found.greeting, RecordedGreeting)
    assert found.greeting.sample_rate == 8000


def test_unknown_variables_are_warned_about(folder: Path) -> None:
    (warning,) = load(folder, {"TRIOAUDIO_MEDIA_LISTENS": HUSH}).warnings
    assert warning.startswith("TRIOAUDIO_MEDIA_LISTENS: no such setting; did you mean")
    assert HUSH not in warning
