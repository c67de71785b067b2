"""The engines an operator names, in order, and each one's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from trioaudio.core.engine import ChosenEngine, EngineSettings, ServiceSettings
from trioaudio.core.errors import ConfigError
from trioaudio.engines import engine_names, load_engine
from trioaudio.settings import PREFIX, secret_values, variable
from trioaudio.settings_loading import check_order, engines_in, load_engines, load_settings

HUSH = "hush-hush-42"
SERVICES = [
    name for name in engine_names() if isinstance(load_engine(name).settings, ServiceSettings)
]


def engines(
    environ: Mapping[str, str], folder: Path, **overrides: object
) -> tuple[ChosenEngine, ...]:
    loaded = load_settings(environ, folder, overrides)
    return load_engines(loaded.settings, environ, folder, overrides)


def names(environ: Mapping[str, str], folder: Path, **overrides: object) -> list[str]:
    return [each.kind.name for each in engines(environ, folder, **overrides)]


def problems(environ: Mapping[str, str], folder: Path, **overrides: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        engines(environ, folder, **overrides)
    assert caught.value.__context__ is None, "the library's error repeats the values"
    return list(caught.value.problems)


# --- Which, and in what order ----------------------------------------------------------------


def test_without_a_word_it_is_the_embedded_voice(tmp_path: Path) -> None:
    assert names({}, tmp_path) == ["espeak"]


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ("cartesia", ["cartesia", "espeak"]),
        ("rime,cartesia", ["rime", "cartesia", "espeak"]),
        ("espeak,cartesia", ["espeak", "cartesia"]),
        (" rime ,, cartesia, ", ["rime", "cartesia", "espeak"]),
        ("tone", ["tone"]),
        ("wav", ["wav"]),
    ],
)
def test_the_order_is_the_operators_and_the_embedded_voice_comes_last(
    given: str, order: list[str], tmp_path: Path
) -> None:
    assert names({"TRIOAUDIO_ENGINE": given}, tmp_path) == order
    assert names({}, tmp_path, engine=given) == order


@pytest.mark.parametrize("given", ["cartesia", "rime,cartesia", "espeak"])
def test_who_does_not_want_the_embedded_voice_has_not_got_it(given: str, tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_ENGINE": given, "TRIOAUDIO_EMBEDDED_LAST": "no"}
    assert names(environ, tmp_path) == given.split(",")


def test_blanks_between_names() -> None:
    assert engines_in(" a,b ,, c ,") == ["a", "b", "c"]
    assert engines_in(" , ") == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cartesa", "unknown engine 'cartesa'; did you mean cartesia?"),
        ("rime,cartesa,espeak", "unknown engine 'cartesa'; did you mean cartesia?"),
        ("Cartesia", "unknown engine 'Cartesia'; did you mean cartesia?"),
        (" , ", "unknown engine ''; there are: cartesia,"),
        ("espeak_worker", "unknown engine 'espeak_worker'; did you mean espeak?"),
        ("../carriers/raw", "unknown engine '../carriers/raw'; "),
    ],
)
def test_an_engine_nobody_knows(given: str, said: str, tmp_path: Path) -> None:
    [problem] = problems({"TRIOAUDIO_ENGINE": given}, tmp_path)
    assert problem.startswith(f"TRIOAUDIO_ENGINE: {said}")
    [option] = problems({}, tmp_path, engine=given)
    assert option.startswith(f"--engine: {said}")


def test_every_engine_nobody_knows_is_told_of(tmp_path: Path) -> None:
    found = problems({"TRIOAUDIO_ENGINE": "cartesa,rime,deepgrm"}, tmp_path)
    assert ["cartesa" in found[0], "deepgrm" in found[1], len(found)] == [True, True, 2]


@pytest.mark.parametrize("given", ["rime,rime", "espeak, espeak", "rime,cartesia,rime"])
def test_once_is_enough(given: str, tmp_path: Path) -> None:
    name, _, _ = given.partition(",")
    assert problems({"TRIOAUDIO_ENGINE": given}, tmp_path) == [
        f"engine {name} is named twice; once is enough"
    ]


@pytest.mark.parametrize("given", ["tone,cartesia", "cartesia,tone", "tone,espeak"])
def test_what_reads_no_text_stands_alone(given: str, tmp_path: Path) -> None:
    [problem] = problems({"TRIOAUDIO_ENGINE": given}, tmp_path)
    assert problem.startswith("engine tone plays what it is told to and reads no text")
    assert problem.endswith("name it alone")


def test_all_that_is_wrong_with_an_order_at_once() -> None:
    tone, espeak = load_engine("tone"), load_engine("espeak")
    with pytest.raises(ConfigError) as caught:
        check_order([tone, espeak, tone, espeak])
    assert len(caught.value.problems) == 4
    check_order([tone])
    check_order([])


# --- Each one's own --------------------------------------------------------------------------


def test_each_has_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRIOAUDIO_RIME_VOICE=file\nTRIOAUDIO_RIME_CONCURRENCY=3\n")
    environ = {
        "TRIOAUDIO_ENGINE": "rime,cartesia",
        "TRIOAUDIO_RIME_VOICE": "cove",
        "TRIOAUDIO_RIME_FIRST_AUDIO_MS": "500",
        "TRIOAUDIO_CARTESIA_GAIN_DB": "-3.5",
        "TRIOAUDIO_CARTESIA_SPEED": "1.25",
        "TRIOAUDIO_ESPEAK_FIRST_AUDIO_MS": "2000",
    }
    rime, cartesia, espeak = engines(environ, tmp_path, rime_concurrency=4)
    defaults = [load_engine(name).settings for name in ("rime", "cartesia", "espeak")]
    changes: list[dict[str, object]] = [
        {"voice": "cove", "first_audio_ms": 500, "concurrency": 4},
        {"gain_db": -3.5, "speed": 1.25},
        {"first_audio_ms": 2000},
    ]
    for each, default, changed in zip((rime, cartesia, espeak), defaults, changes, strict=True):
        assert attrs.asdict(each.settings) == {**attrs.asdict(default), **changed}
    assert [each.kind.settings for each in (rime, cartesia, espeak)] == defaults
    assert load_settings(environ, tmp_path).warnings == ()


@pytest.mark.parametrize("name", engine_names())
def test_any_engine_with_nothing_set_has_its_defaults(name: str, tmp_path: Path) -> None:
    chosen = engines({"TRIOAUDIO_ENGINE": name}, tmp_path)[0]
    assert chosen == ChosenEngine(load_engine(name), load_engine(name).settings)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("CARTESIA_GAIN_DB", "-41", "give -40 to 40"),
        ("CARTESIA_GAIN_DB", "40.5", "give -40 to 40"),
        ("CARTESIA_GAIN_DB", "nan", "out of range"),
        ("CARTESIA_GAIN_DB", "loud", "not a number; give decibels"),
        ("CARTESIA_FIRST_AUDIO_MS", "49", "give 50 to 60000"),
        ("CARTESIA_FIRST_AUDIO_MS", "-800", "give 50 to 60000"),
        ("CARTESIA_FIRST_AUDIO_MS", "0.8", "not a whole number; give milliseconds"),
        ("CARTESIA_CONCURRENCY", "0", "give 1 to 100000"),
        ("CARTESIA_TIMESTAMPS", "perhaps", "not yes or no"),
        ("ESPEAK_GAIN_DB", "99", "give -40 to 40"),
    ],
)
def test_limits(key: str, value: str, said: str, tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_ENGINE": "cartesia", PREFIX + key: value}
    [problem] = problems(environ, tmp_path)
    assert problem.startswith(f"{PREFIX}{key}={value!r}: ")
    assert said in problem


@pytest.mark.parametrize("value", ["-40", "-0.5", "0", "40"])
def test_a_voice_may_be_made_softer(value: str, tmp_path: Path) -> None:
    (chosen,) = engines({"TRIOAUDIO_ESPEAK_GAIN_DB": value}, tmp_path)
    assert chosen.settings == EngineSettings(gain_db=float(value))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("openai", "url", "http://127.0.0.1:8880"),
        ("wyoming", "url", "tcp://192.0.2.7:10200"),
        ("cartesia", "url", "ws://127.0.0.1:9000"),
    ],
)
def test_a_services_url_is_no_carriers(name: str, field: str, value: str, tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_ENGINE": name, variable(f"{name}_{field}"): value}
    assert getattr(engines(environ, tmp_path)[0].settings, field) == value


def test_an_engines_rate_is_no_carriers(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_ENGINE": "wyoming", "TRIOAUDIO_WYOMING_SAMPLE_RATE": "22050"}
    chosen = engines(environ, tmp_path)[0]
    assert "sample_rate=22050" in repr(chosen.settings)


def test_what_is_wrong_with_several_is_told_at_once(tmp_path: Path) -> None:
    environ = {
        "TRIOAUDIO_ENGINE": "rime,cartesia",
        "TRIOAUDIO_RIME_GAIN_DB": "x",
        "TRIOAUDIO_CARTESIA_SPEED": "9",
        "TRIOAUDIO_ESPEAK_GAIN_DB": "99",
    }
    found = problems(environ, tmp_path)
    assert [line.partition("=")[0] for line in found] == [
        "TRIOAUDIO_RIME_GAIN_DB",
        "TRIOAUDIO_CARTESIA_SPEED",
        "TRIOAUDIO_ESPEAK_GAIN_DB",
    ]


def test_engines_not_named_are_not_read(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_ENGINE": "rime", "TRIOAUDIO_CARTESIA_SPEED": "fast"}
    assert names(environ, tmp_path) == ["rime", "espeak"]


# --- Keys ------------------------------------------------------------------------------------


def key_of(chosen: ChosenEngine) -> str:
    assert isinstance(chosen.settings, ServiceSettings)
    return chosen.settings.api_key.get()


@pytest.mark.parametrize("name", SERVICES)
def test_the_vendors_usual_variable_will_do(name: str, tmp_path: Path) -> None:
    upper = name.upper()
    usual = {"TRIOAUDIO_ENGINE": name, f"{upper}_API_KEY": "usual"}
    assert key_of(engines(usual, tmp_path)[0]) == "usual"
    ours = {f"TRIOAUDIO_{upper}_API_KEY": "ours"}
    assert key_of(engines(usual | ours, tmp_path)[0]) == "ours"
    (tmp_path / ".env").write_text(f"TRIOAUDIO_{upper}_API_KEY=file\n")
    assert key_of(engines(usual, tmp_path)[0]) == "file"
    assert (
        key_of(engines({"TRIOAUDIO_ENGINE": name, f"{upper}_API_KEY": ""}, tmp_path)[0]) == "file"
    )


def test_an_empty_key_of_ours_means_none(tmp_path: Path) -> None:
    """As everywhere: empty means the default, whatever weaker sources say."""
    environ = {
        "TRIOAUDIO_ENGINE": "cartesia",
        "CARTESIA_API_KEY": "usual",
        "TRIOAUDIO_CARTESIA_API_KEY": "",
    }
    assert key_of(engines(environ, tmp_path)[0]) == ""


def test_one_vendors_key_is_not_anothers(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_ENGINE": "cartesia,rime", "CARTESIA_API_KEY": "cartesia's"}
    cartesia, rime, espeak = engines(environ, tmp_path)
    assert (key_of(cartesia), key_of(rime)) == ("cartesia's", "")
    assert "cartesia's" not in repr(espeak)


def test_keys_are_never_shown(tmp_path: Path) -> None:
    environ = {
        "TRIOAUDIO_ENGINE": "cartesia,rime",
        "CARTESIA_API_KEY": HUSH,
        "TRIOAUDIO_RIME_API_KEY": f"{HUSH}-2",
    }
    chosen = engines(environ, tmp_path)
    assert HUSH not in repr(chosen) + str(chosen)
    assert "***" in repr(chosen)
    assert secret_values(*(each.settings for each in chosen)) == {HUSH, f"{HUSH}-2"}
    wrong = environ | {"TRIOAUDIO_CARTESIA_SPEED": "9", "TRIOAUDIO_RIME_API_KE": HUSH}
    assert HUSH not in repr(problems(wrong, tmp_path))
    assert HUSH not in repr(load_settings(wrong, tmp_path).warnings)


# --- Names that are nearly right -------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("CARTESIA_SPED", "did you mean TRIOAUDIO_CARTESIA_SPEED"),
        ("CARTESIA_APIKEY", "did you mean TRIOAUDIO_CARTESIA_API_KEY"),
        ("CARTESIA_XYZQQQQQQQQQQQQQQQ", "none has a name like it; remove it"),
        ("CARTESA_API_KEY", "did you mean TRIOAUDIO_CARTESIA_API_KEY"),
        ("ESPEAK_GAIN", "did you mean TRIOAUDIO_ESPEAK_GAIN_DB"),
        ("CACHE_GB", "did you mean TRIOAUDIO_CACHE_MB"),
        ("ENGINES", "did you mean TRIOAUDIO_ENGINE"),
    ],
)
def test_a_setting_nobody_knows_is_warned_about(given: str, hint: str, tmp_path: Path) -> None:
    [warning] = load_settings({PREFIX + given: HUSH}, tmp_path).warnings
    assert warning.startswith(f"{PREFIX}{given}: no such setting; {hint}")
    assert HUSH not in warning


def test_an_option_nobody_knows_is_refused(tmp_path: Path) -> None:
    [problem] = problems({}, tmp_path, cartesia_sped=1)
    assert problem.startswith("--cartesia-sped: no such setting; did you mean --cartesia-speed")


def test_settings_of_engines_that_are_not_named_are_known(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_CARTESIA_API_KEY": HUSH, "TRIOAUDIO_WYOMING_URL": "tcp://h:1"}
    assert load_settings(environ, tmp_path).warnings == ()


# --- Text and sound --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("EMBEDDED_LAST", "perhaps", "not yes or no"),
        ("NORMALISE", "x", "not yes or no"),
        ("PRONUNCIATIONS", "missing.toml", "No such file"),
        ("LEVEL_DBOV", "-41", "give -40 to -10"),
        ("LEVEL_DBOV", "0", "give -40 to -10"),
        ("CACHE_MB", "-1", "give 0 to 1000000"),
        ("CACHE_KEEP", "everything", "there are: all, ordered"),
    ],
)
def test_limits_of_what_is_done_to_text_and_sound(
    key: str, value: str, said: str, tmp_path: Path
) -> None:
    [problem] = problems({PREFIX + key: value}, tmp_path)
    assert problem.startswith(f"{PREFIX}{key}=")
    assert said in problem


def test_what_is_done_to_text_and_sound(tmp_path: Path) -> None:
    (tmp_path / "words.toml").touch()
    environ = {
        "TRIOAUDIO_NORMALISE": "no",
        "TRIOAUDIO_FILTER_MARKUP": "false",
        "TRIOAUDIO_PRONUNCIATIONS": "words.toml",
        "TRIOAUDIO_LEVELLING": "off",
        "TRIOAUDIO_LEVEL_DBOV": "-26.5",
        "TRIOAUDIO_CACHE_FOLDER": "prompts",
        "TRIOAUDIO_CACHE_MB": "0",
        "TRIOAUDIO_CACHE_KEEP": "ALL",
    }
    settings = load_settings(environ, tmp_path).settings
    assert (settings.normalise, settings.filter_markup, settings.levelling) == (False,) * 3
    assert settings.pronunciations == tmp_path / "words.toml"
    assert settings.cache_folder == tmp_path / "prompts"
    assert (settings.level_dbov, settings.cache_mb, settings.cache_keep) == (-26.5, 0, "all")
