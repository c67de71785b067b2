"""Connections that are lost and come back: speech goes on, and every frame is accounted for."""

from __future__ import annotations

import pytest

from system.processes import LONG, Runner, last_report, read_wav

pytestmark = pytest.mark.system

TEXT = "One two three four five six seven eight nine ten eleven twelve thirteen."
QUICK = {"TRIOAUDIO_REDIAL_FIRST_S": "0.1", "TRIOAUDIO_REDIAL_CAP_S": "0.1"}


def test_a_reset_is_redialled_and_speech_goes_on(runner: Runner) -> None:
    carrier, url = runner.listening_carrier("--fault", "reset-after=15", "--out", "heard.wav")
    done = runner.run(
        *("--text", TEXT, "--carrier", "raw", "--url", url, "--out", "sent.wav"),
        *("--report", "report.json"),
        env=QUICK,
    )
    assert (done.code, done.complaints) == (0, [])
    report, far = runner.report(), last_report(carrier.wait())
    assert (report["reconnects"], far["connections"]) == (1, 2)
    assert report["expired"] == report["flushed"] == 0
    assert report["framed"] == report["frames"]
    # Handed to the kernel while the reset was under way: one frame, or two.
    assert report["frames"] - 2 <= far["frames"] <= report["frames"]
    assert far["protocol_errors"] == []
    # No frame was said twice, none is out of order: what was heard is what was sent, minus those.
    sent, heard = (read_wav(runner.folder / name) for name in ("sent.wav", "heard.wav"))
    frames = [sent.samples[at : at + 480].tobytes() for at in range(0, len(sent.samples), 480)]
    loud = [each for each in frames if any(each)]
    at, found = 0, []
    whole = heard.samples.tobytes()
    for each in loud:
        where = whole.find(each, at)
        if where >= 0:
            at = where + len(each)
            found.append(each)
    assert len(found) >= len(loud) - 4  # some were in the queue of the carrier that reset
    assert len(set(loud)) == len(loud)
    for each in found:
        assert whole.count(each) == 1


def test_a_carrier_that_comes_back_within_the_grace(runner: Runner) -> None:
    call = runner.start(
        *("--text", TEXT, "--listen", "127.0.0.1:0", "--report", "report.json", "--no-out")
    )
    carrier = runner.carrier(
        *("--dial", call.url(), "--fault", "reset-after=10", "--fault", "redial-after=0.3")
    )
    done, far, report = call.wait(), last_report(carrier.wait()), runner.report()
    assert (done.code, done.complaints) == (0, [])
    assert (report["reconnects"], far["connections"], report["expired"]) == (1, 2, 0)
    assert report["frames"] - 2 <= far["frames"] <= report["frames"]
    assert [each["command"] for each in far["commands"]] == ["hang-up"]
    assert report["cause"] == "normal"


def test_a_carrier_that_comes_back_too_late(runner: Runner) -> None:
    call = runner.start(
        *("--text", LONG, "--listen", "127.0.0.1:0", "--report", "report.json", "--no-out"),
        env={"TRIOAUDIO_RETURN_GRACE_S": "0.3"},
    )
    carrier = runner.carrier(
        *("--dial", call.url(), "--fault", "reset-after=5", "--fault", "redial-after=3")
    )
    done = call.wait(10)
    done.fails(5, "no carrier connected within 0.3 s")
    report = runner.report()
    assert (report["cause"], report["reconnects"]) == ("carrier-lost", 0)
    assert report["framed"] == report["frames"] + report["flushed"]
    carrier.process.kill()


def test_speech_that_is_too_old_is_dropped_and_counted(runner: Runner) -> None:
    call = runner.start(
        *("--text", TEXT, "--listen", "127.0.0.1:0", "--report", "report.json", "--no-out"),
        env={"TRIOAUDIO_KEEP_MS": "300"},
    )
    carrier = runner.carrier(
        *("--dial", call.url(), "--fault", "reset-after=10", "--fault", "redial-after=1.0")
    )
    done, far, report = call.wait(), last_report(carrier.wait()), runner.report()
    assert done.code == 0
    # 1 s away, of which 0.3 s is kept.
    assert 10 <= report["expired"] <= 14
    assert report["framed"] == report["frames"] + report["flushed"]
    assert report["flushed"] == report["expired"]
    assert report["frames"] - 2 <= far["frames"] <= report["frames"]
    assert "speech too old to be said was dropped" in done.err


def test_a_carrier_that_resets_for_ever(runner: Runner) -> None:
    call = runner.start(
        *("--text", LONG, "--listen", "127.0.0.1:0", "--report", "report.json", "--no-out"),
        env={"TRIOAUDIO_RESTARTS_MOST": "1", "TRIOAUDIO_RETURN_GRACE_S": "5"},
    )
    url = call.url()
    for _ in range(2):
        runner.carrier("--dial", url, "--fault", "reset-after=2").wait()
    done = call.wait(10)
    done.fails(5)
    assert runner.report()["reconnects"] == 1
