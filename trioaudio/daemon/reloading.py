"""The configuration read anew: put in force for new calls, or the old one stays."""

from __future__ import annotations

from collections.abc import Callable, Collection

import attrs
import trio

from trioaudio.configuration import Configuration
from trioaudio.configuration_changes import changes
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.facts import Tell
from trioaudio.core.verdict import known_error
from trioaudio.daemon.certificates import Certificates, Renewal
from trioaudio.daemon.switchboard import Switchboard
from trioaudio.daemon.webhooks import answered_carriers
from trioaudio.daemon.works import Works, keep_works
from trioaudio.observe.logs import get_logger


@attrs.frozen
class _Wanted:
    configuration: Configuration
    renewals: list[Renewal]


@attrs.define(eq=False)
class Reloading:
    """Reads the configuration when asked, and has a task put it in force."""

    read: Callable[[], Configuration]
    """Reads files and looks up names, so it is run in a thread. ConfigError."""
    certificates: Certificates
    """Of the listeners: their files are read anew too, whether a setting changed or not."""
    tell: Tell
    hide: Callable[[Collection[str]], None]
    """Masks secrets in the log."""
    on_begin: Callable[[], None]
    on_end: Callable[[], None]
    """Is called when it was put in force, or refused."""
    _wanted: _Wanted | None = None
    _asked: trio.Event = attrs.field(factory=trio.Event)
    _reading: trio.Lock = attrs.field(factory=trio.Lock)

    async def ask(self) -> list[str]:
        """Read it, and have it put in force; return what was wrong with it.

        Two that are asked at once are read one after the other. A file system that does not answer
        holds up this and nothing else, not even the end.
        """
        async with self._reading:
            return await self._ask()

    async def _ask(self) -> list[str]:
        log = get_logger("trioaudio.daemon")
        self.on_begin()
        try:
            wanted = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
        except ConfigError as exc:
            for problem in exc.problems:
                log.warning("the old configuration stays in force", problem=problem)
            self.on_end()
            return list(exc.problems)
        self._wanted = wanted
        self.hide(wanted.configuration.secrets())
        for warning in wanted.configuration.warnings:
            log.warning("configuration", problem=warning)
        self._asked.set()
        return []

    def _read(self) -> _Wanted:
        return _Wanted(self.read(), self.certificates.renewals())

    async def follow(
        self, board: Switchboard, engines: trio.Nursery, on_change: Callable[[Works, Works], None]
    ) -> None:
        """Put in force what was read, for ever; cancel to stop."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            assert self._wanted is not None
            await self._put_in_force(self._wanted, board, engines, on_change)
            self.on_end()

    async def _put_in_force(
        self,
        wanted: _Wanted,
        board: Switchboard,
        engines: trio.Nursery,
        on_change: Callable[[Works, Works], None],
    ) -> None:
        log = get_logger("trioaudio.daemon")
        changed = changes(board.works.configuration, wanted.configuration)
        for warning in changed.warnings:
            log.warning("configuration", problem=warning)
        try:
            works = await self._open(changed.in_force, engines)
        except TrioaudioError as exc:
            log.warning("the old configuration stays in force", problem=str(exc))
            return
        old, board.works = board.works, works
        board.answering.replace_carriers(answered_carriers(works))
        on_change(old, works)
        old.retire()
        renewed = self.certificates.put_in_force(wanted.renewals)
        log.info("configuration in force", changed=[*changed.new_calls, *renewed])

    async def _open(self, configuration: Configuration, engines: trio.Nursery) -> Works:
        """Open its engines and what else it needs; TrioaudioError when that cannot be done."""
        try:
            works: Works = await engines.start(keep_works, configuration, self.tell)
        except BaseExceptionGroup as group:
            raise known_error(group) from None
        return works
