"""Tells a stream's client the events it subscribed to; each is made into text once for them all."""

from __future__ import annotations

from typing import Final

import attrs
from msgspec.structs import replace

from trioaudio.api.encoding import encode
from trioaudio.api.events import CallStarted, Event
from trioaudio.api.requests import Subscribe
from trioaudio.calls.hub import Subscription
from trioaudio.control.problems import ProblemError
from trioaudio.control.stream_out import StreamOut
from trioaudio.control.tokens import Holder, TokenBook

TEXTS: Final = 256
"""Events whose texts are kept; of what subscribers read at one time there are far fewer."""
_LONGEST: Final = 64 * 1024


@attrs.define(eq=False)
class EventTexts:
    """The texts of the latest events. An event is known by its identity, and held for as long."""

    _made: dict[tuple[int, bool], tuple[Event, str]] = attrs.field(factory=dict, init=False)

    def text_of(self, event: Event, *, shows_media_urls: bool) -> str:
        """Return an event as an asker may see it."""
        whole = shows_media_urls or not isinstance(event, CallStarted)
        key = (id(event), whole)
        known = self._made.get(key)
        if known is not None:
            return known[1]
        shown = replace(event, media_url=None) if not whole else event
        text = encode(shown).decode()
        if len(text) <= _LONGEST:
            self._made[key] = (event, text)
            if len(self._made) > TEXTS:
                del self._made[next(iter(self._made))]
        return text


@attrs.define(eq=False)
class EventTelling:
    """Tells what the subscription wants, which is what `subscribe` said last."""

    subscription: Subscription
    texts: EventTexts
    tokens: TokenBook
    holder: Holder
    out: StreamOut

    def subscribe(self, wish: Subscribe) -> None:
        """Tell these from now on, and no others."""
        self.subscription.calls = None if wish.calls is None else frozenset(wish.calls)
        self.subscription.events = None if wish.events is None else frozenset(wish.events)

    async def run(self) -> None:
        """Tell; SubscriptionCutError when the client is too slow, ProblemError without a token."""
        may_see = self.holder.may("operator")
        while events := await self.subscription.inbox.take():
            if not self.tokens.knows(self.holder):
                raise ProblemError("token", "the token was revoked")
            for event in events:
                await self.out.tell_text(self.texts.text_of(event, shows_media_urls=may_see))
