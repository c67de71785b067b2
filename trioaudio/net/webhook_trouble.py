"""Why events could not be posted, told now and then: a dead receiver is one line a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import trio

from trioaudio.core.facts import Tell, WebhookFailed

TELL_EVERY_S: Final = 60.0


@attrs.define(eq=False)
class WebhookTrouble:
    """Gathers what went wrong. `waiting` counts the events still to be posted."""

    tell: Tell
    waiting: Callable[[], int]
    lost: int = 0
    """Events given up since the start."""
    _reason: str = ""
    _lost_untold: int = 0
    _came: trio.Event = attrs.field(factory=trio.Event)

    def note(self, reason: str, lost: int = 0) -> None:
        """Note a failure, and how many events were given up for it."""
        self.lost += lost
        self._lost_untold += lost
        self._reason = reason
        self._came.set()

    async def tell_for_ever(self) -> None:
        """Tell of the first failure at once, then of all of a minute together."""
        while True:
            await self._came.wait()
            self.tell_now()
            await trio.sleep(TELL_EVERY_S)

    def tell_now(self) -> None:
        """Tell what has not been told, if there is anything."""
        if self._came.is_set():
            lost, self._lost_untold = self._lost_untold, 0
            self._came = trio.Event()
            self.tell(WebhookFailed(self._reason, lost, self.waiting()))
