"""Backpressure, order, loops and silence, with an application that is connected."""

from __future__ import annotations

import pytest
import trio

from relay.relay_desk import FakeDesk
from relay.rig import Talk, talking
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.relay import app_socket, connected

TOKENS = 10_000


def said(desk: FakeDesk) -> str:
    return "".join(each.text for each in desk.spoken.values())


async def speak_all(talk: Talk, wanted: int) -> None:
    """Be an engine: whenever the call has had enough, take text until it wants more."""
    desk = talk.desk
    while len(said(desk)) < wanted:
        await talk.until(lambda: desk.paused or len(said(desk)) == wanted)
        for number in set(desk.paused):
            desk.take_text(number, 4000)


async def test_a_flood_of_tokens_is_held_back_and_nothing_is_lost() -> None:
    desk = FakeDesk(paused_at=5000, resumed_at=1000)
    tokens = [f"w{number} " for number in range(TOKENS)]
    text = "".join(tokens)
    async with talking(desk) as talk, trio.open_nursery() as nursery:
        nursery.start_soon(speak_all, talk, len(text))
        for token in tokens:
            await talk.app.say({"type": "text", "token": token, "last": False})
        await talk.app.say({"type": "text", "token": "", "last": True})
        await talk.until(
            lambda: said(desk) == text and not any(each.open for each in desk.living())
        )
    assert desk.most_waiting < 5000 + 2000


async def test_an_application_is_answered_pings_while_its_text_is_held_back() -> None:
    desk = FakeDesk(paused_at=1)
    async with talking(desk) as talk:
        for _ in range(2):
            await talk.app.say({"type": "text", "token": "a lot of text "})
            await trio.testing.wait_all_tasks_blocked(0.02)
        for number in range(500):
            await talk.app.say({"type": "sendDigits", "digits": str(number)})
        with trio.fail_after(5):
            await talk.app.websocket.ping()
        assert "dtmf" not in desk.verbs()
        desk.take_text(1, 1000)
        await talk.until(lambda: desk.verbs().count("dtmf") == 500)


async def test_text_a_full_call_has_no_room_for_waits() -> None:
    desk = FakeDesk(full_at=20)
    async with talking(desk) as talk:
        await talk.app.say({"type": "text", "token": "x" * 15})
        await talk.until(lambda: desk.spoken)
        await talk.app.say({"type": "text", "token": "y" * 15, "last": True})
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert desk.verbs() == ["say"]
        desk.take_text(1, 15)
        await talk.until(lambda: desk.verbs()[-2:] == ["append", "close"])
        assert desk.spoken[1].text == "x" * 15 + "y" * 15


async def test_a_call_that_stays_full_is_told_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connected, "_NO_ROOM_S", 0.1)
    monkeypatch.setattr(connected, "_ROOM_S", 0.05)
    full = RequestError(RequestFault.FULL, "the call is full", retry_after_s=1.0)
    desk = FakeDesk(refusing={"say": full})
    async with talking(desk) as talk:
        await talk.app.say({"type": "text", "token": "Hello", "last": True})
        assert await talk.app.heard() == {"type": "error", "description": "the call is full"}


async def test_text_without_last_is_spoken_when_nothing_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connected, "QUIET_S", 0.05)
    async with talking() as talk:
        await talk.app.say({"type": "text", "token": "How are you?"})
        await talk.until(lambda: "close" in talk.desk.verbs())
        await trio.sleep(0.15)
        assert talk.desk.verbs() == ["say", "close"]
        await talk.app.say({"type": "text", "token": " Well?"})
        await talk.until(lambda: talk.desk.verbs() == ["say", "close"] * 2)


async def test_a_looped_recording_is_asked_for_as_it_plays() -> None:
    async with talking() as talk:
        desk = talk.desk
        await talk.app.say(
            {"type": "play", "source": "https://example.com/hold.wav", "loop": 3},
            {"type": "text", "token": "And now.", "last": True},
        )
        await talk.until(lambda: len(desk.spoken) == 2)
        desk.begin(1)
        await talk.until(lambda: len(desk.spoken) == 3)
        assert desk.spoken[3].url == "https://example.com/hold.wav"
        assert desk.spoken[3].priority > desk.spoken[2].priority
        desk.complete(1)
        desk.begin(3)
        await talk.until(lambda: len(desk.spoken) == 4)
        desk.begin(4)
        desk.complete(3)
        desk.complete(4)
        desk.begin(2)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert len(desk.spoken) == 4


