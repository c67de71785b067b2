"""An utterance spoken clause by clause over a pool of sockets.

The next clause is asked for while the end of the last one is still being taken: a service makes
audio many times faster than it is heard, so the callee does not notice that it is asked anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterable

import attrs
import trio

from trioaudio.core.engine import PcmSink
from trioaudio.core.errors import EngineError
from trioaudio.engines._inbox import Inbox, Spoken
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_pool import SocketPool
from trioaudio.engines._socket_turn import Clause, Delivered, Request
from trioaudio.lone_error import lone_error

AHEAD_MS = 1000
"""Audio still unwritten when the next clause is asked for: more than its first audio takes."""


@attrs.frozen
class UtterancePlan:
    """Where and how an utterance is spoken, in the service's own words."""

    address: ServiceAddress
    voice: str
    language: str
    sample_rate: int

    def request(self, text: str) -> Request:
        """Return the request for a clause."""
        return Request(text, self.voice, self.language, self.sample_rate)


async def speak_clauses(
    pool: SocketPool, clauses: AsyncIterable[str], sink: PcmSink, plan: UtterancePlan
) -> None:
    """Speak an utterance; return when all of it is written.

    EngineError, after what came before it is written. Cancelled, it leaves at once.
    """
    delivered = Delivered(Inbox(plan.sample_rate), plan.sample_rate)
    with lone_error():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ask, pool, clauses, plan, delivered)
            await delivered.inbox.deliver(sink)


async def _ask(
    pool: SocketPool, clauses: AsyncIterable[str], plan: UtterancePlan, delivered: Delivered
) -> None:
    inbox = delivered.inbox
    number = 0
    async for text in clauses:
        try:
            await pool.speak(Clause(plan.address, plan.request(text), number, delivered))
        except EngineError as exc:
            inbox.fail(exc)
            return
        number += 1
        inbox.put(Spoken(number))
        await inbox.wait_below(AHEAD_MS)
    inbox.end()
