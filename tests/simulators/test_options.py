from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.faults import Faults
from trioaudio.simulators.options import parse
from trioaudio.simulators.timetable import Keys

DIAL = ("--dial", "ws://127.0.0.1:1/")
RAW = ("--carrier", "raw")


def test_defaults() -> None:
    options = parse(DIAL)
    assert options.kind.name == "telecmi"
    assert options.media == MediaFormat(Encoding.PCM16, 8000)
    assert options.pcm.frame_bytes == 960
    assert options.audio is not None
    assert len(options.audio.message(0)) == 320
    assert options.watch_stdin
    assert (options.calls, options.jitter_ms) == (1, 20)
    assert options.faults == Faults()
    assert not options.secret
    assert options.timetable.keys == ()


def test_raw_says_whole_frames() -> None:
    options = parse([*DIAL, *RAW, "--rate", "16000"])
    assert options.audio is not None
    assert len(options.audio.message(0)) == 1920
    assert options.caller_ptime_ms == 60


def test_everything_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_MINE", "hush")
    arguments = "--listen [::1]:0 --rate 16000 --lead-ms 180 --out a.wav --no-watch-stdin"
    more = ("--header", "Authorization: Bearer a:b", "--option", "clear-message=a=b")
    events = "--dtmf 12@1 --dtmf #@2.5 --hang-up-after 9 --secret-env TOKEN_OF_MINE --caller none"
    options = parse([*RAW, *arguments.split(), *more, *events.split()])
    assert options.listen == ("::1", 0)
    assert options.pcm.frame_bytes == 1920
    assert options.headers == (("Authorization", "Bearer a:b"),)
    assert options.own == {"clear-message": "a=b"}
    assert options.file(1) == Path("a.wav")
    assert not options.watch_stdin
    assert options.timetable.keys == (Keys("12", 1.0), Keys("#", 2.5))
    assert options.timetable.hang_up_after == 9.0
    assert options.secret.get() == "hush"
    assert "hush" not in repr(options)
    assert options.audio is None


def test_several_calls(tmp_path: Path) -> None:
    options = parse([*DIAL, "--dial", "ws://b/", "--out", str(tmp_path)])
    assert options.calls == 2
    assert [options.url(n) for n in (1, 2)] == ["ws://127.0.0.1:1/", "ws://b/"]
    assert [options.file(n) for n in (1, 2)] == [tmp_path / "call-1.wav", tmp_path / "call-2.wav"]
    many = parse(["--dial", "ws://a/{n}", "--calls", "3", "--out", str(tmp_path / "x{n}.wav")])
    assert many.url(3) == "ws://a/3"
    assert many.file(2) == tmp_path / "x2.wav"


def test_the_carriers_usual_encoding_is_spoken_or_another_it_knows() -> None:
    assert parse([*DIAL, "--carrier", "twilio"]).media.encoding is Encoding.MULAW
    plivo = (*DIAL, "--carrier", "plivo", "--encoding", "mulaw")
    assert parse(plivo).media.encoding is Encoding.MULAW


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "one of the arguments --dial --listen --url-from-stdin is required"),
        ((*DIAL, "--listen", "127.0.0.1:0"), "not allowed with"),
        (("--listen", "127.0.0.1:0"), "--listen: telecmi dials, it does not listen"),
        ((*RAW, "--listen", "9000"), "wanted HOST:PORT"),
        ((*RAW, "--listen", "127.0.0.1:99999"), "wanted HOST:PORT"),
        ((*DIAL, "--carrier", "twilo"), "unknown carrier 'twilo'; did you mean twilio?"),
        ((*DIAL, "--rate", "11025"), "--rate 11025: telecmi has 8000 or 16000 Hz"),
        ((*DIAL, "--encoding", "mulaw"), "telecmi at 8000 Hz has pcm16"),
        ((*DIAL, "--lead-ms", "-1"), "-1 is below 0"),
        ((*DIAL, "--lead-ms", "x"), "invalid whole_number value"),
        ((*DIAL, "--ptime-ms", "0"), "0 is below 1"),
        ((*DIAL, "--call-every", "-1"), "no reasonable number of seconds"),
        ((*DIAL, "--hang-up-after", "nan"), "no reasonable number of seconds"),
        ((*DIAL, "--header", "novalue"), "wanted 'Name: value'"),
        ((*DIAL, "--header", "A: b\r\nC: d"), "wanted 'Name: value'"),
        ((*DIAL, "--option", "clear-message=x"), "telecmi knows no such option"),
        ((*DIAL, "--option", "metadata"), "wanted NAME=VALUE"),
        ((*DIAL, "--option", "metadata=foo"), "option metadata=foo: no such"),
        ((*DIAL, "--secret-env", "NO_SUCH_VARIABLE"), "there is no such environment variable"),
        ((*DIAL, "--fault", "nonsense"), "there are big-message, clear-race"),
        ((*DIAL, "--dtmf", "1"), "--dtmf '1': wanted"),
        ((*DIAL, *DIAL, "--calls", "3"), "--dial is given 2 times"),
        ((*DIAL, "--calls", "2", "--out", "a.wav"), "want a folder or a {n} in it"),
        ((*DIAL, "--calls", "2", "--out", "/no/such/{n}.wav"), "there is no folder /no/such"),
        ((*DIAL, "--calls", "0"), "0 is below 1"),
    ],
)
def test_no_sense_is_one_clear_error(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_help_tells_of_every_fault_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for words in ("reset-after=N:", "lost-marks[=RATE", "telecmi: play:", "{n}", "exit codes:"):
        assert words in told
