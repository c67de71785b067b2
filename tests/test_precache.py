"""Prompts made ahead by the command line, with the embedded voice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trioaudio.core.exit_code import ExitCode

pytestmark = pytest.mark.system
COMMAND = (sys.executable, "-m", "trioaudio")


def run(
    folder: Path, *arguments: str, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "", "TRIOAUDIO_CACHE_FOLDER": str(folder / "cache"), **variables}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        input=stdin,
        timeout=30,
        check=False,
    )


def test_a_prompt_is_made_once_and_then_said_without_the_engine(tmp_path: Path) -> None:
    for answer in ("made ", "there"):
        done = run(tmp_path, "precache", "--text", "Welcome back.")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{answer}  Welcome back.\n"
    done = run(tmp_path, "--text", "Welcome back.", "--no-out", "--plain", "--report", "r.json")
    assert done.returncode == 0, done.stderr
    (stretch,) = json.loads((tmp_path / "r.json").read_text("utf-8"))["spoken_by"]
    assert (stretch["engine"], stretch["cached"], stretch["end"]) == ("espeak", True, 13)


def test_a_prompt_a_line_and_a_bad_one_keeps_no_other_from_being_made(tmp_path: Path) -> None:
    done = run(tmp_path, "precache", "--file", "-", stdin="One.\n\n...\nTwo.\n")
    assert done.returncode == ExitCode.TEXT
    assert done.stdout == "made   One.\nmade   Two.\n"
    complaint = "prompt 2: there is nothing to say in the prompt '...'"
    assert done.stderr == f"trioaudio: error: {complaint}\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "complaint"),
    [
        (("--file", "none.txt"), {}, ExitCode.TEXT, "none.txt cannot be read"),
        (("--file", "-"), {}, ExitCode.TEXT, "no prompt in -"),
        (("--text", "Hi.", "--voice", "nobody"), {}, ExitCode.USAGE, "no voice 'nobody'"),
        (("--text", "Hi.", "--engine", "cartesia"), {}, ExitCode.USAGE, "needs a key"),
        (("--text", "Hi."), {"TRIOAUDIO_CACHE_MB": "0"}, ExitCode.OUTPUT, "no prompt cache"),
        (("--text", "Hi."), {"TRIOAUDIO_CACHE_FOLDER": "/proc/x"}, ExitCode.OUTPUT, "/proc/x"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    code: ExitCode,
    complaint: str,
) -> None:
    done = run(tmp_path, "precache", *arguments, **variables)
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert line.startswith("trioaudio: error: ")
    assert complaint in line
