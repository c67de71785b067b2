from __future__ import annotations

import pytest
import trio

from trioaudio.core.engine import EngineSettings
from trioaudio.core.speech import Beginning
from trioaudio.speech.turn_timing import (
    LAST_STALL_S,
    LEAST_STALL_S,
    MOST_STALL_S,
    PACE_PATIENCE,
    Moments,
    Patience,
)


def test_silence_of_the_last_engine_is_put_up_with_for_longer() -> None:
    settings = EngineSettings(first_audio_ms=800)
    usual = Patience.of(settings, last=False)
    assert (usual.first_audio_s, usual.stall_s) == (0.8, LEAST_STALL_S)
    last = Patience.of(settings, last=True)
    assert (last.first_audio_s, last.stall_s) == (LAST_STALL_S, LAST_STALL_S)
    patient = EngineSettings(first_audio_ms=9000)
    assert Patience.of(patient, last=True).first_audio_s == 9.0


@pytest.mark.parametrize(
    ("waits_s", "stall_s"),
    [
        ([0.01], LEAST_STALL_S),
        ([0.2], 0.2 * PACE_PATIENCE),
        ([0.2, 0.01], 0.2 * PACE_PATIENCE),
        ([0.2, 3.0], MOST_STALL_S),
    ],
)
def test_who_lets_wait_may_go_on_doing_so_up_to_a_bound(
    waits_s: list[float], stall_s: float
) -> None:
    patience = Patience.of(EngineSettings(), last=False)
    for each in waits_s:
        patience.learn(each)
    assert patience.stall_s == pytest.approx(stall_s)


async def test_a_beginning_is_known_once_all_of_it_has_been(autojump_clock: object) -> None:
    moments = Moments()
    began = trio.current_time()
    for name in ("asked_at", "audio_at", "sound_at"):
        assert moments.beginning(0.1) is None
        await trio.sleep(1)
        setattr(moments, name, trio.current_time())
    assert moments.beginning(0.1) == Beginning(began, began + 1, began + 2, began + 3, 0.1)