async def test_one_barge_in_is_one_interrupt_though_the_cuts_are_told_apart() -> None:
    async with talking() as talk:
        desk = talk.desk
        await talk.app.say(
            {"type": "text", "token": "First of all. ", "last": True},
            {"type": "text", "token": "Then more.", "last": True, "interruptible": "speech"},
            {"type": "text", "token": "At last.", "last": True},
        )
        await talk.until(lambda: len(desk.spoken) == 3)
        desk.cuts_told = False
        desk.press("5")
        await trio.testing.wait_all_tasks_blocked(0.01)
        desk.complete(1, "barge-in", heard=5, played_ms=420.4)
        await trio.testing.wait_all_tasks_blocked(0.01)
        desk.complete(3, "barge-in", heard=0)
        assert await talk.app.heard() == {
            "type": "interrupt",
            "utteranceUntilInterrupt": "First",
            "durationUntilInterruptMs": 420,
        }
        assert await talk.app.heard() == {"type": "dtmf", "digit": "5"}
        desk.press("6")
        assert await talk.app.heard() == {"type": "dtmf", "digit": "6"}


async def test_a_key_is_not_held_back_by_a_cut_that_is_never_told() -> None:
    async with talking() as talk:
        await talk.app.say({"type": "text", "token": "Hello", "last": True})
        await talk.until(lambda: talk.desk.spoken)
        talk.desk.cuts_told = False
        talk.desk.press("5")
        assert await talk.app.heard() == {"type": "dtmf", "digit": "5"}


async def test_what_may_not_be_interrupted_is_not() -> None:
    async with talking() as talk:
        await talk.app.say(
            {"type": "text", "token": "By law.", "last": True, "interruptible": False}
        )
        await talk.until(lambda: talk.desk.spoken)
        talk.desk.press("1")
        assert await talk.app.heard() == {"type": "dtmf", "digit": "1"}
        assert talk.desk.spoken[1].cause is None


async def test_the_rest_of_an_answer_that_was_cut_is_not_said() -> None:
    async with talking() as talk:
        desk = talk.desk
        await talk.app.say({"type": "text", "token": "A long "})
        await talk.until(lambda: desk.spoken)
        desk.press("1")
        assert (await talk.app.heard())["type"] == "interrupt"
        await talk.app.say(
            {"type": "text", "token": "story "},
            {"type": "text", "token": "ends.", "last": True},
            {"type": "text", "token": "You pressed one.", "last": True},
        )
        await talk.until(lambda: len(desk.spoken) == 2)
        assert desk.spoken[1].text == "A long "
        assert desk.spoken[2].text == "You pressed one."
        assert desk.verbs() == ["say", "say"]


async def test_an_answer_to_an_interrupt_is_said_though_the_one_before_never_ended() -> None:
    async with talking() as talk:
        desk = talk.desk
        await talk.app.say({"type": "text", "token": "A long "})
        await talk.until(lambda: desk.spoken)
        desk.press("1")
        assert (await talk.app.heard())["type"] == "interrupt"
        await trio.sleep(0.55)
        await talk.app.say({"type": "text", "token": "You pressed "})
        await talk.app.say({"type": "text", "token": "one.", "last": True})
        await talk.until(lambda: len(desk.spoken) == 2 and not desk.spoken[2].open)
        assert desk.spoken[2].text == "You pressed one."


async def test_an_application_that_answers_no_ping_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connected, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(connected, "_PONG_S", 0.2)
    monkeypatch.setattr(app_socket, "_CLOSE_S", 0.2)
    async with talking() as talk:
        await trio.sleep(0.4)
        assert talk.relay.ended is None  # as long as it answers
        await hang(talk)
        ended = await talk.relay.wait_ended()
    assert ended.status == "failed"
    assert "answered no ping" in ended.detail


async def hang(talk: Talk) -> None:
    """Fill the application's inbox: trio-websocket's reader then waits, and reads no ping."""
    for number in range(3):
        talk.desk.press(str(number))
    await trio.testing.wait_all_tasks_blocked(0.02)
