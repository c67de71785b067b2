from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.daemon.cut_calls import FILE, keep_cut_calls, read_cut_calls


def test_they_are_added_up_over_all_starts(tmp_path: Path) -> None:
    assert read_cut_calls(tmp_path) == 0
    keep_cut_calls(tmp_path, 0)
    assert not (tmp_path / FILE).exists()
    keep_cut_calls(tmp_path, 3)
    keep_cut_calls(tmp_path, 2)
    assert read_cut_calls(tmp_path) == 5


@pytest.mark.parametrize("kept", [b"", b"-1\n", b"many\n", b"\xff", b"1" * 50])
def test_what_makes_no_sense_counts_as_none(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / FILE).write_bytes(kept)
    assert read_cut_calls(tmp_path) == 0


def test_a_disk_that_does_not_take_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()
    keep_cut_calls(tmp_path, 1)
    assert "not kept" in caplog.text
