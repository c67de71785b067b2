"""Prompts on a real disk: crashes, damage, bounds, other processes, and disks that refuse."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest
import trio
from trio.testing import MockClock

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import OutputError
from trioaudio.core.level.options import LevelOptions
from trioaudio.speech import prompt_cache
from trioaudio.speech.finished_prompt import Finish, FinishedPrompt
from trioaudio.speech.prompt import Prompt, PromptKey
from trioaudio.speech.prompt_cache import PromptCache

PLENTY = 10**9


def key(number: int) -> PromptKey:
    return PromptKey.of("a", "r", 8000, [f"clause {number}"])


def prompt(number: int, size: int = 1000) -> Prompt:
    return Prompt(bytes([number % 256]) * size, (WordTiming(0, 0, 6, 0.0),), (size,))


PACKED = len(prompt(1).pack())


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


def file_of(folder: Path, number: int) -> Path:
    digest = key(number).digest
    return folder / digest[:2] / f"{digest[2:]}.prompt"


async def stored(folder: Path, numbers: Sequence[int], most_bytes: int = PLENTY) -> None:
    """Store prompts, each used a second later than the one before."""
    cache = PromptCache(folder, most_bytes)
    for number in numbers:
        await cache.store(key(number), prompt(number))
        os.utime(file_of(folder, number), (1e9 + number, 1e9 + number))


async def found(folder: Path, numbers: Sequence[int]) -> list[int]:
    """Return those another process would find, leaving their times as they are."""
    cache = PromptCache(folder, PLENTY)
    there = []
    for number in numbers:
        path = file_of(folder, number)
        times = (path.stat().st_atime, path.stat().st_mtime) if path.exists() else None
        if await cache.find(key(number)) == prompt(number):
            there.append(number)
        if times and path.exists():
            os.utime(path, times)
    return there


# --- Storing and finding ---------------------------------------------------------------------


async def test_what_is_stored_is_found_here_and_elsewhere(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "not" / "yet", PLENTY)
    assert await cache.find(key(1)) is None
    assert not (tmp_path / "not").exists(), "nothing is made before something is stored"
    await cache.store(key(1), prompt(1))
    for each in (cache, PromptCache(tmp_path / "not" / "yet", PLENTY)):
        assert await each.find(key(1)) == prompt(1)
        assert await each.find(key(2)) is None


async def test_storing_again_replaces(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, PACKED + 10)
    await cache.store(key(1), prompt(2))
    await cache.store(key(1), prompt(1))
    assert await found(tmp_path, [1]) == [1]
    assert await cache.find(key(1)) == prompt(1)
    assert len(files_in(tmp_path)) == 1


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_only_the_owner_may_look(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        await PromptCache(tmp_path / "prompts", PLENTY).store(key(1), prompt(1))
    finally:
        os.umask(before)
    folder = tmp_path / "prompts"
    everything = [folder, *folder.rglob("*")]
    assert len(everything) == 4, "a folder in it, a prompt, and the lock"
    for path in everything:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


# --- Bounds ----------------------------------------------------------------------------------


async def test_the_longest_unused_make_room(tmp_path: Path) -> None:
    await stored(tmp_path, range(5))
    os.utime(file_of(tmp_path, 0), (2e9, 2e9))  # used just now
    cache = PromptCache(tmp_path, 4 * PACKED + PACKED // 2)
    await cache.store(key(9), prompt(9))
    assert await found(tmp_path, range(10)) == [0, 3, 4, 9]
    await cache.store(key(8), prompt(8, 2 * 1000))
    assert sum(path.stat().st_size for path in files_in(tmp_path)) <= 4.5 * PACKED


async def test_finding_is_using(tmp_path: Path) -> None:
    await stored(tmp_path, range(3))
    await PromptCache(tmp_path, PLENTY).find(key(0))
    await PromptCache(tmp_path, 3 * PACKED).store(key(9), prompt(9))
    assert await found(tmp_path, range(10)) == [0, 2, 9]


async def test_what_is_found_in_memory_is_used_as_well(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The prompt everybody hears is read from the disk once, and must not go first for that."""
    cache = PromptCache(tmp_path, PLENTY)
    await cache.store(key(0), prompt(0))
    for seconds, touched in ((60, False), (600, True), (60, False), (600, True)):
        os.utime(file_of(tmp_path, 0), (1e9, 1e9))
        await trio.sleep(seconds)
        assert await cache.find(key(0)) == prompt(0)
        assert (file_of(tmp_path, 0).stat().st_mtime > 1e9) is touched


