"""`trioaudio top` without a terminal: what is printed, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from client.served import Served, served
from client_verbs.asking import make_call, verb
from trioaudio.dashboard.top import glyphs_for
from trioaudio.observe.live_picture import ASCII


def address_of(far: Served) -> tuple[str, ...]:
    path = far.folder / "a-token"
    path.write_text(far.token)
    return ("--control", far.url, "--token-file", str(path))


def test_once(capsys: pytest.CaptureFixture[str]) -> None:
    with served() as far:
        for number in range(120):
            far.do(lambda number=number: make_call(far.desk, f"call-{number}"))  # type: ignore[misc]
        view = far.desk.known["call-7"].view
        far.desk.known["call-7"].view = replace(view, carrier="\x1b[2Jevil")
        assert verb(far, "top", "--once") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    assert out.count("call-") == 120
    assert "ready" in out
    assert "q quit" not in out


def test_once_without_a_daemon(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served() as far:
        far.stop()
        assert verb(far, "top", "--once") == 5
    out, err = capsys.readouterr()
    assert "no answer yet: no daemon answers at" in out
    assert "no daemon answers at" in err


def test_several_daemons_and_one_token_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # whoever runs the tests may have a narrow one
    with served() as one, served() as two:
        one.do(lambda: make_call(one.desk, "first"))
        two.do(lambda: make_call(two.desk, "second"))
        (two.folder / "a-token").write_text(two.token)
        both = ("--url", two.url, "--token-file", str(two.folder / "a-token"))
        assert verb(one, "top", "--once", *both) == 0
        out, _ = capsys.readouterr()
        assert "calls 2" in out
        assert one.url.removeprefix("http://") in out
        assert "NODE" in out
        assert verb(one, "top", "--once", *both, "--url", "http://127.0.0.1:1") == 2
        assert "2 --token-file for 3 daemons" in capsys.readouterr()[1]


@pytest.mark.parametrize("interval", ["0", "61", "often"])
def test_an_interval_that_makes_no_sense(capsys: pytest.CaptureFixture[str], interval: str) -> None:
    with served() as far, pytest.raises(SystemExit) as caught:
        verb(far, "top", "--interval", interval)
    assert caught.value.code == 2
    assert "is not between 0.2 and 60 seconds" in capsys.readouterr()[1]


def test_a_reader_that_goes_away() -> None:
    with served() as far:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "trioaudio", "top", *address_of(far), "--plain",
                 "--interval", "0.2"],
                stdout=out, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        assert os.read(reading, 20).decode().isascii()
        os.close(reading)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 6
        assert err.startswith(b"trioaudio: error: cannot write to standard output")
        assert b"Traceback" not in err


def test_a_place_that_has_no_unicode() -> None:
    assert glyphs_for({"LC_ALL": "C"}) is ASCII
