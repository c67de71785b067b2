from __future__ import annotations

import pytest

from trioaudio.api.shapes import Cause
from trioaudio.calls.call_history import (
    FAILOVERS_KEPT,
    UTTERANCES_KEPT,
    CallHistory,
    FailoverHistory,
    UtteranceHistory,
)
from trioaudio.core.speech import Stretch


def said(number: int, cause: Cause = "normal") -> UtteranceHistory:
    return UtteranceHistory(
        utterance=number,
        cause=cause,
        accepted_at=1.0,
        completed_at=3.0,
        played_ms=100.0,
        unheard_ms=10.0,
        characters=12,
        heard_characters=9,
    )


def history() -> CallHistory:
    return CallHistory(call="c1", carrier="telecmi", created_at=0.0)


def test_totals_count_what_is_not_kept() -> None:
    call = history()
    for n in range(1, UTTERANCES_KEPT + 51):
        call.complete(said(n))
    assert [call.utterances[0].utterance, call.utterances[-1].utterance] == [51, 250]
    totals = call.utterance_totals
    assert (totals.count, totals.played_ms, totals.unheard_ms) == (250, 25_000, 2500)
    assert (totals.heard_characters, totals.unheard_characters) == (2250, 750)


@pytest.mark.parametrize(
    ("cause", "counted"),
    [
        ("normal", (0, 0)),
        ("barge-in", (1, 0)),
        ("cancelled", (1, 0)),
        ("drained", (1, 0)),
        ("error", (0, 1)),
        ("parse-failure", (0, 1)),
        ("language-unsupported", (0, 1)),
        ("expired", (0, 1)),
        ("carrier-lost", (0, 1)),
    ],
)
def test_what_was_cut_and_what_failed(cause: Cause, counted: tuple[int, int]) -> None:
    call = history()
    call.complete(said(1, cause))
    assert (call.utterance_totals.interrupted, call.utterance_totals.failed) == counted


def test_more_heard_than_accepted_is_nothing_unheard() -> None:
    more = UtteranceHistory(
        utterance=1, cause="normal", accepted_at=0, completed_at=1, heard_characters=5
    )
    assert more.unheard_characters == 0


def test_engines_are_summed_and_what_was_cached_is_apart() -> None:
    call = history()
    for stretch in (
        Stretch("cartesia", 0, 10, 500.0),
        Stretch("cartesia", 10, 15, 250.0),
        Stretch("espeak", 15, 20, 300.0),
        Stretch("cartesia", 0, 7, 400.0, cached=True),
    ):
        call.speak(stretch)
    assert {key: (use.characters, use.audio_ms) for key, use in call.engines.items()} == {
        ("cartesia", False): (15, 750.0),
        ("espeak", False): (5, 300.0),
        ("cartesia", True): (7, 400.0),
    }


def test_rare_things_are_counted() -> None:
    call = history()
    for n in range(FAILOVERS_KEPT + 3):
        call.fail_over(FailoverHistory(1.0, n, "a", "b", "it said no"))
    for seconds in (0.01, 0.05, 0.02):
        call.barge_in(seconds)
    call.reconnect(1.5)
    call.reconnect(0.5)
    assert (call.failovers, len(call.failovers_kept)) == (FAILOVERS_KEPT + 3, FAILOVERS_KEPT)
    assert (call.barge_ins, call.worst_barge_in_s) == (3, 0.05)
    assert (call.reconnects, call.reconnect_gap_s) == (2, 2.0)
