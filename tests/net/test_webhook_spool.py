from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from trioaudio.core.errors import OutputError
from trioaudio.net.webhook_queue import Posting
from trioaudio.net.webhook_spool import KeptEvents, WebhookSpool


def posting(number: int, at: float | None = None) -> Posting:
    id_ = f"evt_{number:032x}"
    when = float(number) if at is None else at
    told = {"event": "call.ended", "call": f"c{number}", "at": when, "new": [1]}
    body = json.dumps({"id": id_, "event": told, "later": None}).encode()
    return Posting(id_, f"c{number}", "call.ended", when, body, kept=True)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def opened(folder: Path, most: int = 10) -> WebhookSpool:
    spool = WebhookSpool(folder, most)
    found = spool.load()
    assert (found.postings, found.lost) == ([], 0)
    return spool


def test_what_is_written_is_found_by_the_next_process_oldest_first(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "spool"
    spool = opened(folder)
    spool.settle([posting(1, at=1700.5), posting(3, at=1600.0), posting(2, at=1e10)], [])
    assert len(spool) == 3
    found = WebhookSpool(folder, 10).load()
    assert [each.call for each in found.postings] == ["c3", "c1", "c2"]
    one = found.postings[1]
    expected = posting(1, at=1700.5)
    assert (one.id, one.event, one.at, one.body) == (
        expected.id,
        "call.ended",
        1700.5,
        expected.body,
    )
    assert one.kept
    assert found.lost == 0


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    opened(folder).settle([posting(1)], [])
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_delivered_is_removed_and_what_is_there_stays(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.settle([posting(1), posting(2)], ["evt_unknown"])
    spool.settle([posting(2)], [posting(1).id, posting(1).id])
    assert len(spool) == 1
    assert len(names(tmp_path)) == 1
    (found,) = WebhookSpool(tmp_path, 10).load().postings
    assert found.call == "c2"


def test_the_oldest_are_dropped_beyond_the_bound(tmp_path: Path) -> None:
    opened(tmp_path).settle([posting(number) for number in range(5)], [])
    found = WebhookSpool(tmp_path, 3).load()
    assert [each.call for each in found.postings] == ["c2", "c3", "c4"]
    assert found.lost == 2
    assert len(names(tmp_path)) == 3


def test_files_that_broke_are_counted_and_foreign_ones_left_alone(tmp_path: Path) -> None:
    opened(tmp_path).settle([posting(1)], [])
    id_ = f"evt_{9:032x}"
    (tmp_path / f"{9:020d}-{id_}.json").write_text("{")
    other = f"evt_{8:032x}"
    (tmp_path / f"{8:020d}-{other}.json").write_bytes(posting(7).body)
    (tmp_path / f"{5:020d}-{id_}.part").write_text("half")
    (tmp_path / "notes.txt").write_text("mine")
    found = WebhookSpool(tmp_path, 10).load()
    assert [each.call for each in found.postings] == ["c1"]
    assert found.lost == 2
    assert len(names(tmp_path)) == 2
    assert "notes.txt" in names(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*spool"):
        WebhookSpool(tmp_path / "file" / "spool", 10).load()


def test_what_cannot_be_written_does_not_keep_the_others(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    (tmp_path / f"{1_000_000:020d}-{posting(1).id}.part").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        spool.settle([posting(1), posting(2)], [])
    assert [each.call for each in WebhookSpool(tmp_path, 10).load().postings] == ["c2"]


async def test_what_was_delivered_before_it_was_written_is_never_written(tmp_path: Path) -> None:
    complaints: list[str] = []
    kept = KeptEvents(opened(tmp_path), complaints.append)
    kept.keep(posting(1), posting(2))
    kept.forget(posting(1))
    await kept.settle()
    assert len(names(tmp_path)) == 1
    kept.forget(posting(2))
    await kept.settle()
    assert names(tmp_path) == []
    assert complaints == []


async def test_settling_goes_on_until_it_is_cancelled(tmp_path: Path) -> None:
    kept = KeptEvents(opened(tmp_path), print)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.settle_for_ever)
        for number in (1, 2):
            kept.keep(posting(number))
            with trio.fail_after(5):
                while len(kept.spool) < number:  # noqa: ASYNC110  a folder tells nobody
                    await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert len(names(tmp_path)) == 2


async def test_nothing_is_forgotten_when_it_is_cancelled(tmp_path: Path) -> None:
    kept = KeptEvents(opened(tmp_path), print)
    kept.keep(posting(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await kept.settle()
    assert scope.cancelled_caught
    assert names(tmp_path) == []
    await kept.settle()
    assert len(names(tmp_path)) == 1


async def test_a_full_disk_is_complained_of(tmp_path: Path) -> None:
    complaints: list[str] = []
    kept = KeptEvents(opened(tmp_path / "spool"), complaints.append)
    (tmp_path / "spool").rmdir()
    kept.keep(posting(1))
    await kept.settle()
    (complaint,) = complaints
    assert complaint.startswith("the ends of calls would not outlive the process: cannot write")
