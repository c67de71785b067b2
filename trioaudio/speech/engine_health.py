"""Whether an engine may be asked: it rests after failing, is tried meanwhile, and returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from trioaudio.core.errors import EngineError, EngineFault, TextError
from trioaudio.core.facts import EngineRested, EngineReturned, Tell

FAILURES_IN_A_ROW = 3
"""One may be bad luck, and was met by the next engine anyway."""

FIRST_REST_S = 5.0
LONGEST_REST_S = 120.0
_OF_ITS_OWN = frozenset((EngineFault.BAD_REQUEST, EngineFault.EMPTY, EngineFault.RATE))
"""Says something of one text, or of how many speak at once, and nothing of the next text."""

_AT_ONCE = frozenset((EngineFault.AUTH, EngineFault.QUOTA))
"""Nothing but the operator changes it: every text until then would fail."""


@attrs.define(eq=False)
class EngineHealth:
    """What is known of one engine from how its utterances went. `watch` is its life."""

    engine: str
    tell: Tell
    rests: bool = True
    """False for the embedded engine, which is asked whatever happens."""
    failures: int = 0
    resting: bool = False
    _rests_so_far: int = 0
    _reason: str = ""
    _rest_began: trio.Event = attrs.field(factory=trio.Event)

    def succeeded(self) -> None:
        """Note that it spoke."""
        self.failures = 0
        if not self.resting:
            self._rests_so_far = 0

    def failed(self, error: EngineError | TextError) -> None:
        """Note that it failed; it may have to rest."""
        if isinstance(error, TextError) or error.kind in _OF_ITS_OWN:
            return
        if self.resting or not self.rests:
            return
        self.failures += 1
        if self.failures < FAILURES_IN_A_ROW and error.kind not in _AT_ONCE:
            return
        self.resting = True
        self._reason = str(error)
        self._rest_began.set()

    async def watch(self, try_it: Callable[[], Awaitable[None]]) -> None:
        """For ever: let it rest, try it, let it rest longer or have it back.

        `try_it` raises EngineError when it still cannot speak.
        """
        while True:
            await self._rest_began.wait()
            self._rest_began = trio.Event()
            while self.resting:
                seconds = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(self._rests_so_far, 10))
                self._rests_so_far += 1
                self.tell(EngineRested(self.engine, seconds, self._reason))
                await trio.sleep(seconds)
                try:
                    await try_it()
                except EngineError as exc:
                    self._reason = str(exc)
                    continue
                self.resting = False
                self.failures = 0
                self.tell(EngineReturned(self.engine))
