"""What signals a daemon heeds, and what each means."""

from __future__ import annotations

import os
import signal

import attrs
import trio

from trioaudio.daemon.leaving import Leaving
from trioaudio.daemon.reloading import Reloading
from trioaudio.observe.log_sinks import LogCounts


@attrs.frozen
class Signals:
    """SIGHUP: read it all anew; SIGINT and SIGTERM: leave, and told twice at once."""

    leaving: Leaving
    reloading: Reloading
    log_counts: LogCounts
    alone: bool
    """Whether the process is this daemon's: signals that come when it is over mean nothing."""

    async def watch(self, nursery: trio.Nursery) -> None:
        """Heed them for ever; cancel to stop. A reload is a task of the nursery."""
        if self.alone:
            # What the receiver puts back in the end.
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async for number in signals:
                if number == signal.SIGHUP:
                    self.log_counts.reopen()
                    if not self.leaving.begun.is_set():
                        # Not here: its files may be slow, and the next signal may be the last.
                        nursery.start_soon(self.reloading.ask)
                elif self.leaving.hurried and self.alone:
                    os._exit(128 + number)  # told three times: without a goodbye
                else:
                    self.leaving.begin()
