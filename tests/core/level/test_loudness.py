import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.level.signals import louder, p56_dbov, pcm_of, speech, tone
from trioaudio.core.level.loudness import LevelMeasure, LoudnessMeter, VoiceGains
from trioaudio.core.level.options import LevelOptions

OPTIONS = LevelOptions(target_dbov=-23.0)


def measure(pcm: bytes, sample_rate: int = 8000) -> LevelMeasure:
    meter = LoudnessMeter(sample_rate)
    meter.push(pcm)
    return meter.measure()


def level_of(pcm: bytes, sample_rate: int = 8000) -> float:
    found = measure(pcm, sample_rate).active_dbov
    assert found is not None
    return found


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("gain_db", [-25.0, -10.0, 0.0])
def test_speech_is_as_loud_as_p56_says(sample_rate: int, gain_db: float) -> None:
    spoken = louder(speech(sample_rate), gain_db)
    expected = p56_dbov(spoken, sample_rate)
    assert level_of(pcm_of(spoken), sample_rate) == pytest.approx(expected, abs=0.3)


def test_pauses_and_a_noise_floor_count_for_nothing() -> None:
    spoken = louder(speech(8000), -6.0)
    alone = level_of(pcm_of(spoken))
    noise = np.random.default_rng(5).normal(0, 10, len(spoken) + 80000)
    noisy = noise + np.concatenate([np.zeros(40000), spoken, np.zeros(40000)])
    assert level_of(pcm_of(noisy)) == pytest.approx(alone, abs=0.3)


def test_a_tone_is_as_loud_as_its_root_mean_square() -> None:
    assert level_of(pcm_of(tone(1000, 8000, 3.0, 0.1))) == pytest.approx(-23.01, abs=0.1)


@pytest.mark.parametrize(("below_db", "counts"), [(10.0, True), (20.0, False)])
def test_what_lies_16_db_below_speech_is_no_speech(below_db: float, *, counts: bool) -> None:
    loud = tone(1000, 8000, 2.0, 0.2)
    both = measure(pcm_of(np.concatenate([loud, louder(loud, -below_db)])))
    assert both.active_seconds == pytest.approx(4.0 if counts else 2.2, abs=0.15)
    assert both.active_dbov == pytest.approx(-19.6 if counts else -17.3, abs=0.3)


@pytest.mark.parametrize(("seconds", "known"), [(0.0, False), (0.3, False), (0.5, True)])
def test_there_is_no_level_until_enough_is_heard(seconds: float, *, known: bool) -> None:
    found = measure(pcm_of(tone(1000, 8000, seconds, 0.1)))
    assert (found.active_dbov is not None) is known
    assert found.active_seconds == pytest.approx(seconds, abs=0.03)


def test_silence_has_no_level_however_long() -> None:
    assert measure(bytes(160000)) == LevelMeasure(None, 0.0)
    assert measure(pcm_of(np.tile([2.0, -2.0], 40000))) == LevelMeasure(None, 0.0)


@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    asked_after=st.integers(0, 12),
)
def test_any_chunking_gives_the_same_level(sizes: list[int], asked_after: int) -> None:
    spoken = speech(8000)[: sum(sizes)]
    at_once, in_pieces = LoudnessMeter(8000), LoudnessMeter(8000)
    at_once.push(pcm_of(spoken))
    for number, chunk in enumerate(np.split(spoken, np.cumsum(sizes)[:-1])):
        in_pieces.push(pcm_of(chunk))
        if number == asked_after:
            in_pieces.measure()
    assert in_pieces.measure() == at_once.measure()
    assert in_pieces.active_dbov == at_once.active_dbov


def test_a_long_speech_is_measured_whole_in_constant_memory() -> None:
    soft, loud = tone(500, 8000, 30.0, 0.1), tone(500, 8000, 30.0, 0.2)
    meter = LoudnessMeter(8000)
    for piece in np.split(np.concatenate([soft, loud]), 200):
        meter.push(pcm_of(piece))
        assert len(meter._energies) < 550
    both = 10 * np.log10((0.1**2 + 0.2**2) / 4)
    assert meter.active_dbov == pytest.approx(both, abs=0.1)
    assert meter.measure().active_seconds == pytest.approx(60.0, abs=0.1)


def test_an_unknown_voice_gets_the_default() -> None:
    gains = VoiceGains(OPTIONS)
    assert gains.gain_db("a") == 0.0
    assert gains.gain_db("a", -2.5) == -2.5
    assert not gains.settled("a")


def test_a_voice_heard_for_a_few_seconds_gets_what_it_needs() -> None:
    gains = VoiceGains(OPTIONS)
    gains.learn("soft", -33.0, 3.0)
    gains.learn("loud", -18.0, 3.0)
    assert gains.gain_db("soft", -2.5) == pytest.approx(10.0)
    assert gains.gain_db("loud", -2.5) == pytest.approx(-5.0)
    assert gains.settled("soft")


def test_a_voice_hardly_heard_goes_only_part_of_the_way() -> None:
    gains = VoiceGains(OPTIONS)
    gains.learn("soft", -33.0, 0.5)
    assert gains.gain_db("soft", 2.0) == pytest.approx(6.0)
    assert not gains.settled("soft")


def test_what_is_learned_is_weighed_by_how_long_it_was() -> None:
    gains = VoiceGains(OPTIONS)
    gains.learn("a", -30.0, 6.0)
    gains.learn("a", -26.0, 2.0)
    assert gains.gain_db("a") == pytest.approx(6.0)


def test_a_known_voice_hardly_moves_and_yet_follows_a_lasting_change() -> None:
    gains = VoiceGains(OPTIONS)
    for _ in range(100):
        gains.learn("a", -23.0, 5.0)
    gains.learn("a", -33.0, 2.0)
    assert 0 < gains.gain_db("a") < 1.0
    for _ in range(30):
        gains.learn("a", -33.0, 5.0)
    assert gains.gain_db("a") == pytest.approx(10.0, abs=0.2)


def test_one_very_long_stretch_weighs_no_more_than_the_memory() -> None:
    gains = VoiceGains(OPTIONS)
    gains.learn("a", -23.0, 30.0)
    gains.learn("a", -29.0, 10000.0)
    assert 3.0 < gains.gain_db("a") < 4.5


def test_a_gain_stays_within_its_bounds() -> None:
    gains = VoiceGains(OPTIONS)
    gains.learn("whisper", -60.0, 10.0)
    assert gains.gain_db("whisper") == OPTIONS.most_gain_db
    assert gains.gain_db("new", -99.0) == OPTIONS.least_gain_db


def test_the_voice_longest_not_asked_for_is_forgotten_first() -> None:
    gains = VoiceGains(OPTIONS, most_voices=2)
    gains.learn("a", -33.0, 10.0)
    gains.learn("b", -33.0, 10.0)
    assert gains.gain_db("a") == pytest.approx(10.0)
    gains.learn("c", -33.0, 10.0)
    assert not gains.settled("b")
    assert gains.settled("a")
    assert gains.settled("c")
