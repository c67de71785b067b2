from __future__ import annotations

import enum
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from typed_settings.exceptions import InvalidSettingsError

import trioaudio.carriers
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.carriers.raw import RawSettings
from trioaudio.core.carrier import CarrierSettings, Idle
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.engines import engine_names, load_engine
from trioaudio.net.far_address import networks_of
from trioaudio.pacer import EARLY
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import PREFIX, Settings, conflicts, secret_values, variable
from trioaudio.settings_loading import Loaded, load_settings, usual_rate
from trioaudio.settings_values import Address, Header

HUSH = "hush-hush-42"
EXAMPLE = Path(__file__).parent.parent / ".env.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def problems(environ: Mapping[str, str], folder: Path, **overrides: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ, folder, overrides)
    assert caught.value.__context__ is None, "the library's error repeats the values"
    return list(caught.value.problems)


def all_variables() -> dict[str, object]:
    """Every setting's variable and default."""
    found: dict[str, object] = {
        variable(field.name): field.default
        for field in (*attrs.fields(Settings), *attrs.fields(ServeSettings))
    }
    for name in carrier_names():
        settings = load_carrier(name).settings
        for field in attrs.fields(type(settings)):
            key = variable(f"{name}_{field.name}")
            assert key not in found, f"{key} means two settings"
            found[key] = getattr(settings, field.name)
    for name in engine_names():
        own = load_engine(name).settings
        for field in attrs.fields(type(own)):
            key = variable(f"{name}_{field.name}")
            assert key not in found, f"{key} means two settings"
            found[key] = getattr(own, field.name)
    return found


# --- Sources -----------------------------------------------------------------------------


def test_defaults(folder: Path) -> None:
    loaded = load_settings({}, folder)
    carrier = load_carrier("telecmi")
    assert loaded == Loaded(Settings(), carrier, carrier.settings, ())


def test_precedence(folder: Path) -> None:
    (folder / ".env").write_text(
        "TRIOAUDIO_KEEP_MS=1\nTRIOAUDIO_TEXT_LIMIT=1\nTRIOAUDIO_VOICE=file\n"
    )
    environ = {"TRIOAUDIO_KEEP_MS": "2", "TRIOAUDIO_TEXT_LIMIT": "2"}
    settings = load_settings(environ, folder, {"keep_ms": 3, "voice": None}).settings
    assert (settings.keep_ms, settings.text_limit, settings.voice) == (3, 2, "file")
    assert settings.early_ms == Settings().early_ms


def test_empty_means_the_default_whatever_weaker_sources_say(folder: Path) -> None:
    (folder / ".env").write_text(f"TRIOAUDIO_TOKEN={HUSH}\nTRIOAUDIO_LEAD_MS=60\n")
    environ = {"TRIOAUDIO_TOKEN": "", "TRIOAUDIO_LEAD_MS": "", "TRIOAUDIO_CARRIER": ""}
    assert load_settings(environ, folder).settings == Settings()


def test_another_env_file(folder: Path) -> None:
    (folder / ".env").write_text("TRIOAUDIO_VOICE=one\n")
    (folder / "two.env").write_text("TRIOAUDIO_VOICE=two\n")
    environ = {"TRIOAUDIO_ENV_FILE": "two.env"}
    assert load_settings(environ, folder).settings.voice == "two"
    environ = {"TRIOAUDIO_ENV_FILE": str(folder / "two.env")}
    assert load_settings(environ, Path("/")).settings.voice == "two"
    [problem] = problems({"TRIOAUDIO_ENV_FILE": "three.env"}, folder)
    assert "three.env: No such file" in problem


def test_a_folder_called_env_is_not_read(folder: Path) -> None:
    (folder / ".env").mkdir()
    assert load_settings({}, folder).settings == Settings()


def test_a_folder_that_may_not_be_searched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", refuse)
    assert load_settings({}, folder).settings == Settings()


def test_the_file_is_exported_to_nobody(folder: Path) -> None:
    (folder / ".env").write_text(f"TRIOAUDIO_TOKEN={HUSH}\nOTHER_SECRET={HUSH}\n")
    before = dict(os.environ)
    assert load_settings(os.environ, folder).settings.token.get() == HUSH
    assert dict(os.environ) == before
    child = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    seen = subprocess.run(child, check=True, capture_output=True, text=True).stdout
    assert "PATH" in json.loads(seen)
    assert HUSH not in seen


# --- Kinds of values ---------------------------------------------------------------------


