from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from trioaudio import one_call, planning, say
from trioaudio.core.carrier import Transfer
from trioaudio.core.exit_code import ExitCode
from trioaudio.plan import Ended, FarEndKind, Plan
from trioaudio.say_arguments import say_parser

LISTEN = ("--listen", "127.0.0.1:0")


def given(*arguments: str) -> argparse.Namespace:
    return say_parser().parse_args(["--text", "Hi.", *arguments])


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Plan]:
    """Collect plans instead of making calls."""
    made: list[Plan] = []

    def make_the_call(plan: Plan, simulator: object) -> Ended:
        made.append(plan)
        return Ended(ExitCode.SAID, {"frames": 1, "name": "\udcff"})

    monkeypatch.setattr(one_call, "make_the_call", make_the_call)
    monkeypatch.setattr(say, "start_simulator", lambda *_: None)
    monkeypatch.setattr(say, "end_simulator", lambda _: None)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_url_in_the_environment_gives_way_to_listen(plans: list[Plan], tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_URL": "ws://127.0.0.1:1/"}
    assert say.say(given(*LISTEN), environ, tmp_path) == 0
    assert plans[0].far_end is FarEndKind.AWAITED
    assert plans[0].settings.url is None
    assert plans[0].out is None


def test_listen_in_the_environment_gives_way_to_a_url(plans: list[Plan], tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_LISTEN": "127.0.0.1:0"}
    options = given("--carrier", "raw", "--url", "ws://127.0.0.1:1/")
    assert say.say(options, environ, tmp_path) == 0
    assert plans[0].far_end is FarEndKind.DIALLED


def test_both_in_the_environment(
    plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"TRIOAUDIO_LISTEN": "127.0.0.1:0", "TRIOAUDIO_URL": "ws://127.0.0.1:1/"}
    assert say.say(given("--carrier", "raw"), environ, tmp_path) == 2
    assert "leave one out" in capsys.readouterr().err
    assert plans == []


def test_the_default_file_is_only_for_the_simulated_carrier(
    plans: list[Plan], tmp_path: Path
) -> None:
    for arguments in ((), ("--no-out",), ("--out", "x.wav"), LISTEN):
        assert say.say(given(*arguments), {}, tmp_path) == 0
    assert [each.out for each in plans] == [planning.DEFAULT_OUT, None, Path("x.wav"), None]
    assert list(tmp_path.iterdir()) == []


def test_another_runs_unfinished_file_is_left_alone(plans: list[Plan], tmp_path: Path) -> None:
    other = tmp_path / "trioaudio.wav.part"
    other.write_bytes(b"half")
    assert say.say(given(), {}, tmp_path) == 0
    assert other.read_bytes() == b"half"


def test_the_report_is_ascii_and_complete(plans: list[Plan], tmp_path: Path) -> None:
    assert say.say(given("--report", "r.json"), {}, tmp_path) == 0
    assert (tmp_path / "r.json").read_text("ascii") == (
        '{\n  "frames": 1,\n  "name": "\\udcff"\n}\n'
    )


def test_unknown_settings_are_a_warning(
    plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say.say(given(), {"TRIOAUDIO_VOIZE": "x"}, tmp_path) == 0
    assert capsys.readouterr().err.startswith("trioaudio: warning: ")
    assert len(plans) == 1


def test_no_process_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trioaudio.simulator_child.subprocess.Popen", refuse)
    assert say.say(given("--report", "r.json"), {}, tmp_path) == ExitCode.ENGINE
    assert list(tmp_path.iterdir()) == []


# --- Transfer at the end -------------------------------------------------------------------


def test_a_transfer_on_the_stream_needs_nothing_else(plans: list[Plan], tmp_path: Path) -> None:
    options = given("--transfer-to", "919800000000,+919800000001")
    assert say.say(options, {"TRIOAUDIO_CALLER_ID": "+911203000000"}, tmp_path) == 0
    assert plans[0].transfer == Transfer(("919800000000", "+919800000001"), "+911203000000")


TWILIO = {"TRIOAUDIO_TWILIO_AUTH_TOKEN": "x", "TRIOAUDIO_CARRIER": "twilio"}


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        ((), {"TRIOAUDIO_CARRIER": "telecmi"}, "not a telephone number"),
        ((), {"TRIOAUDIO_CARRIER": "raw"}, "raw has no way to transfer a call"),
        ((), TWILIO, "use --listen, or trioaudio dial"),
        (LISTEN, TWILIO, "set TRIOAUDIO_TWILIO_ACCOUNT_SID"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_before_the_call(
    plans: list[Plan],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    environ: dict[str, str],
    words: str,
) -> None:
    assert say.say(given("--transfer-to", "a human", *arguments), environ, tmp_path) == 2
    assert words in capsys.readouterr().err
    assert plans == []


def test_a_transfer_by_rest_needs_the_account(plans: list[Plan], tmp_path: Path) -> None:
    environ = {**TWILIO, "TRIOAUDIO_TWILIO_ACCOUNT_SID": "AC1"}
    assert say.say(given("--transfer-to", "+14155550100", *LISTEN), environ, tmp_path) == 0
    assert plans[0].transfer == Transfer(("+14155550100",))
