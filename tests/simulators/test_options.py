from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.faults import Fault, Faults, Strikes, read_faults
from trioaudio.simulators.options import MetadataKind, parse

DIAL = ("--dial", "ws://127.0.0.1:1/")
RAW = ("--dialect", "raw")


def test_defaults() -> None:
    options = parse(DIAL)
    assert options.pcm.frame_bytes == 960
    assert options.metadata is MetadataKind.UUID
    assert options.watch_stdin
    assert options.jitter_ms == 20
    assert options.faults == Faults()
    assert parse((*DIAL, *RAW)).metadata is MetadataKind.NONE


def test_everything_given() -> None:
    arguments = "--listen [::1]:0 --rate 16000 --lead-ms 180 --out a.wav --no-watch-stdin"
    more = ("--header", "Authorization: Bearer a:b", "--clear-message", "clear")
    options = parse([*RAW, *arguments.split(), *more])
    assert options.listen == ("::1", 0)
    assert options.pcm.frame_bytes == 1920
    assert options.headers == (("Authorization", "Bearer a:b"),)
    assert options.out == Path("a.wav")
    assert not options.watch_stdin


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "one of the arguments --dial --listen --url-from-stdin is required"),
        ((*DIAL, "--listen", "127.0.0.1:0"), "not allowed with"),
        (("--listen", "127.0.0.1:0"), "--listen is for --dialect raw"),
        ((*RAW, "--listen", "9000"), "wanted HOST:PORT"),
        ((*RAW, "--listen", "127.0.0.1:99999"), "wanted HOST:PORT"),
        ((*DIAL, "--rate", "11025"), "invalid choice"),
        ((*DIAL, "--lead-ms", "-1"), "-1 is below 0"),
        ((*DIAL, "--lead-ms", "x"), "invalid whole_number value"),
        ((*DIAL, "--header", "novalue"), "wanted 'Name: value'"),
        ((*DIAL, "--header", "A: b\r\nC: d"), "wanted 'Name: value'"),
        ((*DIAL, "--clear-message", "x"), "are for --dialect raw"),
        ((*DIAL, "--fault", "nonsense"), "there are big-message, close-after, flood"),
    ],
)
def test_no_sense_is_one_clear_error(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_faults() -> None:
    faults = read_faults(["reset-after=3", "redial-after=0.5", "reject-silently", "flood"])
    assert faults.after_frames == {Fault.RESET: 3}
    assert faults.redial_after_seconds == 0.5
    assert faults.reject_silently
    assert faults.flood
    assert not faults.big_message


@pytest.mark.parametrize(
    "text", ["flood=1", "reset-after", "reset-after=x", "reset-after=-1", "redial-after=nan", ""]
)
def test_no_faults(text: str) -> None:
    with pytest.raises(ConfigError, match="--fault"):
        read_faults([text])


def test_every_problem_is_named() -> None:
    with pytest.raises(ConfigError) as found:
        read_faults(["foo", "flood=1"])
    assert len(found.value.problems) == 2


def test_each_fault_strikes_once() -> None:
    strikes = Strikes(read_faults(["reset-after=3", "close-after=5"]))
    assert strikes.due(2) is None
    assert strikes.due(3) is Fault.RESET
    assert strikes.due(4) is None
    assert strikes.due(9) is Fault.CLOSE
    assert strikes.due(10) is None