def test_every_kind_of_value(folder: Path) -> None:
    (folder / "ca.pem").touch()
    environ = {
        "TRIOAUDIO_CARRIER": "raw",
        "TRIOAUDIO_SAMPLE_RATE": "16000",
        "TRIOAUDIO_LEAD_MS": "120",
        "TRIOAUDIO_URL": "wss://media.example.com/x?key=1",
        "TRIOAUDIO_LISTEN": "[::1]:8080",
        "TRIOAUDIO_TOKEN": HUSH,
        "TRIOAUDIO_HEADERS": "X-One: 1 | X-Two: a:b",
        "TRIOAUDIO_TLS_CA_FILE": "ca.pem",
        "TRIOAUDIO_EARLY_MS": "0.5",
        "TRIOAUDIO_LOG_LEVEL": "WARNING",
        "TRIOAUDIO_LOG_FILE": "errors.log",
        "TRIOAUDIO_RAW_IDLE": "comfort-noise",
        "TRIOAUDIO_RAW_LEAD_MS": "60",
        "TRIOAUDIO_RAW_CLEAR_MESSAGE": '{"clear":true}',
    }
    loaded = load_settings(environ, folder)
    assert loaded.warnings == ()
    assert loaded.carrier is load_carrier("raw")
    assert loaded.settings == Settings(
        carrier="raw",
        sample_rate=16000,
        lead_ms=120,
        url="wss://media.example.com/x?key=1",
        listen=Address("::1", 8080),
        token=Secret(HUSH),
        headers=(Header("X-One", Secret("1")), Header("X-Two", Secret("a:b"))),
        tls_ca_file=folder / "ca.pem",
        early_ms=0.5,
        log_level="warning",
        log_file=folder / "errors.log",
    )
    assert loaded.carrier_settings == RawSettings(
        idle=Idle.COMFORT_NOISE, clear_message='{"clear":true}', lead_ms=120
    )


def test_a_carriers_own_lead(folder: Path) -> None:
    loaded = load_settings({"TRIOAUDIO_TELECMI_LEAD_MS": "60"}, folder)
    assert loaded.carrier_settings.lead_ms == 60


def test_options_may_have_their_type_already(folder: Path) -> None:
    options = {
        "sample_rate": 16000,
        "early_ms": 0.0,
        "token": Secret(HUSH),
        "listen": Address("h", 1),
        "headers": ["A: x|y", Header("B", Secret("2"))],
        "telecmi_idle": Idle.SILENCE,
    }
    loaded = load_settings({}, folder, options)
    assert loaded.settings == Settings(
        sample_rate=16000,
        early_ms=0.0,
        token=Secret(HUSH),
        listen=Address("h", 1),
        headers=(Header("A", Secret("x|y")), Header("B", Secret("2"))),
    )
    assert loaded.carrier_settings.idle is Idle.SILENCE


class Shade(enum.Enum):
    DARK = "Dark"


@attrs.frozen
class OddSettings(CarrierSettings):
    key: Secret = attrs.field(default=Secret(), metadata={"help": "a key"})
    loud: bool = attrs.field(default=False, metadata={"help": "yes or no"})
    shade: Shade = Shade.DARK
    gain: float = attrs.field(default=1.0, metadata={"help": "factor", "least": 0.5, "most": 2})


@pytest.fixture
def odd_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """A carrier with kinds of settings that none has yet."""
    module: Any = ModuleType("odd")
    settings = OddSettings(lead_ms=180)
    raw = load_carrier("raw")
    module.CARRIER = attrs.evolve(raw, name="odd", settings=settings, sample_rates=(8000,))
    monkeypatch.setitem(sys.modules, "trioaudio.carriers.odd", module)
    names = [*carrier_names(), "odd"]
    monkeypatch.setattr(trioaudio.carriers, "carrier_names", lambda: names)
    monkeypatch.setattr("trioaudio.settings_doubts.carrier_names", lambda: names)


@pytest.mark.usefixtures("odd_carrier")
def test_any_carriers_settings(folder: Path) -> None:
    environ = {"TRIOAUDIO_CARRIER": "odd"}
    loaded = load_settings(environ, folder)
    assert loaded.carrier_settings == OddSettings(lead_ms=180), "the description's own defaults"
    more = {"TRIOAUDIO_ODD_KEY": HUSH, "TRIOAUDIO_ODD_LOUD": "yes", "TRIOAUDIO_ODD_SHADE": "DARK"}
    loaded = load_settings(environ | more, folder)
    assert loaded.carrier_settings == OddSettings(lead_ms=180, key=Secret(HUSH), loud=True)
    assert secret_values(loaded.settings, loaded.carrier_settings) == {HUSH}
    assert secret_values(loaded.carrier_settings) == {HUSH}
    wrong = {
        "TRIOAUDIO_ODD_LOUD": "perhaps",
        "TRIOAUDIO_ODD_SHADE": "light",
        "TRIOAUDIO_ODD_GAIN": "3",
        "TRIOAUDIO_ODD_LEAD_MS": "2001",
        "TRIOAUDIO_ODD_TAIL_MS": "-1",
    }
    assert {line.partition("=")[0] for line in problems(environ | wrong, folder)} == set(wrong)
    [problem] = problems(environ, folder, sample_rate=16000)
    assert problem == "TRIOAUDIO_SAMPLE_RATE=16000: odd does not take it; give 8000"


