"""The contexts on one ElevenLabs socket: opened, kept, closed, and counted until they are gone.

A socket holds five contexts, and one that was closed counts until its final message: opening a
sixth costs the whole socket (https://github.com/pipecat-ai/pipecat/issues/4132). So a place is
free again when the service says so, and whatever still comes of a closed context is dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import attrs

from trioaudio.core.errors import EngineError
from trioaudio.engines import _elevenlabs_messages as said
from trioaudio.engines._elevenlabs_utterance import Utterance
from trioaudio.engines._seat_pool import Outbox
from trioaudio.engines._status import broke_protocol


@attrs.frozen
class ContextRules:
    """How contexts are used; times in seconds."""

    most: int
    flush: bool
    keepalive_s: float
    closing_s: float
    """How long a closed context may take to be over; a cancelled one is spoken to its end."""
    opening: Mapping[str, object]
    """What the first message of a context says of its voice."""


@attrs.define(eq=False)
class _Context:
    """One context; is its utterance's voice."""

    ident: str
    utterance: Utterance | None
    outbox: Outbox
    rules: ContextRules
    sent_at: float
    closed_at: float | None = None

    def speak(self, clause: str) -> None:
        if self.closed_at is None:
            self._send(said.speak(self.ident, clause, flush=self.rules.flush))

    def close(self) -> None:
        if self.closed_at is None:
            self._send(said.close(self.ident))
            self.closed_at = self.sent_at

    def keep(self, now: float) -> None:
        if self.closed_at is None and now - self.sent_at >= self.rules.keepalive_s:
            self._send(said.keep(self.ident))

    def _send(self, message: str) -> None:
        self.outbox.put(message)
        self.sent_at = self.outbox.sent_at


class Contexts:
    """What is said over one socket."""

    def __init__(self, outbox: Outbox, rules: ContextRules, idents: itertools.count[int]) -> None:
        self._outbox = outbox
        self._rules = rules
        self._idents = idents  # of all sockets: an id is never used again
        self._contexts: dict[str, _Context] = {}
        self._seats: dict[Utterance, _Context] = {}
        self._over = False

    def places(self, now: float) -> int:
        """Return how many contexts more fit."""
        del now
        return self._rules.most - len(self._contexts)

    def guests(self) -> list[Utterance]:
        """Return who is seated."""
        return list(self._seats)

    def is_over(self) -> bool:
        """Say whether a context did not end when it should have, so that its place is lost."""
        return self._over

    def is_quiet(self) -> bool:
        """Say whether there is no context, or none that will ever say anything."""
        return not self._seats and (self._over or not self._contexts)

    def seat(self, guest: Utterance, now: float) -> None:
        """Open a context."""
        ident = f"c{next(self._idents)}"
        context = _Context(ident, guest, self._outbox, self._rules, now)
        self._contexts[ident] = self._seats[guest] = context
        self._outbox.put(said.begin(ident, self._rules.opening))
        guest.seated(context, now)

    def leave(self, guest: Utterance, now: float) -> None:
        """Close a context; what still comes of it is dropped."""
        del now
        context = self._seats.pop(guest, None)
        if context is not None:
            context.utterance = None
            if context.ident in self._contexts:
                context.close()

    def take(self, message: str | bytes, now: float) -> None:
        """Take what the service says. EngineError when it concerns everybody."""
        reply = said.read_reply(message)
        context = self._find(reply)
        if context is None:
            if reply.error is not None and reply.context is None:
                raise reply.error
            return
        try:
            if reply.error is not None:
                raise reply.error
            if context.utterance is not None and (reply.audio or reply.alignment):
                context.utterance.take(reply, now)
            if reply.is_final:
                self._finish(context, now)
        except EngineError as exc:
            if reply.error is not None:
                del self._contexts[context.ident]  # an error is the end of its context
            self._fail(context, exc)

    def tick(self, now: float) -> None:
        """Keep the contexts that wait for text, and give up those that do not end."""
        for context in self._contexts.values():
            context.keep(now)
            if context.utterance is not None:
                context.utterance.settle(now)
            elif context.closed_at is not None:
                self._over |= now - context.closed_at >= self._rules.closing_s

    def explain(self, error: EngineError) -> EngineError:
        """Return what the end of the connection means."""
        return said.explain(error)

    def _find(self, reply: said.Reply) -> _Context | None:
        """Return whose a message is; None when it is nobody's any more, or everybody's."""
        if reply.context is not None:
            return self._contexts.get(reply.context)
        if reply.error is not None or not (reply.audio or reply.is_final):
            return None
        if len(self._contexts) == 1:
            return next(iter(self._contexts.values()))
        raise broke_protocol(said.NAME, "audio that does not say which context it is of")

    def _finish(self, context: _Context, now: float) -> None:
        del self._contexts[context.ident]
        if context.utterance is not None:
            context.utterance.final(now)
            context.utterance = None

    def _fail(self, context: _Context, error: EngineError) -> None:
        utterance, context.utterance = context.utterance, None
        if utterance is not None:
            utterance.fail(error)
            self._seats.pop(utterance, None)
            if context.ident in self._contexts:
                context.close()
