from __future__ import annotations

import json

import pytest

from trioaudio.core.ledger import Ledger
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.utterance import Cause, Certainty, Utterance, UtteranceEvent
from trioaudio.line import CallTotals
from trioaudio.observe.call_report import CallFigures, call_report, process_age_ms
from trioaudio.observe.send_log import SendLog


def figures(utterance: Utterance | None, far: dict[str, object] | None) -> CallFigures:
    ledger = Ledger()
    ledger.frame(5)
    ledger.send(3)
    ledger.flush(2)
    return CallFigures(
        pcm=PcmFormat(8000),
        log=SendLog(),
        ledger=ledger.statistics(),
        totals=CallTotals(underruns=1, underrun_seconds=0.25),
        reconnects=2,
        utterance=utterance,
        engine="espeak",
        stretches=(),
        voice=None,
        carrier="telecmi",
        far_report=far,
        now=101.0,
    )


def test_a_call_that_never_was_is_valid_json() -> None:
    report = json.loads(json.dumps(call_report(figures(None, None)), allow_nan=False))
    assert report["carrier"] == {
        "name": "telecmi",
        "frames": None,
        "lateness_ms": None,
        "spacing_ms": None,
    }
    assert report["lateness_ms"] == {"p50": None, "p99": None, "max": None}
    assert (report["first_frame_ms"], report["cause"], report["drift_ms"]) == (None, None, None)
    assert (report["frames"], report["framed"], report["flushed"]) == (3, 5, 2)
    assert (report["audio_ms"], report["underrun_ms"], report["reconnects"]) == (180, 250, 2)


def test_the_far_ends_figures_stand_beside_ours() -> None:
    said = Utterance(1, accepted_at=100.0, first_frame_at=100.25, characters=3)
    said.happen(UtteranceEvent.SPEAK)
    said.end(UtteranceEvent.INTERRUPT, Cause.CANCELLED)
    said.certainty = Certainty.ESTIMATED
    report = call_report(figures(said, {"frames": 4, "name": "impostor"}))
    assert (report["carrier"]["frames"], report["carrier"]["name"]) == (4, "telecmi")
    assert report["first_frame_ms"] == 250
    assert report["shell_to_first_frame_ms"] == pytest.approx(process_age_ms() - 750, abs=500)
    assert (report["cause"], report["certainty"]) == ("cancelled", "estimated")
    assert report["text_characters"] == 3


def test_the_process_gets_older() -> None:
    assert 0 < process_age_ms() < 24 * 3600 * 1000
