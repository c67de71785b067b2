"""Posts events to the operator's URL, signed, in order within a call, until they are taken.

Calls notice nothing of it: events come from a subscription, which is never waited for. What could
not be delivered is counted and told; the end of a call is kept in a file until it is delivered.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, assert_never

import attrs
import trio

from trioaudio.api.encoding import encode
from trioaudio.api.events import Event
from trioaudio.calls.hub import EVENTS_AHEAD, Inbox, Subscription, SubscriptionCutError
from trioaudio.core.backoff import Backoff
from trioaudio.core.errors import ConfigError, OutputError
from trioaudio.core.facts import Tell
from trioaudio.lone_error import lone_error
from trioaudio.net.webhook_post import Delivered, Failed, Outcome, Receiver, Refused, open_poster
from trioaudio.net.webhook_queue import Posting, WebhookQueue
from trioaudio.net.webhook_spool import KeptEvents, WebhookSpool
from trioaudio.net.webhook_trouble import WebhookTrouble

AT_ONCE: Final = 8
WAITING_MOST: Final = 10_000
"""Events that may wait for a receiver."""
TRIES: Final = 8
ROUND_S: Final = 600.0
"""Within which all tries of a round begin; an event that is kept begins another after as long."""
LONGEST_RETRY_AFTER_S: Final = 60.0
FAREWELL_S: Final = 5.0
KEPT: Final = frozenset({"call.ended"})

_BACKOFF: Final = Backoff(first=2.0, cap=128.0, attempts=TRIES - 1)
_KEEP_S: Final = 2.0


@attrs.frozen
class WebhookOptions:
    """Whom events are posted to, and how."""

    receiver: Receiver
    spool: Path | None = None
    """Folder of the events that outlive the process; None: none does."""
    at_once: int = AT_ONCE
    waiting_most: int = WAITING_MOST
    farewell_s: float = FAREWELL_S
    """How long is waited for what is on its way when the block is left."""


@attrs.frozen
class WebhookStatistics:
    """Counts of events, since the start."""

    delivered: int
    retried: int
    """Tries that failed and were followed, or will be, by another."""
    refused: int
    """The receiver answered that it does not want them."""
    lost: int
    """Never delivered: refused, tried too often, or there was no room for them."""
    waiting: int
    """Now."""


def _now() -> float:
    return datetime.now(UTC).timestamp()


@asynccontextmanager
async def open_event_webhook(
    options: WebhookOptions,
    subscription: Subscription,
    tell: Tell,
    *,
    wall: Callable[[], float] = _now,
) -> AsyncIterator[EventWebhook]:
    """Post what the subscription is told while the block runs, and what an earlier process left.

    Leaving the block closes the subscription's inbox, and waits `farewell_s` for what is on its
    way. ConfigError when the spool's folder or the file of authorities cannot be used.
    """
    spool = None if options.spool is None else WebhookSpool(options.spool, options.waiting_most)
    with lone_error():
        async with open_poster(options.receiver, at_once=options.at_once, wall=wall) as poster:
            webhook = EventWebhook(options, poster.post, spool, tell)
            await webhook.load()
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(webhook.run, subscription)
                    yield webhook
                    webhook.close(subscription)
                    with trio.move_on_after(options.farewell_s):
                        await webhook.wait_delivered()
                    nursery.cancel_scope.cancel()
            finally:
                with trio.move_on_after(_KEEP_S, shield=True):
                    await webhook.leave()


class EventWebhook:
    """Made by `open_event_webhook`, which runs its tasks. `post` tries once."""

    def __init__(
        self,
        options: WebhookOptions,
        post: Callable[[Posting], Awaitable[Outcome]],
        spool: WebhookSpool | None,
        tell: Tell,
    ) -> None:
        self._at_once = options.at_once
        self._post = post
        self._queue = WebhookQueue(options.waiting_most)
        self._trouble = WebhookTrouble(tell, lambda: len(self._queue))
        self._kept = None if spool is None else KeptEvents(spool, self._trouble.note)
        self._draw = Random().random
        self._delivered = self._retried = self._refused = 0
        self._closed = False
        self._due = trio.Event()
        self._read_all = trio.Event()
        self._empty = trio.Event()

    def statistics(self) -> WebhookStatistics:
        """Return the counts."""
        return WebhookStatistics(
            self._delivered, self._retried, self._refused, self._trouble.lost, len(self._queue)
        )

    async def load(self) -> None:
        """Take up what an earlier process left."""
        if self._kept is None:
            return
        try:
            found = await trio.to_thread.run_sync(self._kept.spool.load)
        except OutputError as exc:
            raise ConfigError(f"events cannot be kept: {exc}") from exc
        for posting in found.postings:
            self._queue.add(posting, trio.current_time())
        if found.lost:
            self._trouble.note(
                "too many were left by an earlier process, or their files broke", found.lost
            )

    async def run(self, subscription: Subscription) -> None:
        """Read, post, keep and tell, until cancelled; then what was told has been read."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.read, subscription)
            try:
                async with trio.open_nursery() as others:
                    others.start_soon(self.post_for_ever)
                    others.start_soon(self._trouble.tell_for_ever)
                    if self._kept is not None:
                        others.start_soon(self._kept.settle_for_ever)
            finally:
                self.close(subscription)

    def close(self, subscription: Subscription) -> None:
        """Read no more than has been told already."""
        self._closed = True
        subscription.inbox.close()

    async def read(self, subscription: Subscription) -> None:
        """Take events as they are told, until the inbox is closed, and not only cancelled.

        What an inbox had given would be lost if taking it was cancelled.
        """
        with trio.CancelScope(shield=True):
            while True:
                try:
                    events = await subscription.inbox.take()
                except SubscriptionCutError as exc:
                    subscription.inbox = Inbox[Event](EVENTS_AHEAD)
                    if self._closed:
                        subscription.inbox.close()
                    self._trouble.note("the machine was too busy to take them", exc.lost)
                    continue
                if not events:
                    break
                for event in events:
                    self.add(event)
        self._read_all.set()

    def add(self, event: Event) -> None:
        """Have an event posted; nothing waits."""
        name = str(event.__struct_config__.tag)
        id_ = f"evt_{secrets.token_hex(16)}"
        body = encode({"id": id_, "event": event})
        kept = self._kept if name in KEPT else None
        posting = Posting(id_, event.call, name, event.at, body, kept is not None)
        dropped = self._queue.add(posting, trio.current_time())
        if kept is not None:
            kept.keep(posting)
        if dropped is not None:
            self._forget_file(dropped)
            self._trouble.note("too many are waiting for the receiver", 1)
        self._due.set()

    async def post_for_ever(self) -> None:
        """Post what is due, several at once."""
        room = trio.Semaphore(self._at_once)
        async with trio.open_nursery() as nursery:
            while True:
                await room.acquire()
                posting = await self._wait_due()
                nursery.start_soon(self._try, posting, room)

    async def _wait_due(self) -> Posting:
        while (posting := self._queue.take(trio.current_time())) is None:
            self._due = trio.Event()
            due = self._queue.next_due()
            if due is None:
                await self._due.wait()
            else:
                with trio.move_on_at(due):
                    await self._due.wait()
        return posting

    async def _try(self, posting: Posting, room: trio.Semaphore) -> None:
        if posting.since is None:
            posting.since = trio.current_time()
        posting.tries += 1
        try:
            outcome = await self._post(posting)
        finally:
            room.release()
        match outcome:
            case Delivered():
                self._delivered += 1
                self._end(posting)
            case Refused(reason=reason):
                self._refused += 1
                self._end(posting)
                self._trouble.note(reason, 1)
            case Failed():
                self._fail(posting, outcome)
            case _:
                assert_never(outcome)

    def _fail(self, posting: Posting, failed: Failed) -> None:
        """Try again later, or give up; what is kept is never given up."""
        now = trio.current_time()
        # At least half of each wait, so that eight tries are never over in a moment.
        wait = _BACKOFF.delay(posting.tries - 1, 0.5 + self._draw() / 2)
        if wait is not None and failed.retry_after_s is not None:
            wait = min(failed.retry_after_s, LONGEST_RETRY_AFTER_S)
        began = now if posting.since is None else posting.since
        if wait is None or now + wait - began >= ROUND_S:
            if not posting.kept:
                self._end(posting)
                self._trouble.note(failed.reason, 1)
                return
            posting.tries, posting.since, wait = 0, None, ROUND_S
        self._retried += 1
        self._queue.again(posting, now + wait)
        self._due.set()
        self._trouble.note(failed.reason)

    def _end(self, posting: Posting) -> None:
        self._queue.done(posting, trio.current_time())
        self._forget_file(posting)
        self._due.set()
        if not self._queue:
            self._empty.set()

    def _forget_file(self, posting: Posting) -> None:
        if self._kept is not None and posting.kept:
            self._kept.forget(posting)

    async def wait_delivered(self) -> None:
        """Wait until all that was read has been delivered, or never will be."""
        await self._read_all.wait()
        while self._queue:
            self._empty = trio.Event()
            await self._empty.wait()

    async def leave(self) -> None:
        """Keep what is to be kept of all that was told, and tell what is lost."""
        waiting = self._queue.waiting()
        if self._kept is not None:
            self._kept.keep(*(each for each in waiting if each.kept))
            await self._kept.settle()
        if lost := sum(not each.kept for each in waiting):
            self._trouble.note("the daemon left before the receiver took them", lost)
        self._trouble.tell_now()