# --- Errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CARRIER", "telcmi", "did you mean telecmi?"),
        ("ENGINE", "no-such-engine", "unknown engine"),
        ("SAMPLE_RATE", "fast", "not a whole number; give hertz"),
        ("SAMPLE_RATE", "8000.5", "not a whole number"),
        ("SAMPLE_RATE", "11025", "give 8000, 16000, 24000 hertz"),
        ("LANGUAGE", "tamil language", "give e.g. en"),
        ("LEAD_MS", "2001", "give 0 to 2000"),
        ("LEAD_MS", "-1", "give 0 to 2000"),
        ("EARLY_MS", "nan", "out of range"),
        ("DIAL_TIMEOUT_S", "0", "out of range"),
        ("SHUTDOWN_S", "-1", "out of range"),
        ("SHUTDOWN_S", "inf", "out of range"),
        ("SHUTDOWN_S", "5s", "not a number; give seconds"),
        ("MAX_MESSAGE_BYTES", "9" * 5000, "not a whole number"),
        ("LISTEN", "8080", "give HOST:PORT"),
        ("URL", "https://h", "begin it with ws://"),
        ("TLS_CA_FILE", "missing.pem", "No such file"),
        ("TLS_CA_FILE", "~no-such-user/x", "home folder"),
        ("LOG_LEVEL", "warn", "did you mean warning?"),
        ("LOG_FORMAT", "xml", "there are: console, json"),
        ("LOG_FILE", "missing/x.log", "folder does not exist"),
        ("TELECMI_ENDING", "hang-up", "did you mean hangup?"),
        ("TELECMI_FRAMES_PER_MESSAGE", "-1", "out of range"),
    ],
)
def test_each_check_names_the_variable_the_wrong_and_the_fix(
    folder: Path, name: str, value: str, said: str
) -> None:
    [problem] = problems({PREFIX + name: value}, folder)
    assert problem.startswith(PREFIX + name)
    assert said in problem
    assert repr(value)[:40].rstrip("'") in problem
    assert "\n" not in problem
    assert len(problem) < 250


def test_a_known_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.settings_loading.engine_names", lambda: ["espeak", "other"])
    loaded = load_settings({"TRIOAUDIO_ENGINE": "other"}, folder)
    assert loaded.settings.engine == "other"
    [problem] = problems({"TRIOAUDIO_ENGINE": "oter"}, folder)
    assert problem == "TRIOAUDIO_ENGINE: unknown engine 'oter'; did you mean other?"


def test_all_errors_at_once_each_with_its_place(folder: Path) -> None:
    (folder / ".env").write_text('TRIOAUDIO_KEEP_MS=x\nTRIOAUDIO_VOICE="\nTRIOAUDIO_SHUTDOWN_S=x\n')
    environ = {
        "TRIOAUDIO_LEAD_MS": "x",
        "TRIOAUDIO_CARRIER": "raw",
        "TRIOAUDIO_RAW_TAIL_MS": "x",
        "TRIOAUDIO_TOKEN": "a b",
    }
    found = problems(environ, folder, early_ms="x", sample_rate="x", no_such=1)
    assert [line.partition("=")[0].partition(":")[0] for line in found] == [
        f"{folder}/.env line 2",
        "--rate",
        "TRIOAUDIO_TOKEN",
        "TRIOAUDIO_LEAD_MS",
        "--early-ms",
        "TRIOAUDIO_RAW_TAIL_MS",
        "--no-such",
    ]
    (folder / ".env").write_text("TRIOAUDIO_KEEP_MS=x\n")
    assert "TRIOAUDIO_KEEP_MS='x' (in .env): not a whole number" in problems({}, folder)[0]


