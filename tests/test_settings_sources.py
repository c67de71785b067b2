"""What each source says, and which is stronger: files, `.env`, environment, options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from trioaudio import config_file
from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.carrier import Idle
from trioaudio.core.errors import ConfigError
from trioaudio.settings import Settings
from trioaudio.settings_loading import Loaded, load_engines, load_settings
from trioaudio.settings_sources import find_sources
from trioaudio.settings_values import Address, Header
from trioaudio.text_file import ForbiddenFileError

HUSH = "hush-hush-42"
CONFIG = {"TRIOAUDIO_CONFIG": "config.toml"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def load(folder: Path, text: str, **environ: str) -> Loaded:
    config(folder, text)
    return load_settings(CONFIG | environ, folder)


def daemon(folder: Path, text: str, environ: Mapping[str, str] = CONFIG) -> Configuration:
    config(folder, text)
    return load_configuration({"HOME": str(folder), **CONFIG, **environ}, folder)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    assert HUSH not in repr(caught.value.problems)
    return [each.replace(str(folder), "") for each in caught.value.problems]


# --- Precedence --------------------------------------------------------------------------


def test_each_source_is_stronger_than_those_before_it(folder: Path) -> None:
    names = ["text_limit", "cache_mb", "door_refusals", "redial_attempts", "restarts_most"]
    config(folder, "".join(f"{name} = 1\n" for name in [*names, "keep_ms"]))
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "10.toml").write_text("".join(f"{name} = 2\n" for name in names))
    (folder / "conf.d" / "20.toml").write_text("".join(f"{name} = 3\n" for name in names[1:]))
    (folder / ".env").write_text("".join(f"TRIOAUDIO_{each.upper()}=4\n" for each in names[2:]))
    environ = {f"TRIOAUDIO_{name.upper()}": "5" for name in names[3:]}
    settings = load_settings(CONFIG | environ, folder, {"restarts_most": "6"}).settings
    assert [getattr(settings, name) for name in ["keep_ms", *names]] == [1, 2, 3, 4, 5, 6]
    assert settings.log_level == Settings().log_level


def test_empty_means_the_default_whatever_weaker_sources_say(folder: Path) -> None:
    text = 'keep_ms = 5\nvoice = "x"\nlog_level = ""\n'
    assert load(folder, text, TRIOAUDIO_KEEP_MS="", TRIOAUDIO_VOICE="").settings == Settings()


def test_the_env_file_may_name_the_file(folder: Path) -> None:
    config(folder, "keep_ms = 5")
    (folder / ".env").write_text("TRIOAUDIO_CONFIG=config.toml\n")
    loaded = load_settings({}, folder)
    assert (loaded.settings.keep_ms, loaded.warnings) == (5, ())


def test_the_usual_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "DEFAULT_FILE", config(folder, "keep_ms = 5"))
    assert load_settings({}, Path("/")).settings.keep_ms == 5
    assert load_settings({"TRIOAUDIO_CONFIG": ""}, Path("/")).settings.keep_ms == 5


def test_a_usual_file_that_is_closed_ends_the_daemon_and_warns_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise ForbiddenFileError(f"{path}: Permission denied")

    monkeypatch.setattr(config_file, "DEFAULT_FILE", config(folder, "keep_ms = 5"))
    monkeypatch.setattr(config_file, "read_text_file", refuse)
    loaded = load_settings({}, folder)
    assert loaded.settings == Settings()
    assert loaded.warnings == (f"not read: {folder}/config.toml: Permission denied",)
    with pytest.raises(ConfigError, match="Permission denied"):
        load_configuration({"HOME": str(folder)}, folder)
    assert load_engines(Settings(), {}, folder)


# --- Kinds of values ---------------------------------------------------------------------


def test_every_kind_of_value(folder: Path) -> None:
    text = """
