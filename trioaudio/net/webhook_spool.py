"""Events that outlive the process: a file each, until they are delivered.

Each file is the body that is posted. The disk is waited for in a thread.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs
import msgspec
import trio

from trioaudio.core.errors import OutputError
from trioaudio.net.webhook_queue import Posting

_NAME = re.compile(r"\d{20}-(evt_[0-9a-f]{32})\.json")


class _Told(msgspec.Struct):
    """What is to be known of an event, whatever version of the daemon wrote it."""

    event: str
    call: str
    at: float


class _Body(msgspec.Struct):
    id: str
    event: _Told


@attrs.frozen
class Spooled:
    """What was found."""

    postings: list[Posting]
    """The oldest first."""
    lost: int
    """Files beyond the bound, or that hold no event; they are gone."""


class WebhookSpool:
    """A folder of at most `most` events. Its methods block; one thread at a time."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._files: dict[str, Path] = {}

    def load(self) -> Spooled:
        """Return what an earlier process left; make the folder. OutputError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = sorted(self._folder.iterdir())
        except OSError as exc:
            raise self._error(self._folder, exc) from exc
        for part in (each for each in found if each.suffix == ".part"):
            with contextlib.suppress(OSError):  # it was never complete; next time then
                part.unlink()
        files = [each for each in found if _NAME.fullmatch(each.name)]
        kept = files[-self._most :]
        read = [(file, self._read(file)) for file in kept]
        postings = [posting for _, posting in read if posting is not None]
        self._files = {posting.id: file for file, posting in read if posting is not None}
        for file in [*files[: len(files) - len(kept)], *(f for f, posting in read if not posting)]:
            self._unlink(file)
        return Spooled(postings, len(files) - len(postings))

    def settle(self, write: Iterable[Posting], remove: Iterable[str]) -> None:
        """Remove and write; what is written already stays as it is.

        OutputError, once all has been tried.
        """
        failed: OutputError | None = None
        for id_ in remove:
            file = self._files.pop(id_, None)
            if file is not None:
                self._unlink(file)
        for posting in write:
            if posting.id in self._files:
                continue
            try:
                self._files[posting.id] = self._write(posting)
            except OutputError as exc:
                failed = exc
        if failed is not None:
            raise failed

    def __len__(self) -> int:
        """Count the files."""
        return len(self._files)

    def _write(self, posting: Posting) -> Path:
        file = self._folder / f"{int(posting.at * 1e6):020d}-{posting.id}.json"
        part = file.with_suffix(".part")
        try:
            part.touch(mode=0o600)
            part.write_bytes(posting.body)
            part.replace(file)
        except OSError as exc:
            raise self._error(file, exc) from exc
        return file

    def _read(self, file: Path) -> Posting | None:
        try:
            data = file.read_bytes()
            body = msgspec.json.decode(data, type=_Body)
        except (OSError, ValueError):  # msgspec's errors are ValueErrors
            return None
        told = body.event
        if not file.name.endswith(f"-{body.id}.json"):
            return None
        return Posting(body.id, told.call, told.event, told.at, data, kept=True)

    def _unlink(self, file: Path) -> None:
        """Remove a file; one that stays is posted once more, with the id it had."""
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)

    def _error(self, path: Path, exc: OSError) -> OutputError:
        return OutputError(f"cannot write {path}: {exc.strerror or exc}")


@attrs.define(eq=False)
class KeptEvents:
    """What a spool is still to write and to remove; `complain` is told when it cannot."""

    spool: WebhookSpool
    complain: Callable[[str], None]
    _to_write: dict[str, Posting] = attrs.field(factory=dict)
    _to_remove: set[str] = attrs.field(factory=set)
    _unsettled: trio.Event = attrs.field(factory=trio.Event)

    def keep(self, *postings: Posting) -> None:
        """Have postings written that are not."""
        self._to_write |= {each.id: each for each in postings}
        self._unsettled.set()

    def forget(self, posting: Posting) -> None:
        """Have a posting removed, or not written at all."""
        if self._to_write.pop(posting.id, None) is None:
            self._to_remove.add(posting.id)
            self._unsettled.set()

    async def settle_for_ever(self) -> None:
        """Write and remove as it is wanted."""
        while True:
            await self._unsettled.wait()
            await self.settle()

    async def settle(self) -> None:
        """Write and remove what is wanted now. What cannot be written is not tried again here."""
        self._unsettled = trio.Event()
        write, self._to_write = self._to_write, {}
        remove, self._to_remove = self._to_remove, set()
        try:
            await trio.to_thread.run_sync(self.spool.settle, list(write.values()), remove)
        except OutputError as exc:
            self.complain(f"the ends of calls would not outlive the process: {exc}")
        except trio.Cancelled:  # before the thread began
            self._to_write |= write
            self._to_remove |= remove
            raise
