from __future__ import annotations

import json
import math
import os
import threading
import timeit
from pathlib import Path
from typing import Any

import pytest
import trio

from trioaudio.core.errors import OutputError
from trioaudio.observe import record_file
from trioaudio.observe.log_sinks import DescriptorSink
from trioaudio.observe.record_file import RecordFile, open_record_file


def records(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def written(file: RecordFile, count: int) -> None:
    with trio.fail_after(10):
        while file.statistics().written < count:  # noqa: ASYNC110  a thread writes
            await trio.sleep(0.002)


async def lost(file: RecordFile, count: int) -> None:
    with trio.fail_after(10):
        while file.statistics().lost < count:  # noqa: ASYNC110  a thread writes
            await trio.sleep(0.002)


async def test_one_line_a_record_appended(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"call":"before"}\n')
    file = open_record_file(path)
    for n in range(50):
        file.write({"call": f"c{n}", "labels": {"x": "a\nb अ"}})
    assert await file.close()
    assert [each["call"] for each in records(path)] == ["before", *(f"c{n}" for n in range(50))]
    assert records(path)[-1]["labels"] == {"x": "a\nb अ"}
    assert file.statistics() == record_file.RecordFileStatistics(50, 0, 0, None)


def test_it_is_for_its_owner_and_group(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open_record_file(tmp_path / "calls.jsonl"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "calls.jsonl").stat().st_mode & 0o777 == 0o640


async def test_it_follows_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with open_record_file(path) as file:
        file.write({"call": "c1"})
        await written(file, 1)
        path.rename(tmp_path / "calls.jsonl.1")
        file.write({"call": "c2"})
        await written(file, 2)
        path.unlink()
        path.write_text('{"call":"somebody else"}\n')
        file.write({"call": "c3"})
    assert records(tmp_path / "calls.jsonl.1") == [{"call": "c1"}]
    assert records(path) == [{"call": "somebody else"}, {"call": "c3"}]


async def test_a_folder_that_is_gone_for_a_while(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    path = folder / "calls.jsonl"
    with open_record_file(path) as file:
        folder.rename(tmp_path / "away")
        file.write({"call": "c1"})
        await lost(file, 1)
        assert "No such file" in str(file.statistics().error)
        folder.mkdir()
        file.write({"call": "c2"})
    assert records(path) == [{"call": "c2"}]
    assert file.statistics().written == 1


async def test_a_full_disk_loses_records_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.symlink_to("/dev/full")
    with open_record_file(path) as file:
        file.write({"call": "c1"})
        file.write({"call": "c2"})
        await lost(file, 2)
        path.unlink()
        file.write({"call": "c3"})
    assert records(path) == [{"call": "c3"}]
    assert file.statistics() == record_file.RecordFileStatistics(1, 2, 0, "No space left on device")


@pytest.mark.parametrize("value", [math.nan, object()])
def test_what_json_cannot_say_costs_that_record_only(tmp_path: Path, value: object) -> None:
    path = tmp_path / "calls.jsonl"
    with open_record_file(path) as file:
        file.write({"call": value})
        file.write({"call": "c2"})
    assert records(path) == [{"call": "c2"}]
    assert "JSON" in str(file.statistics().error)


async def test_a_stuck_disk_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_file, "RECORDS_AHEAD", 3)
    stuck, go_on = threading.Event(), threading.Event()
    really = DescriptorSink.write

    def write(self: DescriptorSink, text: str) -> None:
        stuck.set()
        assert go_on.wait(20)
        really(self, text)

    monkeypatch.setattr(DescriptorSink, "write", write)
    path = tmp_path / "calls.jsonl"
    file = open_record_file(path)
    file.write({"call": "c0"})
    await trio.to_thread.run_sync(stuck.wait)
    for n in range(1, 6):
        file.write({"call": f"c{n}"})
    assert file.statistics() == record_file.RecordFileStatistics(0, 2, 3, "the disk is too slow")
    assert not await file.close(0.01)
    file.write({"call": "too late"})
    assert file.statistics().lost == 3
    go_on.set()
    assert await file.close()
    assert [each["call"] for each in records(path)] == ["c0", "c1", "c2", "c3"]


def test_unwritable_places(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="choose a place this user may write to"):
        open_record_file(tmp_path / "no" / "calls.jsonl")
    with pytest.raises(OutputError, match="Is a directory"):
        open_record_file(tmp_path)


def test_writing_costs_the_caller_microseconds(tmp_path: Path) -> None:
    with open_record_file(tmp_path / "calls.jsonl") as file:
        record = {"call": "c1"}

        def once() -> float:
            return timeit.timeit(lambda: file.write(record), number=1)

        assert sorted(once() for _ in range(200))[100] < 0.001
