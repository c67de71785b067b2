"""What the node has counted over all calls: those that are over, and those that are not."""

from __future__ import annotations

from collections import Counter

import attrs
import trio

from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.roll import Roll
from trioaudio.daemon.works import Works

CALLS_A_STEP = 100
"""Calls gone through before other tasks have their turn: about half a millisecond."""


@attrs.define(eq=False)
class NodeCounts:
    """Counts of calls that are over, by carrier; `with_live` adds those that are not."""

    speech_frames: Counter[str] = attrs.field(factory=Counter)
    idle_frames: Counter[str] = attrs.field(factory=Counter)
    flushed: int = 0
    expired: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    calls: Counter[str] = attrs.field(factory=Counter)
    """Those that are not over, by carrier; they are only known `with_live`, like what follows."""
    queued: int = 0
    """Frames that wait to be sent."""
    lead_s: dict[str, float] = attrs.field(factory=dict)
    """The most speech the carrier of any call holds, in seconds, by carrier."""

    def add(self, live: LiveCall) -> None:
        """Count a call: what it has sent and dropped so far."""
        ledger = live.call.queue.ledger
        self.speech_frames[live.carrier] += ledger.sent
        self.idle_frames[live.carrier] += live.call.totals.idle_frames
        if live.call.leg is not None:
            self.idle_frames[live.carrier] += live.call.leg.idle_frames
        self.flushed += ledger.flushed - ledger.expired
        self.expired += ledger.expired

    def add_works(self, works: Works) -> None:
        """Count what a configuration's engines have found in the prompt cache so far."""
        hits, misses = works.speech.prompts_found
        self.cache_hits += hits
        self.cache_misses += misses

    async def with_live(self, roll: Roll) -> NodeCounts:
        """Return the counts of all calls there ever were.

        Other tasks have their turn meanwhile. A call that ends then is still counted, once.
        """
        total = attrs.evolve(
            self, speech_frames=Counter(self.speech_frames), idle_frames=Counter(self.idle_frames)
        )
        total.calls, total.lead_s = Counter(), {}
        for number, live in enumerate(roll, 1):
            total.add(live)
            total._add_state(live)  # noqa: SLF001  one of the same class
            if not number % CALLS_A_STEP:
                await trio.lowlevel.checkpoint()
        return total

    def _add_state(self, live: LiveCall) -> None:
        carrier, leg = live.carrier, live.call.leg
        self.calls[carrier] += 1
        self.queued += live.call.queue.ledger.queued
        lead_s = 0.0 if leg is None else leg.unheard_s(trio.current_time())
        self.lead_s[carrier] = max(lead_s, self.lead_s.get(carrier, 0.0))
