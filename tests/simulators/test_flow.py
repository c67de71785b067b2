from __future__ import annotations

from trioaudio.simulators.dialect import Backlog
from trioaudio.simulators.flow import flow_control


def test_a_pause_is_asked_for_once_and_ended_once() -> None:
    flow = flow_control(Backlog(20_000, 18_000, 16_000), 8000)
    assert (flow.most, flow.pause_at, flow.resume_at) == (160_000, 144_000, 128_000)
    assert [flow.judge(each) for each in (0, 143_999, 144_000, 150_000)] == [None, None, True, None]
    assert [flow.judge(each) for each in (140_000, 128_000, 127_999)] == [None, False, None]
    assert flow.judge(144_000)
    assert flow.pauses == 2


def test_a_carrier_without_flow_control_asks_for_nothing() -> None:
    assert flow_control(None, 8000).most is None
    assert flow_control(Backlog(100), 8000).judge(10**9) is None
    assert flow_control(None, 8000).judge(10**9) is None


def test_without_a_threshold_a_pause_lasts_until_nothing_waits() -> None:
    flow = flow_control(Backlog(1000, 500), 8000)
    assert flow.judge(4000)
    assert flow.judge(1) is None
    assert flow.judge(0) is False
