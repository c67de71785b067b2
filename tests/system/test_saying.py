"""What was asked for, said: over a real WebSocket to a carrier in another process."""

from __future__ import annotations

import sys

import pytest

from system.processes import LONG, SHORT, Runner, last_report, read_report, read_wav

pytestmark = pytest.mark.system

KEYS = {
    "frames",
    "frame_bytes",
    "ptime_ms",
    "sample_rate",
    "first_frame_ms",
    "lateness_ms",
    "spacing_ms",
    "drift_ms",
    "underruns",
    "resyncs",
    "flushed",
    "carrier",
}


@pytest.mark.parametrize("carrier", ["telecmi", "raw"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_every_frame_arrives_whole_and_is_heard(runner: Runner, carrier: str, rate: int) -> None:
    done = runner.run(
        *("--text", "Hello, this is a test.", "--carrier", carrier, "--rate", str(rate)),
        *("--report", "report.json", "--out", "heard.wav"),
    )
    assert (done.code, done.complaints) == (0, [])
    report, wav = runner.report(), read_wav(runner.folder / "heard.wav")
    assert report.keys() >= KEYS
    far = report["carrier"]
    assert report["frames"] == far["frames"] == far["messages"] > 10
    assert report["frame_bytes"] == rate * 60 // 1000 * 2
    assert far["bytes"] == report["frames"] * report["frame_bytes"]
    assert (report["ptime_ms"], report["sample_rate"], far["sample_rate"]) == (60, rate, rate)
    for spread in (report["lateness_ms"], report["spacing_ms"], far["lateness_ms"]):
        assert spread.keys() == {"p50", "p99", "max"}
        assert spread["p50"] <= spread["p99"] <= spread["max"]
    assert 55 < report["spacing_ms"]["p50"] < 65
    assert far["protocol_errors"] == []
    assert report["flushed"] == report["expired"] == report["reconnects"] == report["stalls"] == 0
    assert (report["cause"], far["name"]) == ("normal", carrier)
    assert wav.rate == rate
    assert wav.peak > 3000
    assert report["audio_ms"] <= wav.ms <= report["audio_ms"] + far["dry_ms"] + 100
    assert runner.files() == ["heard.wav", "report.json"]


def test_by_default_a_summary_and_a_wav_file_in_the_current_folder(runner: Runner) -> None:
    done = runner.run("--text", SHORT)
    assert done.code == 0
    assert runner.files() == ["trioaudio.wav"]
    assert "frames of exactly 960 bytes" in done.out
    assert "heard by the far end: trioaudio.wav" in done.out
    assert "warning" not in done.err


def test_a_lead_fills_the_carriers_queue_at_once(runner: Runner) -> None:
    done = runner.run(
        *("--text", "Hello, this is a test.", "--carrier", "raw", "--lead-ms", "240"),
        *("--no-out", "--report", "-"),
    )
    assert done.code == 0
    report = read_report(done.out)
    assert runner.files() == []
    assert report["frames"] == report["carrier"]["frames"]
    assert report["carrier"]["out"] is None
    # The first five leave together; all that follow are 60 ms apart.
    assert report["spacing_ms"]["p50"] > 50
    frames, lasted = report["frames"], report["audio_ms"]
    assert report["carrier"]["spacing_ms"]["max"] < 120
    assert lasted == frames * 60


def test_several_frames_in_one_message(runner: Runner) -> None:
    done = runner.run(
        *("--text", "Hello, this is a test.", "--no-out", "--report", "-"),
        env={"TRIOAUDIO_TELECMI_FRAMES_PER_MESSAGE": "4"},
    )
    assert done.code == 0
    report = read_report(done.out)
    assert report["carrier"]["messages"] == -(-report["frames"] // 4)
    assert report["carrier"]["frames"] == report["frames"]


def test_the_report_on_standard_output_is_nothing_but_json(runner: Runner) -> None:
    done = runner.run("--text", SHORT, "--report", "-", "--no-out")
    assert done.code == 0
    assert read_report(done.out)["frames"] > 0
    assert "frames of exactly 960 bytes" in done.err


def test_dial_a_media_endpoint_with_headers(runner: Runner) -> None:
    carrier, url = runner.listening_carrier("--header", "X-Call: 42", "--out", "heard.wav")
    done = runner.run(
        *("--text", SHORT, "--carrier", "raw", "--url", url, "--header", "X-Call: 42"),
        *("--report", "report.json", "--out", "sent.wav"),
    )
    assert (done.code, done.complaints) == (0, [])
    far, report = last_report(carrier.wait()), runner.report()
    assert far["frames"] == far["messages"] == report["frames"]
    assert far["protocol_errors"] == []
    assert report["carrier"]["frames"] is None
    assert (far["closed"]["code"], far["closed"]["by"]) == (1000, "peer")
    sent, heard = (read_wav(runner.folder / name) for name in ("sent.wav", "heard.wav"))
    assert len(sent.samples) == report["frames"] * 480
    assert sent.samples.tobytes() in heard.samples.tobytes()


def test_a_missing_header_is_the_carriers_no(runner: Runner) -> None:
    _, url = runner.listening_carrier("--header", "X-Call: 42")
    done = runner.run("--text", SHORT, "--carrier", "raw", "--url", url)
    done.fails(5, "HTTP status 401", "credentials")


def test_a_carrier_dials_in(runner: Runner) -> None:
    call = runner.start(
        *("--text", SHORT, "--listen", "127.0.0.1:0", "--report", "report.json", "--out", "s.wav")
    )
    carrier = runner.carrier("--dial", call.url())
    done, far = call.wait(), last_report(carrier.wait())
    call.until_alone()
    assert (done.code, done.complaints) == (0, [])
    assert far["frames"] == runner.report()["frames"] > 0
    assert [each["command"] for each in far["commands"]] == ["hang-up"]
    assert runner.files() == ["report.json", "s.wav"]
    assert "sent: s.wav" in done.out


def test_nobody_comes_in_by_another_path(runner: Runner) -> None:
    call = runner.start("--text", SHORT, "--listen", "127.0.0.1:0")
    url = call.url()
    stranger = runner.carrier("--dial", url.rpartition("/")[0] + "/guessed").wait()
    assert stranger.code == 5
    assert "404" in stranger.err
    assert runner.carrier("--dial", url).wait().code == 0
    assert call.wait().code == 0


def test_two_calls_at_once_in_one_folder(runner: Runner) -> None:
    calls = [runner.start("--text", SHORT, "--out", f"{n}.wav") for n in range(2)]
    assert [call.wait().code for call in calls] == [0, 0]
    assert runner.files() == ["0.wav", "1.wav"]


def test_development_mode_has_nothing_to_complain_about(runner: Runner) -> None:
    command = (sys.executable, "-X", "dev", "-W", "error", "-m", "trioaudio")
    done = runner.run("--text", SHORT, "--no-out", command=command)
    assert (done.code, done.complaints) == (0, [])


def test_version_and_help_are_quick(runner: Runner) -> None:
    for argument, words in (("--version", "trioaudio 0."), ("--help", "exit codes: 0 all")):
        done = min((runner.run(argument) for _ in range(3)), key=lambda each: each.seconds)
        assert (done.code, done.err) == (0, "")
        assert words in done.out
        assert done.seconds < 0.5


def test_help_where_only_ascii_can_be_printed(runner: Runner) -> None:
    done = runner.run("--help", env={"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.err) == (0, "")


@pytest.mark.long
def test_a_long_text_stays_on_time(runner: Runner) -> None:
    done = runner.run("--text", LONG, "--report", "-", "--no-out")
    assert done.code == 0
    report = read_report(done.out)
    assert report["frames"] == report["carrier"]["frames"] > 200
    assert abs(report["drift_ms"]) < 2
    assert (report["underruns"], report["resyncs"]) == (0, 0)
