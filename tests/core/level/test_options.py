import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.core.level.options import LevelOptions, amplitude


def test_the_defaults_are_allowed() -> None:
    assert LevelOptions().target_dbov == -23.0


def test_every_value_out_of_range_is_named_with_its_range() -> None:
    with pytest.raises(ConfigError) as caught:
        LevelOptions(target_dbov=-5.0, ceiling_dbtp=0.0, fade_ms=7.0)
    assert caught.value.problems == (
        "level: target_dbov is -5; choose from -40 to -10",
        "level: ceiling_dbtp is 0; choose from -20 to -0.5",
    )


@pytest.mark.parametrize(("wanted", "given"), [(-30.0, -12.0), (3.0, 3.0), (30.0, 9.0)])
def test_a_gain_is_kept_within_its_bounds(wanted: float, given: float) -> None:
    assert LevelOptions(most_gain_db=9.0, least_gain_db=-12.0).bound_gain(wanted) == given


def test_full_scale_is_0_dbov() -> None:
    assert amplitude(0.0) == 32768
    assert amplitude(-20.0) == pytest.approx(3276.8)
