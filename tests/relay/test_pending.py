"""Tokens put together, bounds, and what overtakes."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.relay.messages import (
    ApplicationMessage,
    EndMessage,
    SendDigitsMessage,
    TextMessage,
)
from trioaudio.relay.pending import (
    MOST_AT_ONCE,
    MOST_CHARACTERS,
    MOST_MESSAGES,
    STREAM_GAP_S,
    Arrived,
    Pending,
)


def text(token: str, *, last: bool = False, lang: str | None = None) -> TextMessage:
    return TextMessage(token=token, last=last, lang=lang)


async def put_all(pending: Pending, *messages: ApplicationMessage) -> None:
    for each in messages:
        await pending.put(each, 0.0)


def taken(pending: Pending) -> list[ApplicationMessage]:
    return [pending.take_nowait().message for _ in range(len(pending))]


async def test_tokens_of_a_kind_are_put_together() -> None:
    pending = Pending()
    await put_all(pending, text("a "), text("b "), text("c", last=True), text("d", last=True))
    assert taken(pending) == [text("a b c", last=True), text("d", last=True)]


@pytest.mark.parametrize(
    "other",
    [
        text("b", lang="de"),
        TextMessage(token="b", last=False, preemptible=True),
        TextMessage(token="b", last=False, interruptible=False),
        text("b" * MOST_AT_ONCE),
        SendDigitsMessage("1"),
    ],
)
async def test_others_are_not(other: ApplicationMessage) -> None:
    pending = Pending()
    await put_all(pending, text("a"), other, text("c"))
    assert taken(pending) == [text("a"), other, text("c")]


async def test_a_pause_keeps_tokens_apart() -> None:
    pending = Pending()
    for at in (1.0, 1.4, 1.8 + STREAM_GAP_S):
        await pending.put(text("a"), at)
    assert pending.take_nowait() == Arrived(text("aa"), 1.0, 1.4)
    assert len(pending) == 1


@pytest.mark.parametrize(
    "messages",
    [
        [SendDigitsMessage("1")] * MOST_MESSAGES,
        [text("x" * 50_000)] * (MOST_CHARACTERS // 50_000),
    ],
)
async def test_a_full_queue_holds_back(
    messages: list[ApplicationMessage], autojump_clock: trio.testing.MockClock
) -> None:
    pending = Pending()
    await put_all(pending, *messages)
    assert pending.full
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pending.put, EndMessage(), 0.0)
        await trio.sleep(1)
        assert len(pending) == len(messages)
        pending.take_nowait()
        await trio.sleep(1)
        assert len(pending) == len(messages)
    assert taken(pending)[-1] == EndMessage()


async def test_what_overtakes_is_all_there_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pending = Pending()
    await put_all(pending, text("x" * MOST_CHARACTERS))
    pending.overtake(EndMessage(), 1.0)
    assert not pending.full
    assert taken(pending) == [EndMessage()]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pending.wait)
        await trio.sleep(1)
        pending.overtake(EndMessage(), 2.0)


@given(st.lists(st.tuples(st.text(max_size=5), st.booleans(), st.sampled_from([None, "en"]))))
def test_no_text_is_lost_or_moved(tokens: list[tuple[str, bool, str | None]]) -> None:
    pending = Pending()

    async def fill() -> None:
        for token, last, lang in tokens:
            await pending.put(text(token, last=last, lang=lang), 0.0)

    trio.run(fill)
    got = [each for each in taken(pending) if isinstance(each, TextMessage)]
    assert "".join(each.token for each in got) == "".join(token for token, _, _ in tokens)
    assert sum(bool(each.last) for each in got) == sum(last for _, last, _ in tokens)