def test_conflicts(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_REDIAL_FIRST_S": "9",
        "TRIOAUDIO_TOKEN": HUSH,
        "TRIOAUDIO_HEADERS": f"authorization: Bearer {HUSH}",
    }
    found = problems(environ, folder)
    assert [line.partition(":")[0] for line in found] == [
        "TRIOAUDIO_REDIAL_CAP_S=8",
        "TRIOAUDIO_HEADERS",
    ]
    assert conflicts(Settings()) == []


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("TRIOAUDIO_TLS_CERT_FILE", "TRIOAUDIO_TLS_KEY_FILE"),
        ("TRIOAUDIO_TLS_KEY_FILE", "TRIOAUDIO_TLS_CERT_FILE"),
    ],
)
def test_a_certificate_and_its_key_go_together(folder: Path, given: str, missing: str) -> None:
    (folder / "x.pem").touch()
    [problem] = problems({given: "x.pem"}, folder)
    assert problem.startswith(f"{given} is set and {missing} is not")
    load_settings({given: "x.pem", missing: "x.pem"}, folder)


def test_what_guards_the_door(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_AUTHENTICATION": "Forced-Off",
        "TRIOAUDIO_PUBLIC_URL": "wss://voice.example.com/tel",
        "TRIOAUDIO_TRUSTED_PROXIES": "127.0.0.1 | 10.0.0.0/8",
    }
    settings = load_settings(environ, folder).settings
    assert settings.authentication == "forced-off"
    assert settings.public_url == "wss://voice.example.com/tel"
    assert [str(each) for each in networks_of(settings.trusted_proxies)] == [
        "127.0.0.1/32",
        "10.0.0.0/8",
    ]
    for wrong in ("no", "false", "0"):
        [problem] = problems({"TRIOAUDIO_AUTHENTICATION": wrong}, folder)
        assert "not a choice" in problem
    [problem] = problems({"TRIOAUDIO_TRUSTED_PROXIES": "10.0.0.0/8|proxy"}, folder)
    assert "not an address or a network" in problem


@pytest.mark.parametrize("source", ["environment", "file", "options"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token", f"two {HUSH}"),
        ("headers", f"X: {HUSH}|{HUSH}"),
        ("headers", f"X: {HUSH}|Host: {HUSH}"),
        ("headers", f"X: {HUSH}|x: {HUSH}"),
        ("url", f"https://u:{HUSH}@h/?{HUSH}"),
    ],
)
def test_errors_show_no_secret(folder: Path, source: str, name: str, value: str) -> None:
    if source == "file":
        (folder / ".env").write_text(f"{variable(name)}='{value}'\n")
    environ = {variable(name): value} if source == "environment" else {}
    found = problems(environ, folder, **({name: value} if source == "options" else {}))
    assert "***" in found[0]
    assert HUSH not in repr(found)


def test_settings_show_no_secret(folder: Path) -> None:
    environ = {
        "TRIOAUDIO_TOKEN": HUSH,
        "TRIOAUDIO_HEADERS": f"X-Key: Basic {HUSH}",
        "TRIOAUDIO_URL": f"wss://h/p?key={HUSH}",
    }
    loaded = load_settings(environ, folder)
    for shown in (repr(loaded), str(loaded), f"{loaded.settings}", str(loaded.settings.headers)):
        assert HUSH not in shown
        assert "X-Key" in shown
    assert secret_values(loaded.settings) == {HUSH, f"Basic {HUSH}", f"key={HUSH}"}
    assert secret_values(Settings()) == frozenset()


def test_what_only_the_daemon_has_is_known_and_not_read(folder: Path) -> None:
    environ = {variable(field.name): "not read" for field in attrs.fields(ServeSettings)}
    assert load_settings(environ, folder).warnings == ()


def test_unknown_variables_are_warned_about(folder: Path) -> None:
    (folder / ".env").write_text(f"TRIOAUDIO_TOKE={HUSH}\nOTHER=1\ntrioaudio_x=1\n")
    environ = {
        "TRIOAUDIO_SAMPLERATE": HUSH,
        "TRIOAUDIO_RAW_CLEAR_MESAGE": HUSH,
        "TRIOAUDIO_TELECMI_TAIL_MS": "100",
        "TRIOAUDIO_RAW_TAIL_MS": "another carrier's, perhaps wrong, and not read",
        "TRIOAUDIO_QQQQQQ": "",
        "PATH": "",
    }
    warnings = load_settings(environ, folder).warnings
    assert HUSH not in repr(warnings)
    assert [line.partition(":")[0] for line in warnings] == [
        "TRIOAUDIO_TOKE (in .env)",
        "TRIOAUDIO_QQQQQQ",
        "TRIOAUDIO_RAW_CLEAR_MESAGE",
        "TRIOAUDIO_SAMPLERATE",
    ]
    assert "did you mean TRIOAUDIO_TOKEN" in warnings[0]
    assert "none has a name like it" in warnings[1]
    assert "did you mean TRIOAUDIO_RAW_CLEAR_MESSAGE" in warnings[2]
    assert "did you mean TRIOAUDIO_SAMPLE_RATE" in warnings[3]


