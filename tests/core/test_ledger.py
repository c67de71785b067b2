import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.ledger import Ledger, LedgerStatistics

OPERATIONS = ["frame", "send", "flush", "expire", "recall"]


def apply(ledger: Ledger, operation: str, frames: int) -> None:
    match operation:
        case "frame":
            ledger.frame(frames)
        case "send":
            ledger.send(frames)
        case "flush":
            ledger.flush(frames)
        case "recall":
            ledger.recall(frames)
        case _:
            ledger.flush(frames, expired=True)


@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(-2, 9)), max_size=60))
def test_every_frame_is_somewhere_and_no_term_is_negative(steps: list[tuple[str, int]]) -> None:
    ledger = Ledger()
    queued = 0
    for operation, frames in steps:
        before = ledger.statistics()
        adds = operation in ("frame", "recall")
        if frames < 0 or (not adds and frames > queued):
            with pytest.raises(LocalProtocolError):
                apply(ledger, operation, frames)
            assert ledger.statistics() == before
        else:
            apply(ledger, operation, frames)
            queued += frames if adds else -frames
        counts = ledger.statistics()
        assert counts.queued == queued == ledger.queued
        assert counts.framed == counts.queued + counts.sent + counts.flushed
        assert min(counts.framed, counts.queued, counts.sent, counts.expired) >= 0
        assert counts.expired <= counts.flushed


def test_each_count_is_its_own() -> None:
    ledger = Ledger()
    ledger.frame(10)
    ledger.send(4)
    ledger.flush(1)
    ledger.flush(2, expired=True)
    ledger.recall(3)
    assert ledger.statistics() == LedgerStatistics(
        framed=13, queued=6, sent=4, flushed=3, expired=2, recalled=3
    )


def test_a_complaint_names_the_counts() -> None:
    ledger = Ledger()
    ledger.frame(1)
    with pytest.raises(LocalProtocolError, match=r"sent 2 frames out of .*queued=1"):
        ledger.send(2)
    with pytest.raises(LocalProtocolError, match=r"flushed 3 frames out of .*queued=1"):
        ledger.flush(3)
    with pytest.raises(LocalProtocolError, match="framed -1 frames"):
        ledger.frame(-1)