carrier.use = "raw"
listen = "[::1]:8080"
headers = ["X-One: 1", "X-Two: a:b"]
trusted_proxies = ["10.0.0.0/8"]
embedded_last = false
level_dbov = -20
early_ms = 1.5
keep_ms = 3.0
lead_ms = "120"
log_level = "DEBUG"
engine.use = ["cartesia", "espeak"]
[carrier.raw]
idle = "silence"
open_message = "hi"
[engine.cartesia]
api_key = "hush-hush-42"
speed = 1
timestamps = "no"
[engine.elevenlabs]
language_models = ["a", "b"]
"""
    loaded = load(folder, text)
    settings = loaded.settings
    assert settings.listen == Address("::1", 8080)
    assert [str(each) for each in settings.headers] == ["X-One: ***", "X-Two: ***"]
    assert all(isinstance(each, Header) for each in settings.headers)
    assert settings.trusted_proxies == ("10.0.0.0/8",)
    assert not settings.embedded_last
    assert (settings.level_dbov, settings.early_ms, settings.lead_ms) == (-20.0, 1.5, 120)
    assert settings.keep_ms == 3
    assert isinstance(settings.keep_ms, int)
    assert (settings.log_level, settings.engine) == ("debug", "cartesia,espeak")
    assert (loaded.carrier.name, loaded.carrier_settings.idle) == ("raw", Idle.SILENCE)
    cartesia, _ = load_engines(settings, CONFIG, folder)
    own: object = cartesia.settings
    assert (own.api_key.get(), own.speed, own.timestamps) == (HUSH, 1.0, False)  # type: ignore[attr-defined]
    settings = load(folder, text, TRIOAUDIO_ENGINE="elevenlabs").settings
    first, *_ = load_engines(settings, CONFIG, folder)
    assert first.settings.language_models == "a,b"  # type: ignore[attr-defined]


def test_the_daemon_s_kinds_of_values(folder: Path) -> None:
    text = """
