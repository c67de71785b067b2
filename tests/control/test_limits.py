from __future__ import annotations

import pytest
import trio

from trioaudio.control import http_body
from trioaudio.control.http_body import AskerGoneError, HttpBody
from trioaudio.control.limits import FAILURE_WINDOW_S, FAILURES, FailureRecord, TokenBucket
from trioaudio.control.problems import ProblemError


def test_a_bucket_fills_at_its_rate_and_no_further_than_its_burst() -> None:
    bucket = TokenBucket(rate=2.0, burst=3)
    assert [bucket.take(10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(10.5) == 0.0
    assert bucket.take(10.5) == 0.5
    assert [bucket.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_failures_are_forgotten_after_a_minute() -> None:
    record = FailureRecord()
    for second in range(FAILURES):
        assert record.wait("a", float(second)) == 0.0
        record.add("a", float(second))
    assert record.wait("a", 30.0) == FAILURE_WINDOW_S - 30.0
    assert record.wait("b", 30.0) == 0.0
    assert record.wait("a", FAILURE_WINDOW_S) == 0.0


def test_peers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.control.limits._PEERS", 2)
    record = FailureRecord()
    for peer in ("a", "b", "c"):
        for _ in range(FAILURES):
            record.add(peer, 0.0)
    assert [bool(record.wait(peer, 0.0)) for peer in ("a", "b", "c")] == [False, True, True]


async def test_a_body_may_take_so_long(autojump_clock: object) -> None:
    async def never() -> object:
        return await trio.sleep_forever()

    body = HttpBody(never)
    with pytest.raises(ProblemError, match="60 s"):
        await body.read(10)
    assert not await body.pass_over()
    assert trio.current_time() >= http_body.WHOLE_S + http_body.PASSED_OVER_S


async def test_an_asker_that_went_is_not_answered() -> None:
    async def gone() -> object:
        await trio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}

    with pytest.raises(AskerGoneError):
        await HttpBody(gone).read(10)
