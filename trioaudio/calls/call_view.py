"""What is shown of a call."""

from __future__ import annotations

import math

import trio

from trioaudio.api.views import CallView
from trioaudio.calls.live_call import LiveCall


def call_view(live: LiveCall) -> CallView:
    """Return what an operator is shown; cheap enough for a thousand calls."""
    call, clock, media = live.call, live.shared.clock, live.line.shape.media
    now = trio.current_time()
    leg = call.leg
    lead = 0.0 if leg is None else leg.unheard_s(now)
    underruns = call.totals.underruns + (0 if leg is None else leg.clock.underruns)
    p99 = live.lateness.percentile(0.99)
    return CallView(
        call=live.id,
        state=live.state,
        carrier=live.carrier,
        carrier_call_id=call.call_id,
        stream_id=live.stream_id,
        to=live.wanted.to or live.called,
        caller_id=live.wanted.caller_id or live.caller,
        created_at=clock.since_1970(live.created_at),
        answered_at=clock.at(live.answered_at),
        ended_at=clock.at(live.ended_at),
        cause=live.cause if live.ended else None,
        reason=live.reason if live.ended else None,
        sample_rate=media.sample_rate,
        encoding=media.encoding.value,
        peer=live.peer,
        media_url=live.media_url if live.state == "expected" else None,
        speaking=lead > 0,
        paused=call.speech.paused,
        speaking_until=clock.at(now + lead) if lead > 0 else None,
        utterances=live.book.made,
        waiting=len(live.book.incomplete),
        lead_ms=round(lead * 1000, 1),
        underruns=underruns,
        frames_sent=call.queue.ledger.sent,
        lateness_p99_ms=None if math.isnan(p99) else round(p99 * 1000, 3),
        recording=live.audio.recording is not None,
        traceparent=live.traceparent,
        labels=live.wanted.labels,
    )
