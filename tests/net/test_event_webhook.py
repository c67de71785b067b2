"""Events posted in order, again and in the end: schedules in virtual time, the rest for real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count, pairwise
from pathlib import Path

import attrs
import msgspec
import pytest
import trio
from trio.testing import MockClock

from net.webhook_receiver import Reply, Request, a_receiver
from trioaudio.api.events import CallEnded, DtmfCame
from trioaudio.api.webhook_signature import verify_signature
from trioaudio.calls.hub import EVENTS_AHEAD, EventHub, Subscription
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Fact, WebhookFailed
from trioaudio.core.secret import Secret
from trioaudio.net.event_webhook import (
    AT_ONCE,
    LONGEST_RETRY_AFTER_S,
    ROUND_S,
    TRIES,
    EventWebhook,
    WebhookOptions,
    open_event_webhook,
)
from trioaudio.net.webhook_post import Delivered, Failed, Outcome, Receiver, Refused
from trioaudio.net.webhook_queue import Posting
from trioaudio.net.webhook_spool import WebhookSpool

SECRET = Secret("a long random text")
NOWHERE = Receiver("http://127.0.0.1:9/", SECRET)
USUAL = WebhookOptions(NOWHERE)
DOWN = Failed("http://app answers HTTP 503")


def dtmf(call: str, digit: str) -> DtmfCame:
    return DtmfCame(call=call, at=1.0, digit=digit, duration_ms=None)


def ended(call: str, at: float = 2.0) -> CallEnded:
    return CallEnded(call=call, at=at, cause="hung-up", reason="", record={})


@attrs.define(eq=False)
class Script:
    """Stands where the network is: answers by `answer`, keeps when what was tried."""

    answer: Callable[[Posting], Outcome] = lambda _posting: Delivered()
    seconds: float = 0.0
    tried: list[tuple[float, str, str]] = attrs.field(factory=list)
    """Time, call and digit or event's name."""
    busy: int = 0
    busiest: int = 0

    async def post(self, posting: Posting) -> Outcome:
        told = msgspec.json.decode(posting.body)["event"]
        what = told.get("digit", posting.event)
        self.tried.append((trio.current_time(), posting.call, what))
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.busy -= 1
        return self.answer(posting)


@attrs.define(eq=False)
class Rig:
    webhook: EventWebhook
    hub: EventHub
    script: Script
    told: list[Fact]
    subscription: Subscription


@asynccontextmanager
async def rig(
    script: Script, spool: WebhookSpool | None = None, options: WebhookOptions = USUAL
) -> AsyncIterator[Rig]:
    """The webhook with a scripted network; nothing is waited for at the end."""
    hub = EventHub()
    told: list[Fact] = []
    webhook = EventWebhook(options, script.post, spool, told.append)
    await webhook.load()
    with hub.subscribed() as subscription:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(webhook.run, subscription)
            yield Rig(webhook, hub, script, told, subscription)
            nursery.cancel_scope.cancel()
        await webhook.leave()


def tries_of(script: Script, call: str) -> list[float]:
    first = script.tried[0][0]
    return [at - first for at, of, _ in script.tried if of == call]


# --- The schedule ------------------------------------------------------------------------


async def test_eight_tries_over_less_than_ten_minutes(autojump_clock: MockClock) -> None:
    script = Script(lambda _: DOWN)
    async with rig(script) as it:
        it.hub.tell(dtmf("a", "1"))
        await trio.sleep(1000)
        tries = tries_of(script, "a")
        waits = [later - sooner for sooner, later in pairwise(tries)]
        assert len(tries) == TRIES
        for number, wait in enumerate(waits):
            assert 2.0**number <= wait <= 2.0 ** (number + 1)
        assert tries[-1] < ROUND_S
        statistics = it.webhook.statistics()
        assert (statistics.retried, statistics.lost, statistics.waiting) == (7, 1, 0)
    assert it.told[0] == WebhookFailed(DOWN.reason, 0, 1)
    assert sum(fact.lost for fact in it.told if isinstance(fact, WebhookFailed)) == 1


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.0, 0.0), (7.0, 7.0), (3600.0, LONGEST_RETRY_AFTER_S)]
)
async def test_the_receiver_may_say_when(
    autojump_clock: MockClock, asked: float, waited: float
) -> None:
    script = Script(lambda _: Failed("busy", retry_after_s=asked))
    async with rig(script) as it:
        it.hub.tell(dtmf("a", "1"))
        await trio.sleep(1000)
    tries = tries_of(script, "a")
    assert len(tries) == TRIES
    assert [round(each, 6) for each in tries] == [waited * number for number in range(TRIES)]


