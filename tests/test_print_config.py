"""`trioaudio print-config`: every value with its origin, and no secret in any form of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from trioaudio.cli import run_command_line
from trioaudio.config_schema import config_schema
from trioaudio.core.secret import Secret
from trioaudio.effective_settings import Origin, origin_of, shown
from trioaudio.serve_settings import ServeSettings
from trioaudio.setting_catalog import all_groups
from trioaudio.settings import Settings
from trioaudio.settings_sources import Source
from trioaudio.settings_values import Header

HUSH = "hush-hush-42"
EVERY = {each.field: each for group in all_groups() for each in group.settings}
CONFIG = f"""
calls_most = 200
public_url = "wss://voice.example.com"
webhook_url = "https://me.example.com/x?key={HUSH}"
webhook_secret = "${{file:FOLDER/key}}"
greeting = "Good\\u001b[31m morning"
url_allow = ["https://a.example.com/${{file:FOLDER/key}}/"]
relay_url = "wss://app.example.com/${{file:FOLDER/key}}"
headers = ["X-Key: {HUSH}"]
log_text = true
engine.use = ["cartesia", "espeak"]
[carrier.twilio]
auth_token = "{HUSH}"
rest_url = "https://me:{HUSH}@rest.example.com"
[carrier.signalwire]
api_token = "{HUSH}"
[carrier.vonage]
signature_secret = ""
[engine.cartesia]
speed = 1.25
[engine.elevenlabs]
api_key = "{HUSH}"
language_models = ["a", "b"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [each for each in os.environ if each.startswith("TRIOAUDIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text(f"{HUSH}\n")
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    path.chmod(0o600)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10.toml").write_text("calls_most = 300\ncache_mb = 256\n")
    (tmp_path / ".env").write_text("TRIOAUDIO_KEEP_MS=1000\nTRIOAUDIO_LEAD_MS=120\n")
    monkeypatch.setenv("TRIOAUDIO_CONFIG", str(path))
    monkeypatch.setenv("TRIOAUDIO_EARLY_MS", "")
    monkeypatch.setenv("TRIOAUDIO_REDIAL_ATTEMPTS", "3")
    monkeypatch.setenv("CARTESIA_API_KEY", HUSH)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert run_command_line(["print-config", *options]) == 0
    out, err = capsys.readouterr()
    assert HUSH not in out + err
    assert err == ""
    return out


def settings_of(out: str) -> dict[str, dict[str, Any]]:
    return {each["key"]: each for each in json.loads(out)["settings"]}


def test_every_value_has_its_origin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = settings_of(told(capsys, "--json", "--log-level", "debug", "--carriers", "twilio,raw"))
    file = str(folder / "config.toml")
    beside = str(folder / "conf.d" / "10.toml")

    def origin(key: str) -> dict[str, str]:
        known: dict[str, str] = found[key]["origin"]
        return known

    assert origin("restarts_most") == {"kind": "default"}
    assert origin("early_ms") == {"kind": "default", "name": "TRIOAUDIO_EARLY_MS"}
    assert origin("public_url") == {"kind": "config", "name": "public_url", "file": file}
    assert origin("engine") == {"kind": "config", "name": "engine.use", "file": file}
    assert origin("calls_most") == {"kind": "config", "name": "calls_most", "file": beside}
    assert origin("keep_ms") == {"kind": "env-file", "name": "TRIOAUDIO_KEEP_MS", "file": ".env"}
    assert origin("redial_attempts") == {
        "kind": "environment",
        "name": "TRIOAUDIO_REDIAL_ATTEMPTS",
    }
    assert origin("log_level") == {"kind": "option", "name": "--log-level"}
    assert origin("carrier.raw.lead_ms") == origin("lead_ms"), "it holds for all carriers"
    assert found["carrier.raw.lead_ms"]["value"] == 120
    assert origin("engine.cartesia.api_key") == {
        "kind": "environment",
        "name": "CARTESIA_API_KEY",
    }
    assert found["calls_most"]["value"] == 300
    assert found["calls_most"]["default"] == 1000
    assert found["carriers"]["value"] == ["twilio", "raw"]
    assert found["carrier.twilio.auth_token"]["value"] == "***"


def test_it_is_every_setting_of_the_daemon(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(told(capsys, "--json", "--carriers", "raw"))
    keys = [each["key"] for each in document["settings"]]
    assert len(keys) == len(set(keys))
    general = [*attrs.fields_dict(Settings), *attrs.fields_dict(ServeSettings)]
    assert keys[: len(general)] == general
    used = {each["key"] for each in document["settings"] if each["in_use"]}
    owners = {tuple(key.split(".")[:2]) for key in used if "." in key}
    assert owners == {("carrier", "raw"), ("engine", "cartesia"), ("engine", "espeak")}
    assert set(keys) - used == {
        "carrier.signalwire.api_token",
        "carrier.twilio.auth_token",
        "carrier.twilio.rest_url",
        "carrier.vonage.signature_secret",
        "engine.elevenlabs.api_key",
        "engine.elevenlabs.language_models",
    }
    assert document["files"] == [
        str(folder / "config.toml"),
        str(folder / "conf.d" / "10.toml"),
        ".env",
    ]
    assert document["warnings"] == []


def test_secrets_are_in_no_form_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = settings_of(told(capsys, "--json"))
    assert found["webhook_secret"]["value"] == "***"
    assert found["webhook_url"]["value"] == "https://me.example.com/x?***"
    assert found["headers"]["value"] == ["X-Key: ***"]
    assert found["carrier.twilio.rest_url"]["value"] == "https://***@rest.example.com"
    assert found["engine.elevenlabs.api_key"]["value"] == "***"
    assert found["carrier.vonage.signature_secret"]["value"] == ""
    for options in ([], ["--changed"], ["--changed", "--json"]):
        assert "***" in told(capsys, *options)


def test_what_stands_elsewhere_is_shown_as_it_was_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = settings_of(told(capsys, "--json"))
    key = f"${{file:{folder}/key}}"
    assert found["relay_url"]["value"] == f"wss://app.example.com/{key}"
    assert found["url_allow"]["value"] == [f"https://a.example.com/{key}/"]


def test_only_what_is_not_the_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "--changed", "--carriers", "twilio").splitlines()
    file = folder / "config.toml"
    assert f"  calls_most  300  {folder}/conf.d/10.toml: calls_most" in lines
    assert "Engine elevenlabs (not in use)" in lines
    assert "  greeting   Good\\x1b[31m morning" in "\n".join(lines)
    assert any(line.startswith("  log_text") and " yes " in line for line in lines)
    assert any(line.split()[:2] == ["engine.cartesia.speed", "1.25"] for line in lines)
    assert f"  engine  cartesia,espeak  {file}: engine.use" in lines
    assert not any("cache_mb" in line for line in lines), "said, and yet the default"
    assert not any("early_ms" in line for line in lines)
    assert sum("lead_ms" in line for line in lines) == 2


def test_a_table_of_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys).splitlines()
    assert lines[0] == "Speaking"
    starts = [line for line in lines if line and not line.startswith(" ")]
    headings = [group.heading for group in all_groups()]
    in_use = [line for line in starts if not line.endswith("(not in use)")]
    general = [each for each in headings if not each.startswith(("Carrier ", "Engine "))]
    assert in_use[: len(general)] == general
    assert in_use[len(general)] == "Carrier telecmi", "the one for new calls first"
    assert set(in_use) <= set(headings)
    assert any(line.split() == ["voice", "-", "default"] for line in lines)
    assert any("default (TRIOAUDIO_EARLY_MS is empty)" in line for line in lines)


def test_the_defaults_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv("TRIOAUDIO_CONFIG", "config.toml")
    monkeypatch.setenv("TRIOAUDIO_CARRIERS", "")
    assert told(capsys, "--changed") == "every setting has its default\n"


def test_the_rate_of_a_carrier_that_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = settings_of(told(capsys, "--json", "--carriers", "wavix"))
    assert found["sample_rate"]["value"] == 24000
    assert found["sample_rate"]["origin"] == {"kind": "carrier", "name": "wavix"}


def test_problems_are_told_as_serve_tells_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIOAUDIO_KEEP_MS", "-1")
    (folder / "conf.d" / "20.toml").write_text("calls_most = 0")
    assert run_command_line(["print-config", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert run_command_line(["serve"]) == 2
    assert capsys.readouterr().err == err
    assert sorted(line.split("=")[0] for line in err.splitlines()) == [
        "trioaudio: error: TRIOAUDIO_KEEP_MS",
        "trioaudio: error: calls_most",
    ]


def test_warnings_are_told_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "conf.d" / "20.toml").write_text("cals_most = 1")
    assert run_command_line(["print-config", "--json"]) == 0
    out, err = capsys.readouterr()
    [warning] = json.loads(out)["warnings"]
    assert err == f"trioaudio: warning: {warning}\n"
    assert "did you mean calls_most" in warning


def test_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(told(capsys, "--schema")) == config_schema()


@pytest.mark.system
def test_nobody_reads_it(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "trioaudio", "print-config"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            program, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path
        )
    assert done.returncode == 6
    assert done.stderr == (
        "trioaudio: error: cannot write to standard output: No space left on device\n"
    )


# --- Its parts -----------------------------------------------------------------------------


def test_origins_read_as_a_person_would_say_them() -> None:
    assert str(Origin("default")) == "default"
    assert str(Origin("default", "X")) == "default (X is empty)"
    assert str(Origin("config", "a.b", "/etc/x.toml")) == "/etc/x.toml: a.b"
    assert str(Origin("env-file", "X", ".env")) == ".env: X"
    assert str(Origin("environment", "X")) == "environment: X"
    assert str(Origin("option", "--x")) == "option: --x"
    assert str(Origin("carrier", "wavix")) == "carrier wavix"


def test_the_strongest_word_counts() -> None:
    weak = Source({"voice": "a"}, file="c.toml", is_toml=True)
    strong = Source({"voice": "b"})
    assert origin_of("voice", [weak, strong]) == Origin("environment", "TRIOAUDIO_VOICE")
    assert origin_of("voice", [weak]) == Origin("config", "voice", "c.toml")
    assert origin_of("url", [weak]) == Origin("default")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("token", Secret(HUSH), "***"),
        ("token", Secret(), ""),
        ("headers", (Header("A", Secret(HUSH)),), ["A: ***"]),
        ("headers", (), ""),
        ("url", f"wss://me:{HUSH}@h/x?y#z", "wss://***@h/x?***#***"),
        ("url", "wss://h/x", "wss://h/x"),
        ("url_allow", ("https://h/x",), ["https://h/x"]),
        ("public_url", None, None),
        ("keep_ms", 3, 3),
    ],
)
def test_how_a_value_is_shown(field: str, value: object, expected: object) -> None:
    assert shown(EVERY[field], value, None) == expected


def test_an_option_is_literal() -> None:
    option = Source({"voice": "${cred:x}"}, is_options=True)
    assert shown(EVERY["voice"], "${cred:x}", option) == "${cred:x}"
