"""What is known of daemons and calls, as views and events come."""

from __future__ import annotations

import pytest

from dashboard.things import BORN, call_view, node_view, node_with, saying
from trioaudio.api import events
from trioaudio.dashboard.nodes import ONLY_MOST, SLICE, USUAL_PACE, Fleet, Node, Recent
from trioaudio.dashboard.scrape import Scrape


def test_calls_come_and_go_by_events() -> None:
    node = node_with(call_view("a"))
    node.take_event(events.CallStarted(call="b", at=1.0, carrier="raw", to=None))
    assert node.wanted([]) == ["b", "a"]
    node.take_some(["b", "a"], [call_view("b"), call_view("a")], 101.0)
    assert list(node.calls) == ["a", "b"]
    node.take_event(events.CallEnded(call="a", at=1.0, cause="hung-up", reason="", record={}))
    assert list(node.calls) == ["b"]
    # one that nobody told of, as after a gap
    node.take_event(events.DtmfCame(call="c", at=1.0, digit="1", duration_ms=None))
    node.take_event(events.DtmfCame(call="b", at=1.0, digit="1", duration_ms=None))
    assert node.wanted([]) == ["c", "b"]
    node.take_event(events.CallEnded(call="c", at=1.0, cause="hung-up", reason="", record={}))
    assert node.wanted([]) == ["b"]


def test_who_spoke_is_known_when_an_utterance_is_complete() -> None:
    node = node_with(call_view("a"))
    for spoken_by, engine in (([], ""), (["espeak", "pi\x1bper"], "pi per"), ([], "pi per")):
        done = events.UtteranceCompleted(
            call="a", at=1.0, utterance=1, cause="normal", error=None, played_ms=1.0,
            text_heard="", text_unheard="", certainty="acked", spoken_by=spoken_by,
        )  # fmt: skip
        node.take_event(done)
        assert node.calls["a"].engine == engine


def test_what_did_not_come_or_is_over_is_forgotten() -> None:
    node = node_with(call_view("a"), call_view("b"), call_view("c", state="ended"))
    assert list(node.calls) == ["a", "b"]
    node.take_some(["a", "b"], [call_view("a", state="ended")], 101.0)
    assert not node.calls


def test_in_sight_first_and_the_others_in_turns() -> None:
    node = node_with(*(call_view(f"c{number}") for number in range(1000)))
    visible = [f"c{number}" for number in range(500, 540)]
    seen: set[str] = set()
    for _ in range(1000 // SLICE):
        wanted = node.wanted(visible)
        assert wanted[:40] == visible
        assert len(wanted) <= ONLY_MOST
        assert len(wanted) == len(set(wanted))
        seen.update(wanted)
    assert len(seen) == 1000
    some = node.wanted([f"c{number}" for number in range(200, 500)])
    assert some == [f"c{number}" for number in [*range(200, 280), *range(20)]]
    assert node.wanted(["gone"])[0] != "gone"


def test_a_row_keeps_what_it_learned_when_all_are_listed_again() -> None:
    node = node_with(call_view("a"), call_view("b"))
    row = node.calls["a"]
    node.take_all([call_view("a"), call_view("d")], 130.0)
    assert list(node.calls) == ["a", "d"]
    assert node.calls["a"] is row
    assert len(row.late.values) == 2


def test_the_minute_passes() -> None:
    recent = Recent()
    for second in range(100):
        recent.add(float(second), float(second))
    recent.add(None, 100.0)
    assert recent.minute(60, 100.0) == [*map(float, range(41, 100)), 99.0]
    assert recent.minute(3, 99.0) == [59.0, 79.0, 99.0]


@pytest.mark.parametrize("interval_s", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("count", [12, 24])
def test_a_late_moment_stays_in_sight_for_a_minute(interval_s: float, count: int) -> None:
    recent, seen, now = Recent(), [], 0.0
    for turn in range(round(200 / interval_s)):
        now = 1000.0 + turn * interval_s
        recent.add(150.0 if turn == round(100 / interval_s) else 1.0, now)
        if 150.0 in recent.minute(count, now):
            seen.append(now)
    assert count - 1 <= len(recent.minute(count, now)) <= count
    assert pytest.approx(seen[0]) == 1100.0
    assert 60 - 60 / count - interval_s <= seen[-1] - seen[0] <= 60


def test_a_value_stands_until_the_next() -> None:
    recent = Recent()
    assert recent.minute(12, 3.0) == []
    recent.add(7.0, 10.0)
    assert recent.minute(12, 10.0) == [7.0]
    recent.add(2.0, 31.0)
    assert recent.minute(12, 31.0) == [7.0, 7.0, 7.0, 7.0, 2.0]
    assert recent.minute(12, 200.0) == []


def test_what_was_heard_moves_on_between_two_answers() -> None:
    node = node_with(call_view("a", saying=saying(heard=10)))
    row = node.calls["a"]
    assert row.engine == "espeak"
    assert row.heard(100.0) == 10
    assert 10 < row.heard(101.0) <= 10 + USUAL_PACE
    row.take(call_view("a", saying=saying(heard=40)), 102.0)
    assert row.pace == (USUAL_PACE + 15) / 2
    assert row.heard(102.0) == 40
    text = saying().text
    row.take(call_view("a", saying=saying(heard=len(text) - 1)), 103.0)
    assert row.heard(1000.0) == len(text)
    for view in (
        call_view("a", saying=saying(heard=5), paused=True),
        call_view("a", saying=saying(heard=5), speaking=False),
    ):
        row.take(view, 104.0)
        assert row.heard(105.0) == 5
    row.take(call_view("a"), 106.0)
    assert row.heard(107.0) == 0


def test_silence_is_noted_with_the_time_of_the_last_answer() -> None:
    node = Node("n")
    assert not node.answers
    node.fall_silent("nobody \x1b[2J there")
    assert (node.silent_since, node.trouble) == (0.0, "nobody  [2J there")
    node.take_node(node_view(), 1.0, BORN)
    assert node.answers
    node.fall_silent("gone")
    node.fall_silent("still gone")
    assert (node.silent_since, node.trouble) == (BORN, "still gone")


def test_rates_need_two_scrapes() -> None:
    node = Node("n")
    node.take_scrape(Scrape(at=1.0, frames=10))
    assert node.rates.frames == 0
    node.take_scrape(Scrape(at=2.0, frames=30))
    assert node.rates.frames == 20


def test_a_fleet_finds_calls_and_keeps_the_latest_events() -> None:
    first, second = node_with(call_view("a"), name="one"), node_with(call_view("a"), name="two")
    fleet = Fleet([first, second])
    assert fleet.find("two", "a") is second.calls["a"]
    assert fleet.find("two", "b") is None
    assert fleet.find("three", "a") is None
    for number in range(300):
        event = events.DtmfCame(call="a", at=float(number), digit="1", duration_ms=None)
        fleet.take_event(first, event)
    assert len(fleet.events) == 200
    assert fleet.events[-1][1].at == 299.0
