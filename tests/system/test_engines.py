"""The main job with a speech service, in processes of their own: what is said, and by whom."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system
COMMAND = (sys.executable, "-m", "trioaudio")
KEY = "sk-never-to-be-seen"
TEXT = "Good morning, this is the pharmacy. Your medicine is ready, please come before six."


@contextlib.contextmanager
def service(*options: str) -> Iterator[str]:
    """Simulate Cartesia; its URL."""
    with subprocess.Popen(
        [*COMMAND, "simulate", "cartesia", "--listen", "127.0.0.1:0", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["websocket"]
        finally:
            process.stdin.close()
            assert process.wait(10) == 0


def say(folder: Path, url: str) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [*COMMAND, "--engine", "cartesia", "--text", TEXT, "--no-out", "--plain", "--report", "-"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": "", "TRIOAUDIO_CARTESIA_URL": url, "CARTESIA_API_KEY": KEY, "HOME": "/"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["cause"] == "normal"
    assert report["unspoken_characters"] == 0
    return report, done.stderr


def test_a_service_speaks_it_all(tmp_path: Path) -> None:
    with service() as url:
        report, _ = say(tmp_path, url)
    (stretch,) = report["spoken_by"]
    assert (stretch["engine"], stretch["start"], stretch["end"]) == ("cartesia", 0, len(TEXT))


def test_when_it_is_reset_in_mid_speech_the_embedded_voice_goes_on(tmp_path: Path) -> None:
    with service("--fault", "reset=1200") as url:
        report, told = say(tmp_path, url)
    first, second = report["spoken_by"]
    assert (first["engine"], second["engine"]) == ("cartesia", "espeak")
    assert 0 < first["end"] == second["start"] < second["end"] == len(TEXT)
    assert report["underrun_ms"] <= 400
    assert "engine failed; another goes on" in told


def test_a_wrong_key_is_told_and_the_embedded_voice_speaks(tmp_path: Path) -> None:
    with service("--key", "another") as url:
        report, told = say(tmp_path, url)
    assert [each["engine"] for each in report["spoken_by"]] == ["espeak"]
    assert "status 401" in told
