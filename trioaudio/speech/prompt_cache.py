"""Prompts on disk, found by content: a file each, bounded in all, shared by processes.

A file is written under another name, flushed to the disk and renamed: after a crash it is whole or
not there, and a damaged one counts as not there. Whoever stores makes room, the longest unused
first. No database and no pickles: what a caller is told is not worth a way to run code.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import trio

from trioaudio.core.errors import OutputError, RemoteProtocolError
from trioaudio.speech.finished_prompt import Finish, FinishedPrompt
from trioaudio.speech.prompt import Prompt, PromptKey

IN_MEMORY_BYTES = 32 << 20
_SUFFIX = ".prompt"
_PART = ".part"
_LOCK = "lock"
_LOCK_STEP_S = 0.02
_LOCK_TRIES = 500
"""Then, after 10 s, another process that stores has been stopped in the middle."""

_USED_STEP_S = 600.0
"""How often a prompt that is in memory is marked on the disk as used."""


class PromptCache:
    """Prompts in a folder, at most `most_bytes` of them; those last used also in memory.

    There, and only there, they are kept as they go out, too.

    The folder is made when the first prompt is stored. Its files are readable by their owner
    only: they say what callers are told.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._memory: OrderedDict[str, _Remembered] = OrderedDict()
        self._memory_bytes = 0
        self._storing = trio.Lock()

    async def find(self, key: PromptKey) -> Prompt | None:
        """Return a prompt, None when there is none that can be read."""
        known = self._memory.get(key.digest)
        if known is not None:
            self._memory.move_to_end(key.digest)
            if trio.current_time() >= known.used_at + _USED_STEP_S:
                known.used_at = trio.current_time()
                await trio.to_thread.run_sync(_touch, self._path(key))
            return known.prompt
        prompt = await trio.to_thread.run_sync(self._read, key)
        if prompt is not None:
            self._remember(key, prompt)
        return prompt

    async def store(self, key: PromptKey, prompt: Prompt) -> None:
        """Keep a prompt and make room for it. OutputError when it cannot be written."""
        self._remember(key, prompt)
        async with self._storing:
            for _ in range(_LOCK_TRIES):
                if await trio.to_thread.run_sync(self._write, key, prompt):
                    return
                await trio.sleep(_LOCK_STEP_S)
        raise OutputError(
            f"prompt cache {self.folder}: another process has held the file '{_LOCK}' for"
            f" {_LOCK_TRIES * _LOCK_STEP_S:g} s; end it if it hangs"
        )

    # --- In a thread -----------------------------------------------------------------

    def _path(self, key: PromptKey) -> Path:
        return self.folder / key.digest[:2] / f"{key.digest[2:]}{_SUFFIX}"

    def _read(self, key: PromptKey) -> Prompt | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
            prompt = Prompt.unpack(data)
        except OSError:
            return None
        except (RemoteProtocolError, ValueError, KeyError, TypeError):
            with suppress(OSError):  # in a folder that may only be read it stays
                path.unlink(missing_ok=True)
            return None
        _touch(path)
        return prompt

    def _write(self, key: PromptKey, prompt: Prompt) -> bool:
        """Write a prompt; False when another process is writing one."""
        path = self._path(key)
        data = prompt.pack()
        if len(data) > self._most_bytes:
            raise OutputError(
                f"a prompt of {len(data)} bytes is more than the whole prompt cache may hold;"
                " raise TRIOAUDIO_CACHE_MB"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._alone():
                path.parent.mkdir(exist_ok=True, mode=0o700)
                self._make_room(len(data), path)
                _replace(path, data)
        except BlockingIOError:
            return False
        except OSError as exc:
            raise OutputError(
                f"prompt cache {self.folder}: {exc.strerror or exc}; choose another folder with"
                " TRIOAUDIO_CACHE_FOLDER"
            ) from exc
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock, which a crash lets go by itself. BlockingIOError."""
        lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(lock)

    def _make_room(self, size: int, but: Path) -> None:
        """Remove the longest unused until `size` more bytes fit, and what crashes left."""
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.glob(f"*/*{_SUFFIX}*"):
            if path.suffix == _PART:  # only who holds the lock writes one
                path.unlink(missing_ok=True)
            elif path != but:
                with suppress(FileNotFoundError):  # a reader found it damaged
                    state = path.stat()
                    files.append((state.st_mtime, state.st_size, path))
        held = sum(each for _, each, _ in files)
        for _, each, path in sorted(files):
            if held + size <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            held -= each

    # --- In memory -------------------------------------------------------------------

    def finished(self, key: PromptKey, finish: Finish) -> FinishedPrompt | None:
        """Return a prompt as it goes out, None when it is not kept so."""
        known = self._memory.get(key.digest)
        finished = None if known is None else known.finished.get(finish.sample_rate)
        return finished if finished is not None and finish.is_near(finished.finish) else None

    def keep_finished(self, key: PromptKey, finished: FinishedPrompt) -> None:
        """Keep a prompt as it goes out, one for each rate, as long as it is in memory."""
        known = self._memory.get(key.digest)
        if known is None or known.size + len(finished.pcm) > IN_MEMORY_BYTES:
            return
        self._memory_bytes -= known.size
        known.finished[finished.finish.sample_rate] = finished
        self._memory_bytes += known.size
        self._forget()

    def _remember(self, key: PromptKey, prompt: Prompt) -> None:
        if len(prompt.pcm) > IN_MEMORY_BYTES:
            return
        known = self._memory.pop(key.digest, None)
        if known is not None:
            self._memory_bytes -= known.size
        remembered = _Remembered(prompt, trio.current_time())
        self._memory[key.digest] = remembered
        self._memory_bytes += remembered.size
        self._forget()

    def _forget(self) -> None:
        """Forget those longest not used until the others have room."""
        while self._memory_bytes > IN_MEMORY_BYTES:
            _, oldest = self._memory.popitem(last=False)
            self._memory_bytes -= oldest.size


@attrs.define(eq=False)
class _Remembered:
    prompt: Prompt
    used_at: float
    """When its file was last marked as used."""
    finished: dict[int, FinishedPrompt] = attrs.field(factory=dict)
    """As it goes out, by the call's rate in Hz."""

    @property
    def size(self) -> int:
        """Bytes of all its sound."""
        return len(self.prompt.pcm) + sum(len(each.pcm) for each in self.finished.values())


def _replace(path: Path, data: bytes) -> None:
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=_SUFFIX + _PART)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


def _touch(path: Path) -> None:
    """Note that it was used; on a folder that may not be written to nobody makes room either."""
    try:
        os.utime(path)
    except OSError:
        return