async def test_slow_failures_end_after_ten_minutes(autojump_clock: MockClock) -> None:
    script = Script(lambda _: Failed("slow", retry_after_s=60.0), seconds=60.0)
    async with rig(script) as it:
        it.hub.tell(dtmf("a", "1"))
        await trio.sleep(2000)
        assert it.webhook.statistics().lost == 1
    assert len(tries_of(script, "a")) == 5, "each takes two minutes"


async def test_what_is_refused_is_dropped_and_counted(autojump_clock: MockClock) -> None:
    script = Script(lambda _: Refused("http://app refuses with HTTP 401"))
    async with rig(script) as it:
        it.hub.tell(dtmf("a", "1"))
        it.hub.tell(dtmf("a", "2"))
        await trio.sleep(1)
        statistics = it.webhook.statistics()
        assert (statistics.refused, statistics.lost, statistics.delivered) == (2, 2, 0)
    assert len(script.tried) == 2
    assert sum(fact.lost for fact in it.told if isinstance(fact, WebhookFailed)) == 2


async def test_ids_stay_the_same_over_tries(autojump_clock: MockClock) -> None:
    ids: list[str] = []

    def answer(posting: Posting) -> Outcome:
        ids.append(posting.id)
        assert msgspec.json.decode(posting.body)["id"] == posting.id
        return DOWN if len(ids) < 3 else Delivered()

    async with rig(Script(answer)) as it:
        it.hub.tell(dtmf("a", "1"))
        it.hub.tell(dtmf("b", "1"))
        await trio.sleep(100)
        assert it.webhook.statistics().delivered == 2
    assert len(set(ids)) == 2
    assert all(each.startswith("evt_") and len(each) == 36 for each in ids)


# --- Order -------------------------------------------------------------------------------


async def test_order_is_kept_within_a_call_and_others_do_not_wait(
    autojump_clock: MockClock,
) -> None:
    failures = count()

    def answer(posting: Posting) -> Outcome:
        return DOWN if posting.call == "a" and next(failures) < 2 else Delivered()

    script = Script(answer, seconds=0.1)
    async with rig(script) as it:
        for digit in "123":
            it.hub.tell(dtmf("a", digit))
            it.hub.tell(dtmf("b", digit))
        await trio.sleep(0.5)
        assert [digit for _, call, digit in script.tried if call == "b"] == ["1", "2", "3"]
        await trio.sleep(60)
    assert [digit for _, call, digit in script.tried if call == "a"] == ["1", "1", "1", "2", "3"]


async def test_half_a_surrogate_pair_is_posted_and_kept(tmp_path: Path) -> None:
    script = Script(lambda _: DOWN)
    spool = WebhookSpool(tmp_path, most=10)
    with trio.fail_after(5):
        async with rig(script, spool) as it:
            it.hub.tell(dtmf("c", "\ud800"))
            it.hub.tell(msgspec.structs.replace(ended("d"), reason="it said \ud800"))
            await trio.testing.wait_all_tasks_blocked(0.05)
    assert {(call, what) for _, call, what in script.tried} == {
        ("c", "\ufffd"), ("d", "call.ended"),
    }  # fmt: skip
    (kept,) = spool.load().postings
    assert msgspec.json.decode(kept.body)["event"]["reason"] == "it said \ufffd"


async def test_many_calls_a_few_at_once(autojump_clock: MockClock) -> None:
    script = Script(seconds=1.0)
    async with rig(script) as it:
        for number in range(80):
            it.hub.tell(dtmf(f"c{number}", "1"))
        await trio.sleep(80 / AT_ONCE + 0.5)
        assert it.webhook.statistics().delivered == 80
    assert script.busiest == AT_ONCE


async def test_a_dead_receiver_holds_no_call_up(autojump_clock: MockClock) -> None:
    script = Script(lambda _: DOWN, seconds=10.0)
    async with rig(script, options=WebhookOptions(NOWHERE, waiting_most=50)) as it:
        for number in range(500):
            it.hub.tell(dtmf(f"c{number}", "1"))
        await trio.sleep(5)
        statistics = it.webhook.statistics()
        assert statistics.waiting <= 50 + AT_ONCE
        assert statistics.lost == 500 - statistics.waiting


async def test_a_subscription_that_was_cut_goes_on(autojump_clock: MockClock) -> None:
    script = Script()
    async with rig(script) as it:
        for number in range(EVENTS_AHEAD + 5):
            it.hub.tell(dtmf(f"c{number}", "1"))
        await trio.sleep(1)
        assert it.webhook.statistics().lost == 5
        it.hub.tell(dtmf("later", "1"))
        await trio.sleep(1)
        assert it.webhook.statistics().delivered == EVENTS_AHEAD + 1
    assert WebhookFailed("the machine was too busy to take them", 5, 0) in [
        attrs.evolve(fact, waiting=0) for fact in it.told if isinstance(fact, WebhookFailed)
    ]


