from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from trioaudio import unfinished
from trioaudio.core.errors import OutputError
from trioaudio.pending_file import PendingFile, write_stdout


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_it_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("before")
    with PendingFile(path) as file:
        assert names(tmp_path) == ["r.json", "r.json.part"]
        assert path.read_text() == "before"
        file.write("after")
        assert path.read_text() == "after"
    assert names(tmp_path) == ["r.json"]


def test_without_a_word_nothing_is_left(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "r.json"):
        pass
    assert names(tmp_path) == []


def test_unwritable_places(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        PendingFile(tmp_path / "no" / "r.json")
    with pytest.raises(OutputError, match="it is a folder"):
        PendingFile(tmp_path)
    assert not unfinished._paths


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "r.json.part").symlink_to("/dev/full")
    with (
        pytest.raises(OutputError, match="No space left"),
        PendingFile(tmp_path / "r.json") as file,
    ):
        file.write("x")
    assert names(tmp_path) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    with PendingFile(tmp_path / "link") as file:
        file.write("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    with PendingFile(Path("/dev/null")) as file:
        file.write("x")
    assert Path("/dev/null").is_char_device()
    assert not Path("/dev/null.part").exists()


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(path.read_text()))
    reader.start()
    with PendingFile(path) as file:
        file.write("x")
    reader.join(5)
    assert got == ["x"]
    assert names(tmp_path) == ["pipe"]


def test_leaving_at_once_removes_what_is_unfinished(tmp_path: Path) -> None:
    with PendingFile(tmp_path / "r.json"):
        unfinished.remove_all()
        assert names(tmp_path) == []
    with PendingFile(tmp_path / "r.json") as file:
        file.write("x")
        unfinished.remove_all()
    assert names(tmp_path) == ["r.json"]


def test_standard_output_that_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(OutputError, match="standard output: No space left"):
            write_stdout("x")
        write_stdout("y")  # goes nowhere, and so does what was left of the first


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_stdout("x\n")
    assert capsys.readouterr().out == "x\n"