@pytest.mark.usefixtures("odd_carrier")
def test_a_class_that_refuses_right_values_is_a_bug(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: OddSettings, **_values: object) -> None:
        raise LookupError("of our own")

    load_carrier("odd")
    monkeypatch.setattr(OddSettings, "__init__", refuse)
    with pytest.raises(InvalidSettingsError, match="1 error"):
        load_settings({"TRIOAUDIO_CARRIER": "odd", "TRIOAUDIO_ODD_LOUD": "yes"}, folder)


# --- The reference -----------------------------------------------------------------------


def test_every_field_explains_itself() -> None:
    for name in carrier_names():
        for field in attrs.fields(type(load_carrier(name).settings)):
            assert field.metadata.get("help"), f"{name}: {field.name}"
    for field in (*attrs.fields(Settings), *attrs.fields(ServeSettings)):
        assert field.metadata["help"], field.name


def example() -> dict[str, tuple[str, str]]:
    """Variable → (value, comment above it)."""
    text = EXAMPLE.read_text("utf-8")
    blocks = re.findall(r"((?:^# .*\n)*)^#(\w+)=(.*)$", text, re.MULTILINE)
    assert len(blocks) == len({name for _, name, _ in blocks}), "twice the same"
    return {
        name: (value, " ".join(above.replace("\n# ", "\n").removeprefix("# ").split()))
        for above, name, value in blocks
    }


def test_the_example_has_every_setting_and_no_other() -> None:
    assert set(example()) == set(all_variables())


def test_the_example_says_each_true_default() -> None:
    written = {name: value for name, (value, _) in example().items()}
    for name, default in all_variables().items():
        match default:
            case None | () | Secret():
                expected = ""
            case bool():
                expected = "yes" if default else "no"
            case enum.Enum():
                expected = str(default.value)
            case Address():
                expected = str(default)
            case tuple():
                expected = ",".join(default)
            case float():
                expected = f"{default:g}"
            case _:
                expected = str(default)
        assert written[name] == expected, name


def test_the_example_says_what_each_means() -> None:
    comments = {name: comment for name, (_, comment) in example().items()}
    for name in carrier_names():
        for field in attrs.fields(type(load_carrier(name).settings)):
            assert comments[variable(f"{name}_{field.name}")] == field.metadata["help"]
    for name in engine_names():
        for field in attrs.fields(type(load_engine(name).settings)):
            assert comments[variable(f"{name}_{field.name}")] == field.metadata["help"]
    for field in (*attrs.fields(Settings), *attrs.fields(ServeSettings)):
        assert comments[variable(field.name)] == field.metadata["help"]


@pytest.mark.parametrize("name", carrier_names())
def test_the_whole_example_loads_to_the_defaults(folder: Path, name: str) -> None:
    text = re.sub(r"^#(?=\w+=)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    (folder / ".env").write_text(text)
    # The rate is left open: not every carrier takes the usual one.
    loaded = load_settings({"TRIOAUDIO_CARRIER": name, "TRIOAUDIO_SAMPLE_RATE": ""}, folder)
    carrier = load_carrier(name)
    settings = Settings(carrier=name, sample_rate=usual_rate(Settings(), carrier))
    assert loaded == Loaded(settings, carrier, carrier.settings, ())


def test_a_carrier_of_one_rate_only_needs_no_rate_given(folder: Path) -> None:
    loaded = load_settings({"TRIOAUDIO_CARRIER": "wavix"}, folder)
    assert loaded.settings.sample_rate == 24000
    [problem] = problems({"TRIOAUDIO_CARRIER": "wavix", "TRIOAUDIO_SAMPLE_RATE": "8000"}, folder)
    assert problem == "TRIOAUDIO_SAMPLE_RATE=8000: wavix does not take it; give 24000"


def test_an_encoding_the_carrier_does_not_take_is_named_with_its_variable(folder: Path) -> None:
    [problem] = problems({"TRIOAUDIO_TELECMI_ENCODING": "mulaw"}, folder)
    assert problem == (
        "TRIOAUDIO_TELECMI_ENCODING=mulaw: telecmi does not take it at 8000 Hz; give pcm16"
    )


def test_the_pacer_is_as_early_by_itself_as_by_the_settings() -> None:
    assert Settings().early_ms / 1000 == EARLY
