from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.carriers import load_carrier
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.speech import SpokenWord
from trioaudio.plan import Ended, FarEndKind, Plan
from trioaudio.screen import Screen, TextProgress, open_screen
from trioaudio.settings import Settings

REPORT = {"frames": 2, "frame_bytes": 960, "ptime_ms": 60, "carrier": {"name": "telecmi"}}


def plan(*, report_on_stdout: bool = False) -> Plan:
    carrier = load_carrier("telecmi")
    return Plan(
        text="Hi.",
        settings=Settings(),
        carrier=carrier,
        carrier_settings=carrier.settings,
        far_end=FarEndKind.SIMULATED,
        out=None,
        play=False,
        report_on_stdout=report_on_stdout,
        plain=True,
    )


def test_progress_follows_the_words() -> None:
    progress = TextProgress()
    assert progress.characters_at(1000) == 0
    progress.add_word(SpokenWord(0, 5, 0))
    progress.add_word(SpokenWord(6, 5, 300))
    assert [progress.characters_at(ms) for ms in (0, 1, 299, 300, 9999)] == [0, 5, 5, 11, 11]


async def test_the_summary_goes_where_the_report_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = Ended(ExitCode.SAID, REPORT, out=Path("x.wav"))
    for on_stdout in (False, True):
        async with open_screen(plan(report_on_stdout=on_stdout)) as screen:
            assert not screen.draws
            await screen.conclude(ended)
        said = capsys.readouterr()
        summary, nothing = (said.err, said.out) if on_stdout else (said.out, said.err)
        assert "2 frames of 960 bytes sent" in summary
        assert "heard by the far end: x.wav\n" in summary
        assert nothing == ""


async def test_without_a_report_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    async with open_screen(plan()) as screen:
        await screen.conclude(Ended(ExitCode.TEXT))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("on_stdout", [True, False])
async def test_the_url_stands_on_a_line_of_its_own(
    on_stdout: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_screen(plan()) as screen:
        assert isinstance(screen, Screen)
        screen.announce("ws://x/", on_stdout=on_stdout)
    said = capsys.readouterr()
    assert (said.out if on_stdout else said.err) == "ws://x/\n"
