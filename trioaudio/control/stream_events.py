"""Tells a stream's client the events it subscribed to."""

from __future__ import annotations

import attrs
from msgspec.structs import replace

from trioaudio.api.events import CallStarted, Event
from trioaudio.api.requests import Subscribe
from trioaudio.calls.hub import Subscription
from trioaudio.control.problems import ProblemError
from trioaudio.control.stream_out import StreamOut
from trioaudio.control.tokens import Holder, TokenBook


@attrs.define(eq=False)
class EventTelling:
    """Tells what the subscription wants, which is what `subscribe` said last."""

    subscription: Subscription
    tokens: TokenBook
    holder: Holder
    out: StreamOut

    def subscribe(self, wish: Subscribe) -> None:
        """Tell these from now on, and no others."""
        self.subscription.calls = None if wish.calls is None else frozenset(wish.calls)
        self.subscription.events = None if wish.events is None else frozenset(wish.events)

    async def run(self) -> None:
        """Tell; SubscriptionCutError when the client is too slow, ProblemError without a token."""
        while events := await self.subscription.inbox.take():
            if not self.tokens.knows(self.holder):
                raise ProblemError("token", "the token was revoked")
            for event in events:
                await self.out.tell(self._shown(event))

    def _shown(self, event: Event) -> Event:
        if isinstance(event, CallStarted) and not self.holder.may("operator"):
            return replace(event, media_url=None)
        return event
