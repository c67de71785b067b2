"""What the node has counted over all calls: those that are over, and those that are not."""

from __future__ import annotations

from collections import Counter

import attrs

from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.roll import Roll
from trioaudio.daemon.works import Works


@attrs.define(eq=False)
class NodeCounts:
    """Counts of calls that are over, by carrier; `with_live` adds those that are not."""

    speech_frames: Counter[str] = attrs.field(factory=Counter)
    idle_frames: Counter[str] = attrs.field(factory=Counter)
    flushed: int = 0
    expired: int = 0
    cache_hits: int = 0
    cache_misses: int = 0

    def add(self, live: LiveCall) -> None:
        """Count a call: what it has sent and dropped so far."""
        ledger = live.call.queue.ledger
        self.speech_frames[live.carrier] += ledger.sent
        self.idle_frames[live.carrier] += live.call.totals.idle_frames
        if live.call.leg is not None:
            self.idle_frames[live.carrier] += live.call.leg.statistics().idle_frames
        self.flushed += ledger.flushed - ledger.expired
        self.expired += ledger.expired

    def add_works(self, works: Works) -> None:
        """Count what a configuration's engines have found in the prompt cache so far."""
        hits, misses = works.speech.prompts_found
        self.cache_hits += hits
        self.cache_misses += misses

    def with_live(self, roll: Roll) -> NodeCounts:
        """Return the counts of all calls there ever were."""
        total = NodeCounts(
            Counter(self.speech_frames),
            Counter(self.idle_frames),
            self.flushed,
            self.expired,
            self.cache_hits,
            self.cache_misses,
        )
        for live in roll:
            total.add(live)
        return total
