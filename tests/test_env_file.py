from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.env_file import read_env_file


def read(tmp_path: Path, data: bytes | str) -> dict[str, str]:
    path = tmp_path / ".env"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_env_file(path)


def test_syntax(tmp_path: Path) -> None:
    text = """
# a comment
A=plain text # and a comment
export B='single $HOME "quoted"'
C="double\\tquoted # no comment"
D=$HOME ${A}
E=
F = spaces
A=again

G='[{"action":"x"}]'
alone
"""
    assert read(tmp_path, text) == {
        "A": "again",
        "B": 'single $HOME "quoted"',
        "C": "double\tquoted # no comment",
        "D": "$HOME ${A}",
        "E": "",
        "F": "spaces",
        "G": '[{"action":"x"}]',
    }


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"# only a comment"])
def test_nothing_in_it(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data) == {}


def test_a_byte_order_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffA=1\r\nB=2\r\n") == {"A": "1", "B": "2"}


def test_every_wrong_line_is_told_and_none_repeated(tmp_path: Path) -> None:
    text = "OK=1\n\n\nA=\"hush\n# fine\nB = 'hush' hush\nC hush\nD=2\n"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [line.partition(":")[0].rpartition(" ")[2] for line in caught.value.problems] == [
        "4",
        "6",
        "7",
    ]
    assert "hush" not in str(caught.value)
    assert all(".env line" in line and "NAME=value" in line for line in caught.value.problems)


@pytest.mark.parametrize("data", [b"A=1\nB=\xff\xfehush\n", b"A=1\nB=hush\0\n"])
def test_wrong_encoding(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"line 2: .*UTF-8") as caught:
        read(tmp_path, data)
    assert "hush" not in str(caught.value)


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_env_file(tmp_path / "missing")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_env_file(tmp_path)
