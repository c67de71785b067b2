"""The JSON Schema takes what the program takes, and refuses what it refuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from trioaudio.config_schema import DIALECT, config_schema
from trioaudio.configuration import load_configuration
from trioaudio.core.errors import ConfigError
from trioaudio.setting_catalog import Group, Setting, all_groups, plain

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "deploy/config.toml.example"
SCHEMA = config_schema()
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)


def document(setting: Setting, value: object) -> object:
    """A configuration that says one thing, as JSON has it."""
    *tables, key = setting.toml_key.split(".")
    found: object = {key: value}
    for table in reversed(tables):
        found = {table: found}
    return found


def test_it_is_a_schema() -> None:
    assert SCHEMA["$schema"] == DIALECT
    jsonschema_rs.meta.validate(SCHEMA)
    json.dumps(SCHEMA)


def test_the_example_is_taken() -> None:
    VALIDATOR.validate(tomllib.loads(EXAMPLE.read_text("utf-8")))


def test_the_example_is_read_without_a_word(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    (tmp_path / "config.toml").write_text(text)
    (tmp_path / "config.toml").chmod(0o644)
    for name in ("webhook-secret", "twilio-auth-token", "telnyx-api-key", "telnyx-stream-token"):
        (tmp_path / name).write_text(f"of {name}")
    (tmp_path / "cartesia-api-key").write_text("sk_car_x\n")
    environ = {
        "TRIOAUDIO_CONFIG": "config.toml",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "HOME": str(tmp_path),
    }
    read = load_configuration(environ, tmp_path)
    assert read.warnings == ()
    assert list(read.carriers) == ["twilio", "telnyx"]
    assert "of twilio-auth-token" in read.secrets()
    assert [each.kind.name for each in read.engines] == ["cartesia", "espeak"]
    assert "sk_car_x" in read.secrets()
    assert read.engines[0].settings.first_audio_ms == 700


@pytest.mark.parametrize("group", all_groups(), ids=lambda each: str(each.heading))
def test_every_default_is_taken_and_another_kind_is_not(group: Group) -> None:
    for setting in group.settings:
        try_values(setting)


def try_values(setting: Setting) -> None:
    if setting.default is not None and not setting.secret:
        VALIDATOR.validate(document(setting, plain(setting.default)))
    for text in ("", "${cred:x}"):
        VALIDATOR.validate(document(setting, text))
    assert not VALIDATOR.is_valid(document(setting, {"x": 1}))
    if setting.is_number:
        least, most = setting.limits
        VALIDATOR.validate(document(setting, least))
        VALIDATOR.validate(document(setting, str(least)))
        VALIDATOR.validate(document(setting, most))
        for wrong in (least - 1, most + 1, True, "many"):
            assert not VALIDATOR.is_valid(document(setting, wrong))
    elif setting.choices:
        for choice in setting.choices:
            VALIDATOR.validate(document(setting, choice))
        assert not VALIDATOR.is_valid(document(setting, "neither"))
    else:
        assert not VALIDATOR.is_valid(document(setting, 1.5))


@pytest.mark.parametrize(
    "text",
    [
        "engine = 'espeak'",
        "engine = ['cartesia', 'espeak']",
        "engine.use = ['cartesia']\n[engine.cartesia]\nspeed = 1",
        "carrier = 'raw'",
        "carrier.use = 'raw'\n[carrier.raw]\nlead_ms = '60'",
        "normalise = 'NO'",
        "normalise = '0'",
        "early_ms = '1e1'",
        "early_ms = '.5'",
        "keep_ms = '1_000'",
        "trusted_proxies = '10.0.0.1|10.0.0.2'",
    ],
)
def test_what_the_program_takes_is_taken(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    environ = {
        "TRIOAUDIO_CONFIG": "config.toml",
        "HOME": str(tmp_path),
        "CARTESIA_API_KEY": "x",
    }
    assert load_configuration(environ, tmp_path).warnings == ()
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "keep_ms = 1.5",
        "keep_ms = '1.5'",
        "keep_ms = [1]",
        "normalise = 1",
        "normalise = 'perhaps'",
        "engine.use = []",
        "engine = ['nobody']",
        "carrier = 'nobody'",
        "carriers = ['nobody']",
        "caller_id = 91",
        "trusted_proxies = [1]",
        "level_dbov = 3",
    ],
)
def test_what_the_program_refuses_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    environ = {"TRIOAUDIO_CONFIG": "config.toml", "HOME": str(tmp_path)}
    with pytest.raises(ConfigError):
        load_configuration(environ, tmp_path)
    assert not VALIDATOR.is_valid(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    ["cals_most = 3", "[carrier.twilo]", "[carrier.twilio]\nx = 1", "twilio_auth_token = 'x'"],
)
def test_unknown_names_are_refused(text: str) -> None:
    assert not VALIDATOR.is_valid(tomllib.loads(text))
