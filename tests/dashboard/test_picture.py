"""The whole screen, at any size."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.things import BORN, SAYING, call_view, fleet_of, node_view, node_with, saying, sight
from trioaudio.api import events
from trioaudio.api.views import EngineView
from trioaudio.dashboard.cells import text_of, width_of
from trioaudio.dashboard.keys import Key
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.dashboard.palette import STYLES, Palette
from trioaudio.dashboard.picture import Picture, draw
from trioaudio.dashboard.scrape import EngineCounts, Scrape
from trioaudio.dashboard.view_state import Mode, ViewState
from trioaudio.observe.live_picture import ASCII


def lines_of(picture: Picture) -> list[str]:
    return [text_of(row.line).rstrip() for row in picture.rows]


def screen(fleet: Fleet, width: int = 152, height: int = 30, **state: object) -> str:
    view = ViewState(**state)  # type: ignore[arg-type]
    return "\n".join(lines_of(draw(fleet, view, width, height, sight())))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 250),
    st.integers(1, 80),
    st.sampled_from(list(Mode)),
    st.sampled_from([0, 1, 7, 120]),
)
def test_every_size_is_filled_exactly(width: int, height: int, mode: Mode, calls: int) -> None:
    fleet = fleet_of(calls)
    fleet.take_event(
        fleet.nodes[0], events.DtmfCame(call="c", at=BORN, digit="5", duration_ms=None)
    )
    picture = draw(fleet, ViewState(mode=mode), width, height, sight())
    assert len(picture.rows) <= height
    assert {width_of(text_of(row.line)) for row in picture.rows} == {width}
    assert sum(len(each) for each in picture.in_sight.values()) <= min(calls, height)
    assert all(style in STYLES for row in picture.rows for _, style in row.line)


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (30, "CALL TEXT"),
        (40, "CALL STATE TEXT"),
        (80, "CALL NUMBER STATE UP▼ LATE TEXT"),
        (152, "CALL CARRIER NUMBER STATE UP▼ LEAD ms LATE LAST MINUTE GAPS WAIT ENGINE TEXT"),
    ],
)
def test_which_columns_there_are(width: int, columns: str) -> None:
    head = next(each for each in screen(fleet_of(3), width).splitlines() if " CALL " in each)
    assert " ".join(head.split()) == columns


def test_a_call_with_all_there_is() -> None:
    shown = screen(fleet_of(30))
    row = next(each for each in shown.splitlines() if "00000007" in each)
    assert "twilio     → +14155550007" in row
    assert "● speaking" in row
    assert "■■■■□□  180" in row  # 180 of 240 ms, in six marks
    assert " 0.7 " in row
    assert "espeak" in row
    assert "Good morning." in row


def test_the_heard_part_is_told_apart() -> None:
    fleet = Fleet([node_with(call_view("a", speaking=False, saying=saying(heard=13)))])
    picture = draw(fleet, ViewState(), 152, 30, sight())
    (row,) = (each for each in picture.rows if each.selected)
    assert [text for text, style in row.line if style == "heard"] == ["Good morning."]


def test_a_tiny_terminal_shows_the_calls() -> None:
    shown = screen(fleet_of(30), 40, 10).splitlines()
    assert len(shown) == 10
    assert shown[0].startswith(" top  30 calls")
    assert sum("● speaking" in each for each in shown) == 6


def test_only_what_is_in_sight_is_asked_for() -> None:
    state = ViewState()
    picture = draw(fleet_of(1000), state, 152, 30, sight())
    (calls,) = picture.in_sight.values()
    assert calls == [f"c_{number:08x}" for number in range(state.rows)]
    state.press(Key("end"), 0.0)
    picture = draw(fleet_of(1000), state, 152, 30, sight())
    (calls,) = picture.in_sight.values()
    assert calls[-1] == f"c_{999:08x}"
    assert f"{state.top + 1}-1000" in "\n".join(lines_of(picture))


def test_a_thousand_calls_are_drawn_in_time() -> None:
    fleet, state = fleet_of(1000), ViewState(sort="late")
    draw(fleet, state, 200, 50, sight())
    took = []
    for turn in range(5):
        began = time.process_time()
        picture = draw(fleet, state, 200, 50, sight(100.0 + turn))
        for row in picture.rows:
            Palette().paint(row.line, selected=row.selected)
        took.append(time.process_time() - began)
    assert min(took) < 0.05


def test_filter_and_nothing_found() -> None:
    assert "calls 1 of 30 by age ▼ with '0000001d'" in screen(fleet_of(30), needle="0000001d")
    assert "no call fits the filter" in screen(fleet_of(3), needle="zzz")
    assert "no calls" in screen(fleet_of(0))


def test_totals_engines_and_a_daemon_in_trouble() -> None:
    busy = node_with(call_view("a"), name="http://127.0.0.1:1")
    busy.take_node(
        node_view(state="full", reason="the processor is busy", cpu=0.8, lateness_p99_ms=30.0),
        100.0,
        BORN,
    )
    espeak = {"espeak": EngineCounts(spoken=10, failed=2, first_frame_s=1.0, first_frames=10)}
    busy.take_scrape(Scrape(at=1.0, engines=espeak))
    busy.take_scrape(
        Scrape(at=3.0, frames=100, utterances=5, underruns=3, failovers=1, loop_lag_s=0.025,
               engines=espeak)
    )  # fmt: skip
    busy.engines.append(EngineView(engine="cartesia", position=1, embedded=False, resting=True))
    never = Node("http://127.0.0.1:2")
    gone = node_with(call_view("b"), name="http://127.0.0.1:3")
    gone.fall_silent("the stream was lost")
    shown = screen(Fleet([busy, never, gone]), 152, 40)
    assert "2 calls · 2.5 utterances/s · 50 frames/s · 3 gaps · 1 failover" in shown
    assert "full" in shown
    assert "the processor is busy" in shown
    assert "loop lag 25.0 ms" in shown
    assert "● espeak  10 said · 2 failed · first frame 100 ms" in shown
    assert "● cartesia resting  0 said" in shown
    assert "127.0.0.1:2 no answer yet" in shown
    assert "127.0.0.1:3 no answer since" in shown
    assert ": the stream was lost" in shown
    picture = draw(Fleet([busy, never, gone]), ViewState(), 152, 40, sight())
    (row,) = (each for each in picture.rows if text_of(each.line).startswith(" b "))
    assert {style for text, style in row.line if text.strip()} == {"gone"}


def test_when_there_are_many_daemons_those_in_trouble_stand_first() -> None:
    nodes = [node_with(name=f"http://127.0.0.1:{port}") for port in range(1, 21)]
    nodes[15].fall_silent("gone")
    shown = screen(Fleet(nodes), 152, 40).splitlines()
    assert "127.0.0.1:16 no answer since" in shown[1]
    assert "… and 15 more daemons" in shown[6]


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"paused": True}, "paused"),
        ({"speaking": False, "waiting": 2}, "waiting"),
        ({"speaking": False, "waiting": 0}, "quiet"),
        ({"state": "lost"}, "lost"),
        ({"state": "placing", "answered_at": None}, "placing"),
    ],
)
def test_states(facts: dict[str, object], word: str) -> None:
    assert f"● {word}" in screen(Fleet([node_with(call_view("a", **facts))]))


def test_what_others_wrote_steers_nothing() -> None:
    evil = "\x1b]0;title\x07\x1b[2J\n\u202e"
    view = call_view(
        "a", carrier=evil, to=evil, caller_id=evil, peer=evil, labels={evil: evil},
        saying=saying(text=evil * 3, heard=5, spoken_by=[evil]), traceparent=evil,
    )  # fmt: skip
    fleet = Fleet([node_with(view)])
    fleet.nodes[0].take_node(node_view(reason=evil, version=evil), 100.0, BORN)
    ended = events.CallEnded(call="b", at=BORN, cause="bug", reason=evil, record={})
    fleet.take_event(fleet.nodes[0], ended)
    for mode in Mode:
        picture = draw(fleet, ViewState(mode=mode), 152, 40, sight())
        assert "title" in "".join(lines_of(picture)) or mode is Mode.HELP
        assert all(each.isprintable() for each in lines_of(picture))


def test_wide_characters_take_two_cells() -> None:
    view = call_view("a", speaking=False, saying=saying(text="你好，世界。" * 30, heard=2))
    picture = draw(Fleet([node_with(view)]), ViewState(), 90, 20, sight())
    assert {width_of(text_of(row.line)) for row in picture.rows} == {90}


def test_the_page_of_a_call() -> None:
    fleet = Fleet([node_with(call_view("c_abc", saying=saying(), labels={"order": "7"}))])
    state = ViewState(mode=Mode.DETAILS)
    shown = "\n".join(lines_of(draw(fleet, state, 100, 40, sight())))
    for told in ("call c_abc", "+14155550100    from +14155550199", "mulaw at 8000 Hz", "order=7",
                 f"of {len(SAYING)} characters heard", "Good morning.", "late p99"):  # fmt: skip
        assert told in shown
    fleet = Fleet([node_with(call_view("x", answered_at=None, lateness_p99_ms=None, to=None))])
    shown = "\n".join(lines_of(draw(fleet, ViewState(mode=Mode.DETAILS), 100, 40, sight())))
    assert "not yet; asked for" in shown


def test_the_last_line_tells_what_keys_are_for() -> None:
    fleet, state = fleet_of(3), ViewState()

    def last() -> str:
        return lines_of(draw(fleet, state, 100, 30, sight()))[-1]

    assert last().startswith(" ? help  q quit")
    state.paused = True
    assert last().startswith(" PAUSED")
    state.tell("done", 99.0, "good")
    assert last() == " PAUSED done"
    state.status_until = 0.0
    for key in "/ab":
        state.press(Key("text", key), 0.0)
    assert last() == " PAUSED filter: ab"
    state.press(Key("escape"), 0.0)
    assert last().startswith(" PAUSED")
    for key in "sHi":
        state.press(Key("text", key), 0.0)
    assert last() == " PAUSED say to 00000000: Hi"
    state.press(Key("escape"), 0.0)
    state.press(Key("text", "h"), 0.0)
    assert last().startswith(" PAUSED hang up 00000000? y hangs up")
    state.press(Key("text", "n"), 0.0)
    state.press(Key("text", "p"), 0.0)
    state.tell("done", 99.0, "good")
    assert last() == " done"


def test_the_page_of_a_call_that_ends_gives_way_to_the_list() -> None:
    fleet, state = fleet_of(3), ViewState(needle="speaking")
    draw(fleet, state, 100, 30, sight())
    state.press(Key("enter"), 0.0)
    row = fleet.nodes[0].calls["c_00000000"]
    row.take(call_view("c_00000000", speaking=False), 100.0)  # it fits the filter no longer
    assert "call c_00000000" in "\n".join(lines_of(draw(fleet, state, 100, 30, sight())))
    del fleet.nodes[0].calls["c_00000000"]
    shown = lines_of(draw(fleet, state, 100, 30, sight()))
    assert "calls 2 of 2" in "\n".join(shown)
    assert shown[-1] == " that call is over"


def test_one_of_a_thing_a_second() -> None:
    fleet = fleet_of(1)
    fleet.nodes[0].take_scrape(Scrape(at=1.0))
    fleet.nodes[0].take_scrape(Scrape(at=3.0, frames=2, underruns=1))
    assert "1 call · 0.0 utterances/s · 1 frame/s · 1 gap · 0 failovers" in screen(fleet)


def test_the_last_minute_is_one() -> None:
    fleet = fleet_of(1)
    (row,) = fleet.nodes[0].calls.values()
    row.late.values.clear()
    for second in range(60):
        row.late.add(150.0 if second == 30 else 1.0, 100.0 + second)
    for width, mode in ((160, Mode.LIST), (160, Mode.DETAILS)):
        drawn = draw(fleet, ViewState(mode=mode), width, 30, sight(159.0))
        (marks,) = [text for row in drawn.rows for text, style in row.line
                    if style == "spark" and "▁" in text and "█" in text]  # fmt: skip
        assert marks.index("█") == len(marks) / 2


def test_ascii_is_enough() -> None:
    fleet = fleet_of(5)
    fleet.nodes[0].take_scrape(Scrape(at=1.0))
    picture = draw(fleet, ViewState(), 120, 30, sight(glyphs=ASCII))
    assert all(each.isascii() for each in lines_of(picture))
