from __future__ import annotations

import os
from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.text_file import ForbiddenFileError, read_regular_file, read_text_file, unreadable


def test_text_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("\ufefftwo\nlínes\n".encode())
    assert read_text_file(path) == read_regular_file(path, 100) == "two\nlínes\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"one\n\xff\xfe", "line 2: not UTF-8"),
        (b"one\n\0", "line 2: holds a NUL"),
        (b"x" * 101, "larger than 100 bytes"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    for read in (read_text_file, read_regular_file):
        with pytest.raises(ConfigError, match=words):
            read(path, 100)
    path.write_bytes(data[:100].strip(b"\0\xff\xfe"))
    assert read_text_file(path, 100)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for read in (read_text_file, read_regular_file):
        with pytest.raises(ConfigError, match=r"missing: No such file.*; make it a file this user"):
            read(tmp_path / "missing", 100)
        with pytest.raises(ConfigError, match=r"(Is a directory|no regular file)"):
            read(tmp_path, 100)


def test_a_pipe_nobody_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="pipe: no regular file"):
        read_regular_file(tmp_path / "pipe", 100)


def test_an_endless_device_is_no_file_of_ours() -> None:
    with pytest.raises(ConfigError, match="larger than 100 bytes"):
        read_text_file(Path("/dev/zero"), 100)
    with pytest.raises(ConfigError, match="no regular file"):
        read_regular_file(Path("/dev/zero"), 100)


def test_what_is_there_and_closed_is_told_apart() -> None:
    closed = unreadable(Path("a"), PermissionError(13, "Permission denied"))
    assert isinstance(closed, ForbiddenFileError)
    assert str(closed) == "a: Permission denied; make it a file this user may read"
    missing = unreadable(Path("a"), FileNotFoundError(2, "No such file or directory"))
    assert not isinstance(missing, ForbiddenFileError)
