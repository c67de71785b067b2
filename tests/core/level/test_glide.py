import numpy as np
import pytest

from trioaudio.core.level.glide import STEP_BLOCKS, Glide
from trioaudio.core.level.loudness import LevelMeasure
from trioaudio.core.level.options import LevelOptions

OPTIONS = LevelOptions(target_dbov=-23.0)
UNKNOWN = LevelMeasure(None, 0.2)


def decibels(glide: Glide) -> float:
    return 20 * float(np.log10(glide.gain))


def turn(glide: Glide, measure: LevelMeasure) -> float:
    """Go one step; return the gain at its end in dB."""
    glide.turn(measure)
    glide.take(STEP_BLOCKS)
    return decibels(glide)


def test_it_stands_still_while_nothing_is_measured() -> None:
    glide = Glide(3.0, OPTIONS)
    assert glide.take(STEP_BLOCKS).tolist() == [glide.gain] * (STEP_BLOCKS + 1)
    assert turn(glide, UNKNOWN) == pytest.approx(3.0)
    assert not glide.arrived


def test_it_goes_6_db_a_second_at_most_up_and_down() -> None:
    glide = Glide(0.0, OPTIONS)
    soft, loud = LevelMeasure(-33.0, 1.0), LevelMeasure(-13.0, 1.0)
    assert [turn(glide, soft) for _ in range(5)] == pytest.approx([1.2, 2.4, 3.6, 4.8, 6.0])
    assert [turn(glide, loud) for _ in range(3)] == pytest.approx([4.8, 3.6, 2.4])


def test_it_stops_at_what_is_needed_and_at_the_bounds() -> None:
    glide = Glide(0.0, OPTIONS)
    assert turn(glide, LevelMeasure(-24.0, 1.0)) == pytest.approx(1.0)
    assert turn(glide, LevelMeasure(-24.0, 1.0)) == pytest.approx(1.0)
    at_the_bound = Glide(15.0, OPTIONS)
    assert turn(at_the_bound, LevelMeasure(-60.0, 1.0)) == pytest.approx(15.0)


def test_it_arrives_when_enough_was_heard_and_it_is_where_it_should_be() -> None:
    glide = Glide(0.0, OPTIONS)
    turn(glide, LevelMeasure(-26.0, 5.0))
    assert not glide.arrived
    turn(glide, LevelMeasure(-24.2, 1.0))
    assert not glide.arrived
    assert turn(glide, LevelMeasure(-24.5, 3.0)) == pytest.approx(1.2)
    assert glide.arrived


def test_however_a_step_is_taken_its_gains_are_the_same() -> None:
    whole, parts = Glide(0.0, OPTIONS), Glide(0.0, OPTIONS)
    for glide in (whole, parts):
        glide.take(STEP_BLOCKS)
        glide.turn(LevelMeasure(-40.0, 1.0))
    edges = whole.take(STEP_BLOCKS)
    taken = [parts.take(blocks) for blocks in (1, 30, 49)]
    assert parts.left == 0
    assert edges.tolist() == [
        *taken[0].tolist(),
        *taken[1].tolist()[1:],
        *taken[2].tolist()[1:],
    ]
    assert np.all(np.diff(edges) > 0)
