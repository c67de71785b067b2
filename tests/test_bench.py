"""What the pacing benchmark measures with: numbered audio, verdicts, and what it writes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import attrs
import pytest

from bench.comparison import as_markdown, notes
from bench.contest import Contest, Reading, Scenario
from bench.guard import Guarded, Record
from bench.numbered import numbered_codes, numbered_frame, numbered_pcm
from bench.participants.roster import Participant, Roster
from bench.plot import draw
from bench.trial import Heard, Percentiles, Plan, Sent, Trial
from trioaudio.core.g711 import Law, compress, expand

NUMBERS = (0, 1, 63, 64, 4095, 100_000, (1 << 30) - 1)
PLAN = Plan(legs=100, seconds=3, cores=(0, 1))
SCENARIO = Scenario("raw", "Send only", "raw", 0, ladder=(50, 100), points=(100,))
FLOOR = Participant("floor", "C floor", [])
OURS = Participant("trioaudio", "trioaudio", [])


def percentiles(p99: float) -> Percentiles:
    return Percentiles(p99 / 4, p99, p99 * 1.5, p99 * 2)


def trial(p99: float = 1.0, cpu_us: float = 20.0, *, frames: int = 5000, torn: int = 0) -> Trial:
    sent = Sent(100, frames, percentiles(p99), cpu_us, 1.0, 0, 0, 0.0, frames)
    heard = Heard(100, frames, 0, torn, 0, 0, 0, 0, percentiles(p99), 0, 0, 1, 0, 0, 0, 1.0)
    return Trial(sent, heard)


def contest(*readings: Reading) -> Contest:
    return Contest((0, 1), 0, 3, 5, 3, lambda _scenario: PLAN, readings=list(readings))


@pytest.mark.parametrize("number", NUMBERS)
def test_numbered_mu_law_survives_a_sender_that_encodes_pcm(number: int) -> None:
    codes = numbered_codes(number)
    assert len(codes) == 480
    assert expand(codes, Law.MU) == numbered_pcm(number, "twilio")
    assert compress(numbered_pcm(number, "twilio"), Law.MU) == codes


def test_no_two_numbers_make_the_same_frame() -> None:
    assert len({numbered_codes(number) for number in NUMBERS}) == len(NUMBERS)
    assert len({numbered_frame(number) for number in NUMBERS}) == len(NUMBERS)
    assert all(len(numbered_pcm(number, "raw")) == 960 for number in NUMBERS)


def test_a_reading_is_carried_when_frames_came_in_time_and_whole() -> None:
    reading = Reading("raw", "trioaudio", 100, trial(p99=10.0))
    assert reading.carried(3)
    assert not attrs.evolve(reading, trial=trial(p99=10.1)).carried(3)
    assert not attrs.evolve(reading, trial=trial(torn=1)).carried(3)
    assert not attrs.evolve(reading, trial=trial(frames=4800)).carried(3)
    assert not attrs.evolve(reading, trial=None).carried(3)


def test_a_leg_that_is_silent_must_be_alive_and_unspoken_to() -> None:
    good = trial()
    assert good.faults == 0
    dead = attrs.evolve(good.heard, silent_legs=50, alive_legs=49)
    assert attrs.evolve(good, heard=dead).faults == 1
    assert attrs.evolve(good, heard=attrs.evolve(good.heard, unwanted=3)).faults == 3


def test_the_guard_acquits_by_one_good_attempt_and_sees_a_doubling() -> None:
    load = Guarded("load", PLAN, usual_ratio=2.0)
    record = Record(load)
    record.add(trial(cpu_us=10.0), trial(cpu_us=40.0, torn=1))
    assert len(record.find_troubles()) == 2
    record.add(trial(cpu_us=20.0), trial(cpu_us=40.0))
    assert record.find_troubles() == []
    doubled = Record(load)
    doubled.add(trial(cpu_us=20.0), trial(cpu_us=80.0))
    assert "CPU" in doubled.find_troubles()[0]


def test_the_guard_says_nothing_of_cpu_beside_a_floor_that_was_late() -> None:
    record = Record(Guarded("load", PLAN, usual_ratio=2.0))
    record.add(trial(p99=50.0, cpu_us=5.0), trial(p99=50.0, cpu_us=80.0))
    assert record.ratio is None
    assert record.find_troubles() == []


def test_the_guard_judges_lateness_beside_a_quiet_floor_only() -> None:
    load = Guarded("load", PLAN, usual_ratio=2.0)
    record = Record(load)
    record.add(trial(p99=5.0), trial(p99=50.0))
    assert record.find_troubles() == []
    record = Record(load)
    record.add(trial(p99=0.5), trial(p99=50.0))
    assert "quiet floor" in record.find_troubles()[0]


def test_the_page_has_knees_medians_and_what_was_disturbed() -> None:
    found = contest(
        Reading("raw", "floor", 100, trial(2.0), disturbed=True, median=True),
        Reading("raw", "trioaudio", 100, trial(3.0, 36.0), disturbed=True, median=True),
        Reading("raw", "trioaudio", 100, trial(5.0, 38.0), disturbed=True, median=True),
        Reading("raw", "trioaudio", 100, trial(4.0, 37.0), disturbed=True, median=True),
        Reading("raw", "trioaudio", 50, trial(1.0)),
        Reading("raw", "trioaudio", 100, None, "the sender did not end in time"),
    )
    found.knees["raw", "trioaudio"] = 50
    page = as_markdown(found, [SCENARIO], Roster([FLOOR, OURS], ["Node ws: no node"]), {"CPU": "x"})
    assert "| trioaudio | 50 |" in page
    assert "| 100 | trioaudio | 1.00 / 4.00 / 6.00 / 8.00 | 37.0 |" in page
    assert "Left out: Node ws: no node" in page
    said = notes(found, [SCENARIO], [FLOOR, OURS])
    assert any("disturbed" in each for each in said)
    assert any("did not end in time" in each for each in said)


def test_the_picture_is_xml_with_a_line_for_everybody() -> None:
    readings = [
        Reading("raw", who.key, legs, trial(legs / 100, 30.0))
        for who in (FLOOR, OURS)
        for legs in SCENARIO.ladder
    ]
    picture = ET.fromstring(draw(contest(*readings), [SCENARIO], [FLOOR, OURS]))  # noqa: S314  our own
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 4