async def test_what_is_larger_than_all_is_refused(tmp_path: Path) -> None:
    await stored(tmp_path, [1])
    cache = PromptCache(tmp_path, 2 * PACKED)
    with pytest.raises(OutputError, match=r"raise TRIOAUDIO_CACHE_MB"):
        await cache.store(key(2), prompt(2, 2 * PACKED))
    assert await found(tmp_path, [1, 2]) == [1], "and nothing makes room for it"


async def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_cache, "IN_MEMORY_BYTES", 3000)
    cache = PromptCache(tmp_path, PLENTY)
    for number in range(5):
        await cache.store(key(number), prompt(number))
    await cache.store(key(4), prompt(4))
    assert cache._memory_bytes == 3000
    await cache.find(key(2))
    for path in files_in(tmp_path):
        path.unlink()
    assert list(cache._memory) == [key(number).digest for number in (3, 4, 2)]
    await cache.store(key(5), prompt(5, 2000))
    assert [number for number in range(6) if await cache.find(key(number))] == [2, 5]
    await cache.store(key(6), prompt(6, 3001))
    file_of(tmp_path, 6).unlink()
    assert await cache.find(key(6)) is None, "too large to be remembered"
    assert cache._memory_bytes == 3000
    assert len(cache._memory) == 2


def finished(number: int, size: int, rate: int = 8000, gain_db: float = 0.0) -> FinishedPrompt:
    finish = Finish(rate, LevelOptions(), gain_db)
    return FinishedPrompt(finish, bytes([number % 256]) * size, 0, (), (size,))


async def test_prompts_as_they_go_out_count_within_the_same_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_cache, "IN_MEMORY_BYTES", 4000)
    cache = PromptCache(tmp_path, PLENTY)
    for number in range(3):
        await cache.store(key(number), prompt(number))
    cache.keep_finished(key(2), finished(2, 500))
    cache.keep_finished(key(2), finished(2, 400))
    assert cache._memory_bytes == 3400
    assert cache.finished(key(2), Finish(8000, LevelOptions(), 0.1)) == finished(2, 400)
    assert cache.finished(key(2), Finish(8000, LevelOptions(), 1.0)) is None
    assert cache.finished(key(2), Finish(16000, LevelOptions(), 0.0)) is None
    assert cache.finished(key(1), Finish(8000, LevelOptions(), 0.0)) is None
    cache.keep_finished(key(2), finished(2, 700, 16000))
    assert list(cache._memory) == [key(1).digest, key(2).digest], "the longest unused made room"
    assert cache._memory_bytes == 1000 + 1000 + 400 + 700
    cache.keep_finished(key(0), finished(0, 10))
    cache.keep_finished(key(1), finished(1, 3001))
    assert cache.finished(key(0), Finish(8000, LevelOptions(), 0.0)) is None, "forgotten"
    assert cache.finished(key(1), Finish(8000, LevelOptions(), 0.0)) is None, "too large"
    assert cache._memory_bytes == 3100
    await cache.store(key(2), prompt(2))
    assert cache.finished(key(2), Finish(8000, LevelOptions(), 0.0)) is None, "made anew"
    assert cache._memory_bytes == 2000


# --- Damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: b"\x80\x04\x95" + data,
        lambda data: data.replace(b"prompt 1", b"prompt 2"),
    ],
    ids=["empty", "short", "long", "flipped", "pickled", "of-another-version"],
)
async def test_a_damaged_file_is_removed(damage: object, tmp_path: Path) -> None:
    await stored(tmp_path, [1, 2])
    path = file_of(tmp_path, 1)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    assert await found(tmp_path, [1, 2]) == [2]
    assert not path.exists()
    await stored(tmp_path, [1])
    assert await found(tmp_path, [1]) == [1]


