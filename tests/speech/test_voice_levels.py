from __future__ import annotations

import numpy as np
import pytest

from fakes import ScriptedEngine
from speech.listening import speaks
from trioaudio.core.engine import EngineSettings
from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.options import LevelOptions
from trioaudio.speech.engine_health import EngineHealth
from trioaudio.speech.member import Member
from trioaudio.speech.voice_levels import VoiceLevels

RATE = 8000
QUIET = (500 * np.sin(2 * np.pi * 300 * np.arange(RATE * 8) / RATE)).astype("<i2").tobytes()


def member(gain_db: float | None = None, *, speech: bool = True) -> Member:
    engine = ScriptedEngine(speaks(), "a")
    chosen = engine.chosen(EngineSettings(gain_db=gain_db), speech=speech)
    health = EngineHealth("a", lambda _fact: None)
    return Member(chosen.kind, chosen.settings, engine, health, first=True)


def peak_of(leveller: Leveller | None) -> int:
    assert leveller is not None
    out = np.frombuffer(leveller.push(QUIET[:RATE]) + leveller.flush(), dtype="<i2")
    return int(np.abs(out).max())


def test_what_was_learned_of_a_voice_is_there_from_its_next_beginning() -> None:
    levels = VoiceLevels(LevelOptions())
    new = levels.leveller(member(), "a voice", RATE)
    assert new is not None
    new.push(QUIET)
    levels.learn("a voice", new)
    assert peak_of(levels.leveller(member(), "a voice", RATE)) > 2000
    assert peak_of(levels.leveller(None, "a voice", RATE)) > 2000, "the engine may be gone"
    assert peak_of(levels.leveller(member(), "another voice", RATE)) < 1500


def test_silence_teaches_nothing() -> None:
    levels = VoiceLevels(LevelOptions())
    silent = levels.leveller(member(), "a voice", RATE)
    assert silent is not None
    silent.push(bytes(RATE))
    levels.learn("a voice", silent)
    assert peak_of(levels.leveller(member(), "a voice", RATE)) < 1500


def test_a_prompt_tells_all_there_is_to_know_of_a_voice() -> None:
    levels = VoiceLevels(LevelOptions())
    levels.learn_prompt(member(), "a voice", QUIET, RATE, RATE)
    finish = levels.finish(member(), "a voice", RATE)
    assert finish is not None
    assert finish.gain_db > 6
    levels.learn_prompt(member(), "a voice", bytes(len(QUIET)), RATE, RATE)
    assert levels.finish(member(), "a voice", RATE) == finish, "it is known already"


def test_a_prompt_without_speech_tells_nothing() -> None:
    levels = VoiceLevels(LevelOptions())
    levels.learn_prompt(member(speech=False), "tones", QUIET, RATE, RATE)
    levels.learn_prompt(member(), "silence", bytes(RATE), RATE, RATE)
    assert levels.finish(member(), "tones", RATE) is None
    assert levels.finish(member(), "silence", RATE) is None
    VoiceLevels(None).learn_prompt(member(), "a voice", QUIET, RATE, RATE)


def test_what_the_operator_set_counts() -> None:
    levels = VoiceLevels(LevelOptions())
    assert peak_of(levels.leveller(member(6.0), "a voice", RATE)) == pytest.approx(998, abs=5)


def test_what_is_no_speech_stays_as_it_is() -> None:
    assert VoiceLevels(LevelOptions()).leveller(member(speech=False), "tones", RATE) is None
    assert VoiceLevels(None).leveller(member(), "a voice", RATE) is None
    assert VoiceLevels(None).leveller(None, "a voice", RATE) is None
