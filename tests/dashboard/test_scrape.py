"""What is read out of the metrics: of the real ones, and of what is broken."""

from __future__ import annotations

from trioaudio.dashboard.scrape import EngineCounts, Rates, Scrape, rates_between, read_metrics

METRICS = """\
# HELP trioaudio_frames_sent_total Frames of 60 ms sent.
# TYPE trioaudio_frames_sent_total counter
trioaudio_frames_sent_total{carrier="twilio",kind="speech"} 70.0
trioaudio_frames_sent_total{carrier="raw",kind="idle"} 30.0
trioaudio_underruns_total{carrier="twilio"} 1.0
trioaudio_underrun_seconds_total{carrier="twilio"} 5.0
trioaudio_utterances_total{cause="normal"} 3.0
trioaudio_utterances_total{cause="error"} 1.0
trioaudio_engine_failovers_total{from="espeak",to="piper"} 1.0
trioaudio_loop_lag_seconds 0.0125
trioaudio_engine_requests_total{engine="espeak",result="spoken"} 3.0
trioaudio_engine_requests_total{engine="espeak",result="failed"} 2.0
trioaudio_first_frame_seconds_bucket{cache="miss",engine="espeak",le="0.5"} 2.0
trioaudio_first_frame_seconds_sum{cache="miss",engine="espeak"} 0.3
trioaudio_first_frame_seconds_sum{cache="hit",engine="espeak"} 0.1
trioaudio_first_frame_seconds_count{cache="miss",engine="espeak"} 1.0
trioaudio_first_frame_seconds_count{cache="hit",engine="espeak"} 1.0
trioaudio_engine_requests_total{engine="a\\"b",result="spoken"} 1.0
"""


def test_what_is_wanted_is_read() -> None:
    scrape = read_metrics(METRICS, 7.0)
    assert (scrape.at, scrape.frames, scrape.underruns, scrape.utterances) == (7.0, 100, 1, 4)
    assert (scrape.failovers, scrape.loop_lag_s) == (1, 0.0125)
    espeak = scrape.engines["espeak"]
    assert (espeak.spoken, espeak.failed) == (3, 2)
    assert espeak.first_frame_ms is not None
    assert round(espeak.first_frame_ms) == 200
    assert len(scrape.engines) == 2


def test_what_cannot_be_read_is_passed_over() -> None:
    text = "\n".join(
        [
            "",
            "# HELP trioaudio_frames_sent_total Frames.",
            "trioaudio_frames_sent_total many",
            "trioaudio_frames_sent_total NaN",
            "trioaudio_frames_sent_total",
            'trioaudio_frames_sent_total{carrier="x y"} 3.0',
            'trioaudio_engine_requests_total{engine="e",result="pondered"} 3.0',
            "python_gc_total 3.0",
        ]
    )
    scrape = read_metrics(text, 1.0)
    assert scrape.frames == 3.0
    assert scrape.engines == {"e": EngineCounts()}
    assert EngineCounts().first_frame_ms is None


def test_rates_and_a_daemon_started_anew() -> None:
    before = Scrape(at=10.0, frames=1000, utterances=10)
    assert rates_between(before, Scrape(at=12.0, frames=1100, utterances=11)) == Rates(50, 0.5)
    assert rates_between(before, Scrape(at=12.0, frames=40, utterances=2)) == Rates(20, 1)
    assert rates_between(before, before) == Rates()
