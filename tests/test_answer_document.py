from __future__ import annotations

import json
from pathlib import Path

import pytest

from trioaudio.cli import run_command_line

URL = "wss://voice.example.com/media/abc"


def printed(
    capsys: pytest.CaptureFixture[str], *arguments: str, url: str = URL
) -> tuple[int, str, str]:
    code = run_command_line(["answer-document", "--url", url, *arguments])
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIOAUDIO_TELNYX_STREAM_TOKEN", "of-the-settings")
    monkeypatch.setenv("TOKEN", "of-this-call")
    monkeypatch.setenv("NOTHING", "")


def test_the_body_is_all_there_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = printed(capsys, "--carrier", "telecmi", "--rate", "16000")
    assert code == 0
    assert json.loads(out)[0]["voice_quality"] == "16000"
    assert out.endswith("]\n")
    assert err == "Content-Type: application/json\n"


def test_with_headers_it_is_an_http_answer(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = printed(capsys, "--carrier", "twilio", "--headers")
    head, _, body = out.partition("\n\n")
    assert (code, head, err) == (0, "Content-Type: application/xml", "")
    assert body.startswith("<?xml")


def test_a_token_comes_from_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    _, usual, _ = printed(capsys, "--carrier", "telnyx")
    assert json.loads(usual)["stream_auth_token"] == "of-the-settings"
    _, own, _ = printed(capsys, "--carrier", "telnyx", "--token-env", "TOKEN")
    assert json.loads(own)["stream_auth_token"] == "of-this-call"


@pytest.mark.parametrize(
    ("arguments", "url", "words"),
    [
        (("--carrier", "telnyx", "--token-env", "NOTHING"), URL, "--token-env NOTHING"),
        (("--carrier", "telnyx", "--token-env", "NO_SUCH"), URL, "--token-env NO_SUCH"),
        (("--carrier", "raw"), URL, "--carrier raw: what it is to be answered with is not known"),
        (("--carrier", "twilo"), URL, "unknown carrier 'twilo'"),
        (("--carrier", "twilio"), "http://voice.example.com", "not a WebSocket URL"),
        (("--carrier", "twilio", "--rate", "16000"), URL, "twilio"),
    ],
)
def test_what_cannot_be_is_said(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], url: str, words: str
) -> None:
    code, out, err = printed(capsys, *arguments, url=url)
    assert (code, out) == (2, "")
    assert words in err
    assert all(line.startswith("trioaudio: error: ") for line in err.splitlines())


def test_a_full_disk_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        code = run_command_line(["answer-document", "--carrier", "telecmi", "--url", URL])
        monkeypatch.undo()
    assert code == 6