# --- What outlives the process -----------------------------------------------------------


def files_in(folder: Path) -> int:
    return len(list(folder.glob("*.json")))


async def wait_until(true: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not true():  # noqa: ASYNC110  a folder tells nobody
            await trio.sleep(0.002)


async def test_the_end_of_a_call_outlives_the_process(tmp_path: Path) -> None:
    first = Script(lambda _: DOWN)
    async with rig(first, WebhookSpool(tmp_path, 10)) as it:
        it.hub.tell(dtmf("a", "1"))
        it.hub.tell(ended("a"))
        it.hub.tell(ended("b", at=1.0))
        await wait_until(lambda: files_in(tmp_path) == 2)
    assert files_in(tmp_path) == 2
    lost = sum(fact.lost for fact in it.told if isinstance(fact, WebhookFailed))
    assert lost == 1, "the digit"
    second = Script()
    async with rig(second, WebhookSpool(tmp_path, 10)) as it:
        await wait_until(lambda: it.webhook.statistics().delivered == 2 and files_in(tmp_path) == 0)
    assert [(call, what) for _, call, what in second.tried] == [
        ("b", "call.ended"),
        ("a", "call.ended"),
    ]


async def test_what_was_told_in_the_last_moment_is_kept_too(tmp_path: Path) -> None:
    spool = WebhookSpool(tmp_path, 10)
    async with rig(Script(lambda _: DOWN), spool) as it:
        it.hub.tell(ended("a"))
        it.hub.tell(dtmf("b", "1"))
    assert len(WebhookSpool(tmp_path, 10).load().postings) == 1
    assert it.told[-1] == WebhookFailed("the daemon left before the receiver took them", 1, 2)


async def test_a_subscription_cut_in_the_last_moment(tmp_path: Path) -> None:
    async with rig(Script(), WebhookSpool(tmp_path, 2000)) as it:
        for number in range(EVENTS_AHEAD + 3):
            it.hub.tell(ended(f"c{number}"))
    assert it.webhook.statistics().lost == 3
    assert len(WebhookSpool(tmp_path, 2000).load().postings) == EVENTS_AHEAD


async def test_reading_ends_when_it_was_closed_and_cut() -> None:
    script = Script()
    webhook = EventWebhook(USUAL, script.post, None, lambda _fact: None)
    subscription = Subscription()
    for number in range(EVENTS_AHEAD + 3):
        subscription.inbox.put(dtmf(f"c{number}", "1"))
    webhook.close(subscription)
    with trio.fail_after(5):
        await webhook.read(subscription)
    statistics = webhook.statistics()
    assert (statistics.lost, statistics.waiting) == (3, EVENTS_AHEAD)


async def test_files_beyond_the_bound_are_told(tmp_path: Path) -> None:
    spool = WebhookSpool(tmp_path, 10)
    async with rig(Script(lambda _: DOWN), spool) as it:
        for number in range(3):
            it.hub.tell(ended(f"c{number}", at=float(number)))
    script = Script()
    async with rig(script, WebhookSpool(tmp_path, 2)) as it:
        await wait_until(lambda: it.webhook.statistics().delivered == 2)
    assert [call for _, call, _ in script.tried] == ["c1", "c2"]
    (fact,) = it.told
    assert isinstance(fact, WebhookFailed)
    assert fact.lost == 1


async def test_the_end_of_a_call_is_never_given_up(autojump_clock: MockClock) -> None:
    up_at = trio.current_time() + 1500
    script = Script(lambda _: Delivered() if trio.current_time() > up_at else DOWN)
    webhook = EventWebhook(WebhookOptions(NOWHERE), script.post, None, lambda _fact: None)
    event = ended("a")
    body = msgspec.json.encode({"id": "evt_x", "event": event})
    webhook._queue.add(Posting("evt_x", "a", "call.ended", 1.0, body, kept=True), 0.0)
    with trio.move_on_after(5000):
        await webhook.post_for_ever()
    statistics = webhook.statistics()
    assert (statistics.delivered, statistics.lost) == (1, 0)
    tries = tries_of(script, "a")
    assert TRIES < len(tries) <= 3 * TRIES
    assert tries[TRIES] - tries[TRIES - 1] == ROUND_S


async def test_an_event_that_made_room_has_no_file_any_more(tmp_path: Path) -> None:
    script = Script(seconds=100)
    options = WebhookOptions(NOWHERE, at_once=1, waiting_most=3)
    async with rig(script, WebhookSpool(tmp_path, 3), options) as it:
        for number in range(3):
            it.hub.tell(ended(f"c{number}", at=float(number)))
        await wait_until(lambda: script.busy == 1 and files_in(tmp_path) == 3)
        it.hub.tell(ended("c3", at=3.0))
        await wait_until(lambda: it.webhook.statistics().lost == 1 and files_in(tmp_path) == 3)
    found = WebhookSpool(tmp_path, 3).load()
    assert [each.call for each in found.postings] == ["c0", "c2", "c3"]


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = WebhookOptions(NOWHERE, tmp_path / "file" / "spool")
    refused = pytest.raises(ConfigError, match="events cannot be kept: cannot write")
    with EventHub().subscribed() as subscription, refused:
        await leave_by_an_error(options, subscription, EventHub())


# --- For real ----------------------------------------------------------------------------


async def test_from_the_hub_to_a_receiver(tmp_path: Path) -> None:
    hub = EventHub()
    told: list[Fact] = []
    async with a_receiver() as receiver:
        options = WebhookOptions(Receiver(receiver.url, SECRET), tmp_path / "spool")
        with hub.subscribed(events=["dtmf", "call.ended"]) as subscription:
            async with open_event_webhook(
                options, subscription, told.append, wall=lambda: 1_700_000_000.0
            ) as webhook:
                for digit in "123":
                    hub.tell(dtmf("a", digit))
                hub.tell(ended("a"))
        assert webhook.statistics().delivered == 4, "leaving waits for what is on its way"
    for request in receiver.requests:
        verify_signature(
            SECRET.get(), request.headers["trioaudio-signature"], request.body, 1_700_000_000
        )
    events = [request.told["event"] for request in receiver.requests]
    assert [event.get("digit") for event in events] == ["1", "2", "3", None]
    assert events[0] == {
        "event": "dtmf",
        "call": "a",
        "at": 1.0,
        "digit": "1",
        "duration_ms": None,
    }
    assert told == []
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_restart_while_the_receiver_was_away(tmp_path: Path, unused_port: int) -> None:
    hub = EventHub()
    told: list[Fact] = []
    away = Receiver(f"http://127.0.0.1:{unused_port}/events", SECRET)
    options = WebhookOptions(away, tmp_path, farewell_s=0.05)
    with hub.subscribed() as subscription:
        async with open_event_webhook(options, subscription, told.append):
            hub.tell(dtmf("a", "1"))
            hub.tell(ended("a"))
    assert told
    assert "Connection refused" in repr(told[0])
    async with a_receiver(port=unused_port) as receiver:
        with hub.subscribed() as subscription:
            async with open_event_webhook(options, subscription, told.append) as webhook:
                (request,) = await receiver.wait_requests(1)
        assert webhook.statistics().delivered == 1
    assert request.told["event"]["event"] == "call.ended"
    assert request.headers["trioaudio-event-id"] == request.told["id"]


async def test_a_receiver_that_hangs_does_not_hold_the_daemon_up(tmp_path: Path) -> None:
    async with a_receiver(lambda _request: Reply(hangs=True)) as receiver:
        options = WebhookOptions(Receiver(receiver.url, SECRET), tmp_path, farewell_s=0.05)
        hub = EventHub()
        with hub.subscribed() as subscription, trio.fail_after(5):
            async with open_event_webhook(options, subscription, lambda _fact: None):
                hub.tell(ended("a"))
                await receiver.wait_requests(1)
    assert len(WebhookSpool(tmp_path, 10).load().postings) == 1


async def leave_by_an_error(
    options: WebhookOptions, subscription: Subscription, hub: EventHub
) -> None:
    async with open_event_webhook(options, subscription, lambda _fact: None):
        hub.tell(ended("a"))
        raise LookupError("of the block")


async def test_an_error_of_the_block_comes_out_as_itself(tmp_path: Path) -> None:
    hub = EventHub()
    with hub.subscribed() as subscription, pytest.raises(LookupError, match="of the block"):
        await leave_by_an_error(WebhookOptions(NOWHERE, tmp_path), subscription, hub)
    assert len(WebhookSpool(tmp_path, 10).load().postings) == 1


async def test_failures_first_then_order(tmp_path: Path) -> None:
    failing = {"1": 1}

    def reply(request: Request) -> Reply:
        digit = request.told["event"].get("digit", "")
        if failing.get(digit, 0):
            failing[digit] -= 1
            return Reply(503, [("Retry-After", "0")])
        return Reply(200)

    async with a_receiver(reply) as receiver:
        options = WebhookOptions(Receiver(receiver.url, SECRET), tmp_path)
        hub = EventHub()
        with hub.subscribed() as subscription:
            async with open_event_webhook(options, subscription, lambda _fact: None):
                for digit in "12":
                    hub.tell(dtmf("a", digit))
    digits = [request.told["event"]["digit"] for request in receiver.requests]
    assert digits == ["1", "1", "2"]
    assert (
        receiver.requests[0].headers["trioaudio-event-id"]
        == (receiver.requests[1].headers["trioaudio-event-id"])
    )