async def test_a_damaged_file_that_cannot_be_removed_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(tmp_path, [1])
    file_of(tmp_path, 1).write_bytes(b"x")

    def refuse(_path: Path, *, missing_ok: bool) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert await found(tmp_path, [1]) == []


async def test_somebody_elses_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "notes.txt").write_text("mine")
    (tmp_path / "ab" / f"{'0' * 62}.prompt").mkdir()
    await stored(tmp_path, [1, 2], PACKED + 4096)
    assert (tmp_path / "ab" / "notes.txt").exists()
    assert (tmp_path / "notes.txt").exists()


# --- Crashes and other processes -------------------------------------------------------------

CHILD = """
import os, sys
from pathlib import Path
import trio
from trioaudio.core.engine import WordTiming
from trioaudio.speech import prompt_cache
from trioaudio.speech.prompt import Prompt, PromptKey

folder, job, first, most = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def tell(what):
    print(what, flush=True)

def stop_here(*_args):
    tell("here")
    sys.stdin.read()

real_replace, real_fsync = Path.replace, os.fsync
if job == "dies-in-write":
    os.fsync = stop_here
if job == "dies-before-name":
    Path.replace = stop_here
if job == "holds-lock":
    prompt_cache.PromptCache._make_room = stop_here

async def main():
    cache = prompt_cache.PromptCache(folder, most)
    for number in range(first, first + 25 if job == "stores" else first + 1):
        key = PromptKey.of("a", "r", 8000, [f"clause {number}"])
        words = (WordTiming(0, 0, 6, 0.0),)
        await cache.store(key, Prompt(bytes([number % 256]) * 1000, words, (1000,)))
        await cache.find(key)

trio.run(main)
tell("done")
"""


def child(folder: Path, job: str, first: int = 0, most: int = PLENTY) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", CHILD, str(folder), job, str(first), str(most)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def line_of(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=10)


@pytest.mark.parametrize("job", ["dies-in-write", "dies-before-name"])
async def test_a_writer_killed_in_the_middle_leaves_no_half_prompt(
    job: str, tmp_path: Path
) -> None:
    await stored(tmp_path, [1])
    process = child(tmp_path, job, first=2)
    try:
        assert line_of(process) == b"here"
        assert [path.suffix for path in files_in(tmp_path)].count(".part") == 1
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    finally:
        end(process)
    assert await found(tmp_path, [1, 2]) == [1]
    await stored(tmp_path, [2])
    assert await found(tmp_path, [1, 2]) == [1, 2]
    assert all(path.suffix == ".prompt" for path in files_in(tmp_path)), "what it left is gone"


async def test_a_killed_writer_of_a_known_prompt_leaves_the_old_one(tmp_path: Path) -> None:
    await stored(tmp_path, [2])
    process = child(tmp_path, "dies-before-name", first=2)
    try:
        assert line_of(process) == b"here"
    finally:
        end(process)
    assert await found(tmp_path, [2]) == [2]


async def test_several_processes_store_at_once(tmp_path: Path) -> None:
    """Four of them, overlapping by half, within a bound: whole files only, and not too many."""
    most = 40 * PACKED
    processes = [child(tmp_path, "stores", first, most) for first in (0, 12, 25, 37)]
    try:
        for process in processes:
            assert line_of(process) == b"done"
            assert process.wait(20) == 0
    finally:
        for process in processes:
            end(process)
    files = files_in(tmp_path)
    assert all(path.suffix == ".prompt" for path in files)
    assert sum(path.stat().st_size for path in files) <= most
    assert len(files) == 40
    assert len(await found(tmp_path, range(62))) == 40


