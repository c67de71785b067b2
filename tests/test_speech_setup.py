from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from fakes import ScriptedEngine
from speech.listening import speaks
from trioaudio.carriers import load_carrier
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Fact
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.core.front_end.pronunciation import NO_PRONUNCIATIONS
from trioaudio.core.level.options import LevelOptions
from trioaudio.plan import FarEndKind, Plan
from trioaudio.settings import Settings
from trioaudio.speech.chain import SpeechOptions
from trioaudio.speech_setup import chain_setup, prompt_cache, speech_options


def plan_of(settings: Settings) -> Plan:
    carrier = load_carrier("raw")
    return Plan(
        text="x",
        settings=settings,
        carrier=carrier,
        carrier_settings=carrier.settings,
        far_end=FarEndKind.SIMULATED,
        out=None,
        play=False,
        report_on_stdout=False,
        plain=True,
        engines=(ScriptedEngine(speaks(), "a").chosen(), ScriptedEngine(speaks(), "b").chosen()),
    )


def test_the_defaults_are_the_chains_own() -> None:
    assert speech_options(Settings()) == SpeechOptions()


def test_options_are_what_was_set(tmp_path: Path) -> None:
    words = tmp_path / "words.toml"
    words.write_text('[words]\n"gpay" = "Google Pay"\n', "utf-8")
    settings = Settings(
        normalise=False,
        filter_markup=False,
        pronunciations=words,
        level_dbov=-26.0,
        cache_keep="all",
    )
    options = speech_options(settings)
    assert options.level == LevelOptions(target_dbov=-26.0)
    assert options.keep_all
    assert not options.front_end.normalise
    assert not options.front_end.filter_markup
    front_end = FrontEnd(options.front_end)
    front_end.push("Use gpay, 5 **times**.")
    assert [clause.text for clause in front_end.flush()] == ["Use Google Pay, 5 **times**."]


def test_levelling_may_be_switched_off() -> None:
    assert speech_options(Settings(levelling=False)).level is None


@pytest.mark.parametrize("dbov", [-40.0, -10.0])
def test_every_level_a_setting_may_have_is_one(dbov: float) -> None:
    options = speech_options(Settings(level_dbov=dbov))
    assert options.level is not None
    assert options.level.target_dbov == dbov


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[words]\nx = 1\n", "words.toml"),
        (b"not toml", "words.toml"),
        (b"\xff\xfe", "words.toml"),
        (None, "words.toml"),
    ],
)
def test_a_wrong_dictionary_is_the_operators_error(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "words.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as raised:
        speech_options(Settings(pronunciations=file))
    assert all("\n" not in problem for problem in raised.value.problems)


def test_no_dictionary_is_none() -> None:
    assert FrontEndOptions().pronunciations is NO_PRONUNCIATIONS
    assert speech_options(Settings()).front_end.pronunciations is NO_PRONUNCIATIONS


# --- The prompt cache ------------------------------------------------------------------------


def test_the_cache_is_where_it_was_set(tmp_path: Path) -> None:
    cache = prompt_cache(Settings(cache_folder=tmp_path, cache_mb=2))
    assert cache is not None
    assert cache.folder == tmp_path
    assert cache._most_bytes == 2_000_000


def test_no_megabytes_no_cache(tmp_path: Path) -> None:
    assert prompt_cache(Settings(cache_folder=tmp_path, cache_mb=0)) is None


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CACHE_HOME": "/var/cache/x", "HOME": "/home/me"}, "/var/cache/x/trioaudio/prompts"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/trioaudio/prompts"),
        ({"HOME": "/home/me"}, "/home/me/.cache/trioaudio/prompts"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/trioaudio/prompts"),
    ],
)
def test_the_users_cache_is_where_caches_are(
    environ: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    cache = prompt_cache(Settings())
    assert cache is not None
    assert cache.folder == Path(folder)
    assert not cache.folder.exists()


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a number nobody has."""

    def homeless(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(ConfigError, match="TRIOAUDIO_CACHE_FOLDER, or TRIOAUDIO_CACHE_MB=0"):
        prompt_cache(Settings())
    assert prompt_cache(Settings(cache_mb=0)) is None
    assert prompt_cache(Settings(cache_folder=Path("/x"))) is not None


# --- All of it -------------------------------------------------------------------------------


def test_a_chain_is_set_up_as_planned(tmp_path: Path) -> None:
    facts: list[Fact] = []
    settings = Settings(cache_folder=tmp_path, sample_rate=16_000, tls_ca_file=tmp_path / "ca.pem")
    plan = plan_of(settings)
    setup = chain_setup(plan, facts.append)
    assert setup.engines == plan.engines
    assert setup.tell == facts.append
    assert setup.options == speech_options(settings)
    assert setup.cache is not None
    assert setup.cache.folder == tmp_path
    assert (setup.sample_rate, setup.ca_file) == (16_000, str(tmp_path / "ca.pem"))
    without = chain_setup(plan_of(attrs.evolve(settings, tls_ca_file=None)), facts.append)
    assert without.ca_file is None