media_listen = "127.0.0.1:0"
control_listen = "/run/trioaudio/control"
carriers = ["raw", "telecmi"]
webhook_events = []
url_allow = ["https://a.example.com/"]
records_file = "off"
calls_most = 3
"""
    read = daemon(folder, text)
    assert list(read.carriers) == ["raw", "telecmi"]
    assert read.serve.control_listen == Path("/run/trioaudio/control")
    assert read.serve.webhook_events == ()
    assert read.serve.url_allow == ("https://a.example.com/",)
    assert (read.serve.records_file, read.serve.calls_most) == ("off", 3)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("keep_ms = true", "keep_ms='True' (in /config.toml): of the wrong kind; give a whole"),
        ("keep_ms = 1.5", "keep_ms='1.5' (in /config.toml): not a whole number"),
        ("keep_ms = [1]", "keep_ms='[1]' (in /config.toml): not a list of texts"),
        ('keep_ms = ["1"]', "a list, but it takes one value; leave out the brackets"),
        ("keep_ms = 2026-03-01", "of the wrong kind; give a whole number"),
        ("keep_ms = -1", "keep_ms='-1' (in /config.toml): out of range; give 0 to 3600000"),
        ("keep_ms = '1.5'", "keep_ms='1.5' (in /config.toml): not a whole number"),
        ("early_ms = nan", "out of range"),
        ("early_ms = inf", "out of range"),
        ("early_ms = false", "of the wrong kind; give a number"),
        ("normalise = 1", "of the wrong kind; give true or false"),
        ("caller_id = +918040000000", "caller_id='918040000000' (in /config.toml): not text; put"),
        ("voice = 2026-03-01", "voice='2026-03-01' (in /config.toml): not text; put it in quotes"),
        ("token = 123", "token=*** (in /config.toml): not text; put it in quotes"),
        ("log_level = 3", "not text; put it in quotes"),
        ("log_level = 'loud'", "not a choice"),
        ("trusted_proxies = [1]", "not a list of texts; put each of them in quotes"),
        ("trusted_proxies = ['x']", "not an address or a network"),
        ("engine.use = []", "engine.use='[]' (in /config.toml): an empty list"),
        ("engine = ['nobody']", "engine (in /config.toml): unknown engine 'nobody'"),
        ("carrier = 'twilo'", "carrier (in /config.toml): unknown carrier 'twilo'; did you mean"),
        ("carrier.telecmi.tail_ms = -1", "carrier.telecmi.tail_ms='-1' (in /config.toml): out of"),
        (f"token = '{HUSH} x'", "token=*** (in /config.toml): holds a blank"),
        ("keep_ms =", "/config.toml line 1: no TOML: Invalid value"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_file(folder: Path, line: str, problem: str) -> None:
    found = problems(folder, line)
    assert any(problem in each for each in found), found


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    (folder / ".env").write_text("TRIOAUDIO_CACHE_MB=many\n")
    found = problems(folder, "keep_ms = 1.5\n", TRIOAUDIO_EARLY_MS="soon")
    assert {each.partition("=")[0] for each in found} == {
        "TRIOAUDIO_CACHE_MB",
        "TRIOAUDIO_EARLY_MS",
        "keep_ms",
    }


# --- References --------------------------------------------------------------------------


def test_values_may_stand_elsewhere_in_every_source_but_options(folder: Path) -> None:
    (folder / "key").write_text(f"{HUSH}\n")
    key = f"${{file:{folder}/key}}"
    (folder / ".env").write_text(f"TRIOAUDIO_VOICE='{key}'\n")
    config(folder, 'token = "${cred:key}"\nheaders = ["X-Key: Basic ${cred:key}"]\n')
    environ = CONFIG | {"TRIOAUDIO_CALLER_ID": f"+{key}", "CREDENTIALS_DIRECTORY": str(folder)}
    settings = load_settings(environ, folder, {"language": None}).settings
    assert settings.token.get() == settings.voice == HUSH
    assert settings.headers == (Header("X-Key", type(settings.token)(f"Basic {HUSH}")),)
    assert settings.caller_id == f"+{HUSH}"
    literal = load_settings(environ, folder, {"voice": "${cred:key}"}).settings.voice
    assert literal == "${cred:key}"


def test_engines_names_and_numbers_may_too(folder: Path) -> None:
    (folder / "engines").write_text("tone\n")
    (folder / "limit").write_text("7\n")
    text = f'engine = "${{file:{folder}/engines}}"\ncache_mb = "${{file:{folder}/limit}}"\n'
    settings = load(folder, text).settings
    assert (settings.engine, settings.cache_mb) == ("tone", 7)
    assert [each.kind.name for each in load_engines(settings, CONFIG, folder)] == ["tone"]
    (folder / "carrier").write_text("raw")
    assert load(folder, f'carrier = "${{file:{folder}/carrier}}"').carrier.name == "raw"


def test_a_service_s_usual_variable_may_too(folder: Path) -> None:
    (folder / "key").write_text(HUSH)
    environ = {"CARTESIA_API_KEY": "${cred:key}", "CREDENTIALS_DIRECTORY": str(folder)}
    first, *_ = load_engines(Settings(engine="cartesia"), environ, folder)
    assert first.settings.api_key.get() == HUSH  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"^CARTESIA_API_KEY=\*\*\*: \$\{cred:none\}: "):
        load_engines(
            Settings(engine="cartesia"), environ | {"CARTESIA_API_KEY": "${cred:none}"}, folder
        )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("token = '${env:X}'", "token=*** (in /config.toml): ${env:…} is no place"),
        ("token = '${cred:x}'", "token=*** (in /config.toml): ${cred:x}: CREDENTIALS_DIRECTORY"),
        ("voice = '${file:/none/x}'", "voice='${file:/none/x}' (in /config.toml): ${file:/none/x}"),
        ("engine = '${file:/none/x}'", "engine='${file:/none/x}' (in /config.toml): ${file:/none"),
    ],
)
def test_what_cannot_be_found_is_told(folder: Path, line: str, problem: str) -> None:
    [told] = problems(folder, line)
    assert told.startswith(problem)


@pytest.mark.parametrize("key", ["cache_mb", "engine", "carrier", "log_level", "listen", "url"])
def test_what_stands_elsewhere_is_in_no_message(folder: Path, key: str) -> None:
    (folder / "key").write_text(HUSH)
    found = problems(folder, f'{key} = "${{file:{folder}/key}}"')
    assert any(each.startswith(key) for each in found)


@pytest.mark.parametrize("key", ["carriers", "log_text", "media_listen", "webhook_events"])
def test_nor_is_what_the_daemon_finds_elsewhere(folder: Path, key: str) -> None:
    (folder / "key").write_text("@/" + HUSH)
    with pytest.raises(ConfigError) as caught:
        daemon(folder, f'{key} = "${{file:{folder}/key}}"')
    assert HUSH not in str(caught.value)


def test_the_secret_of_a_carrier_that_is_not_used_need_not_be_there(folder: Path) -> None:
    text = '[carrier.twilio]\nauth_token = "${cred:none}"\n[engine.rime]\napi_key = "${cred:no}"\n'
    assert load(folder, text).warnings == ()


# --- Sources by themselves ----------------------------------------------------------------


def test_the_sources_are_in_order_with_their_files(folder: Path) -> None:
    config(folder, "[engine]\nuse = 'espeak'\n[nonsense]\nx = 1\n")
    (folder / ".env").write_text("TRIOAUDIO_VOICE=a\n")
    file, dotenv, environ, options = find_sources(CONFIG, folder, {"voice": "b", "url": None}, [])
    assert (file.file, file.values) == (str(folder / "config.toml"), {"engine": "espeak"})
    assert file.name_of("engine") == "engine.use"
    assert file.misplaced == {"nonsense_x": "nonsense.x"}
    assert (dotenv.file, dotenv.values) == (".env", {"voice": "a"})
    assert environ.values == {}
    assert options.values == {"voice": "b"}
    assert options.is_options
