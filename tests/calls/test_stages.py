from __future__ import annotations

import attrs
import pytest

from trioaudio.calls.stages import STAGES, Stages, stages_of
from trioaudio.core.speech import Beginning, Stretch
from trioaudio.core.utterance import Utterance

BEGINNING = Beginning(turn_at=11.5, asked_at=11.75, audio_at=12.0, sound_at=12.125, trimmed_s=0.25)
SPOKEN = Stretch("cartesia", 0, 10, 500.0, beginning=BEGINNING)


def utterance(**times: float | None) -> Utterance:
    made = Utterance(1, accepted_at=10.0, begun_at=11.0, first_frame_at=12.5)
    for name, at in times.items():
        setattr(made, name, at)
    return made


def test_the_stages_make_up_the_time_to_the_first_frame() -> None:
    said = utterance()
    stages = stages_of(said, [SPOKEN, attrs.evolve(SPOKEN, beginning=None)])
    assert stages is not None
    told = dict(stages)
    assert told == {
        "queue": 1.0,
        "prepare": 0.5,
        "segment": 0.25,
        "engine": 0.25,
        "level": 0.125,
        "pace": 0.375,
        "leading_silence": 0.25,
    }
    assert tuple(told) == STAGES
    assert said.first_frame_at is not None
    assert said.accepted_at is not None
    del told["leading_silence"]
    assert sum(told.values()) == said.first_frame_at - said.accepted_at


def test_what_an_engine_that_said_nothing_took_is_preparation() -> None:
    silent = Stretch("openai", 0, 0, 0.0)
    stages = stages_of(utterance(), [silent, SPOKEN])
    assert stages is not None
    assert stages.prepare == 0.5


@pytest.mark.parametrize(
    "stretches",
    [
        [],
        [Stretch("recording", 0, 0, 100.0)],
        [attrs.evolve(SPOKEN, cached=True)],
        [attrs.evolve(SPOKEN, cached=True), SPOKEN],
    ],
)
def test_what_was_made_before_has_only_waited(stretches: list[Stretch]) -> None:
    assert stages_of(utterance(), stretches) == Stages(queue=1.0, pace=1.5)


@pytest.mark.parametrize("missing", ["accepted_at", "begun_at", "first_frame_at"])
def test_nothing_was_sent(missing: str) -> None:
    assert stages_of(utterance(**{missing: None}), [SPOKEN]) is None


def test_a_pacer_s_clock_may_be_behind() -> None:
    stages = stages_of(utterance(first_frame_at=12.1), [SPOKEN])
    assert stages is not None
    assert stages.pace == 0.0