async def test_another_process_is_waited_for_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = child(tmp_path, "holds-lock", first=2)
    try:
        assert line_of(process) == b"here"
        monkeypatch.setattr(prompt_cache, "_LOCK_TRIES", 3)
        cache = PromptCache(tmp_path, PLENTY)
        with pytest.raises(OutputError, match=r"another process has held the file 'lock'"):
            await cache.store(key(1), prompt(1))
        with trio.move_on_after(0.05) as scope:
            monkeypatch.setattr(prompt_cache, "_LOCK_TRIES", 10**6)
            await cache.store(key(1), prompt(1))
        assert scope.cancelled_caught, "a call that ends does not wait for it either"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cache.store, key(1), prompt(1))
            nursery.start_soon(cache.store, key(3), prompt(3))
            await trio.sleep(0.05)
            assert files_in(tmp_path) == []
            end(process)
    finally:
        end(process)
    assert await found(tmp_path, [1, 2, 3]) == [1, 3]


async def test_the_lock_is_let_go_after_every_store(tmp_path: Path) -> None:
    await stored(tmp_path, [1])
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_many_at_once_in_one_process(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, PLENTY)
    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(cache.store, key(number // 2), prompt(number // 2))
    assert await found(tmp_path, range(15)) == list(range(15))


# --- Disks that refuse -----------------------------------------------------------------------


@pytest.mark.parametrize("where", ["write", "fsync", "mkdir", "mkstemp", "replace"])
async def test_a_full_disk_is_told_and_nothing_half_is_left(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(tmp_path, [1])

    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        match where:
            case "write":
                patch.setattr("trioaudio.speech.prompt_cache.os.fdopen", Full)
            case "fsync":
                patch.setattr("trioaudio.speech.prompt_cache.os.fsync", full)
            case "mkdir" | "replace":
                patch.setattr(Path, where, full)
            case _:
                patch.setattr("trioaudio.speech.prompt_cache.tempfile.mkstemp", full)
        cache = PromptCache(tmp_path, PLENTY)
        with pytest.raises(OutputError, match=r"No space left on device; choose another folder"):
            await cache.store(key(2), prompt(2))
        assert await cache.find(key(2)) == prompt(2), "this process still has it"
    assert files_in(tmp_path) == [file_of(tmp_path, 1)]
    assert await found(tmp_path, [1, 2]) == [1]
    await cache.store(key(2), prompt(2))
    assert await found(tmp_path, [1, 2]) == [1, 2]


class Full:
    """A file on a disk that is full."""

    def __init__(self, handle: int, mode: str) -> None:
        assert mode == "wb"
        self._handle = handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        os.close(self._handle)

    def write(self, data: bytes) -> int:
        os.write(self._handle, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("below", ["", "prompts", "prompts/more"])
async def test_a_folder_that_is_a_file(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    cache = PromptCache(tmp_path / "file" / below, PLENTY)
    assert await cache.find(key(1)) is None
    with pytest.raises(OutputError, match=r"^prompt cache .*; choose another folder"):
        await cache.store(key(1), prompt(1))
    assert (tmp_path / "file").read_text() == "mine"


READ_ONLY = """
import os
from pathlib import Path
import trio
from trioaudio.core.errors import OutputError
from trioaudio.speech.prompt import Prompt, PromptKey
from trioaudio.speech.prompt_cache import PromptCache

os.setgid(65534)
os.setuid(65534)

async def main():
    cache = PromptCache(Path(), 10**9)
    for number in (1, 2):
        prompt = await cache.find(PromptKey.of("a", "r", 8000, [f"clause {number}"]))
        print("found" if prompt else "none", flush=True)
    try:
        await cache.store(PromptKey.of("a", "r", 8000, ["clause 3"]), Prompt(b"xx", (), (2,)))
    except OutputError as exc:
        print(exc)

trio.run(main)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_folder_that_may_only_be_read(tmp_path: Path) -> None:
    """Its prompts are used, a damaged one is ignored, and storing is told to be impossible."""
    folder = tmp_path / "prompts"
    await stored(folder, [1, 2])
    file_of(folder, 2).write_bytes(b"damaged")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    # It begins in the folder, as those above it are only root's.
    done = await trio.run_process(
        [sys.executable, "-c", READ_ONLY], capture_stdout=True, cwd=folder
    )
    first, second, told = done.stdout.decode().splitlines()
    assert (first, second) == ("found", "none")
    assert told.startswith("prompt cache .: Permission denied; choose another folder")
    assert await found(folder, [1]) == [1]
