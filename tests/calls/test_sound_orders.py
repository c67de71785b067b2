"""Texts, recordings, marks and keys a call is told to let be heard, and every refusal."""

from __future__ import annotations

from functools import partial

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import line
from calls.asking import completed, refused, told, wav
from calls.codecs import key_line
from calls.live_rig import SAID, live_call
from fakes import ScriptedEngine
from speech.listening import never, speaks
from trioaudio.api import commands, events
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Accepted, Done, TextTaken
from trioaudio.calls.sound_orders import recorded
from trioaudio.calls.text_feed import TextLimits
from trioaudio.core.errors import ConfigError, RecordingError

# --- Texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "…?!", "\x00\x07"])
async def test_nothing_that_could_be_spoken(text: str, autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await refused(made, commands.Say(text=text), RequestFault.INVALID, "text:")


async def test_a_text_that_is_too_long(autojump_clock: MockClock) -> None:
    async with live_call(text_most=100) as made:
        await refused(made, commands.Say(text="x" * 101), RequestFault.INVALID, "101", "100")
        long_open = commands.Say(text="x" * 101, open=True)
        await refused(made, long_open, RequestFault.INVALID, "101", "100")
        await made.say("x" * 100)
    async with live_call(text_most=0) as made:
        await made.say("word " * 10_000)


async def test_an_engine_that_is_none_of_these(autojump_clock: MockClock) -> None:
    engines = ScriptedEngine(speaks(), "cartesia"), ScriptedEngine(speaks(), "espeak")
    async with live_call(engines=engines) as made:
        await refused(
            made,
            commands.Say(text="Hello.", engines=["cartesa"]),
            RequestFault.INVALID,
            "cartesa",
            "cartesia",
        )
        said = await made.say("Hello.", engines=["espeak"])
        await trio.sleep(5)
        assert completed(made, said).spoken_by == ["espeak"]


async def test_a_voice_nobody_has(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(speaks(), "first")

    def check(choice: object) -> None:
        raise ConfigError("no voice 'anna'; near: 'hannah'")

    monkeypatch.setattr(engine, "check", check)
    async with live_call(engines=(engine,)) as made:
        unknown = commands.Say(text="Hello.", voice="anna")
        await refused(made, unknown, RequestFault.INVALID, "hannah")
        await made.say("Hello.")  # nobody asked for a voice: nothing is checked


async def test_too_many_that_wait(autojump_clock: MockClock) -> None:
    on = attrs.evolve(line(), utterances_ahead=1_000)
    async with live_call(line=on, engines=(ScriptedEngine(never, "first"),)) as made:
        await made.say("Being spoken for ever.")
        await wait_all_tasks_blocked()
        for _ in range(1_000):
            await made.say("x")
        await refused(made, commands.Say(text="More."), RequestFault.FULL, "1000")
        await refused(made, commands.Mark(name="more"), RequestFault.FULL)
        assert len(made.live.book.incomplete) == 1_001
        await told(made, commands.Stop())
        assert await made.say("There is room again.") == 1_002


# --- Open utterances ---------------------------------------------------------------------


async def test_text_that_comes_bit_by_bit(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say("One ", open=True)
        reply = await told(made, commands.Append(utterance=said, text="two\x00"))
        assert isinstance(reply, TextTaken)
        assert (reply.utterance, reply.characters, reply.paused) == (said, 8, False)
        await told(made, commands.Flush(utterance=said))
        await trio.sleep(3)
        made.live.call.count_played()
        assert made.live.book.find(said).view(made.live.shared.clock).text_heard == "One two "
        await told(made, commands.Append(utterance=said, text="three."))
        await told(made, commands.Close(utterance=said))
        await trio.sleep(5)
        done = completed(made, said)
        assert (done.cause, done.text_heard) == ("normal", "One two three.")


async def test_no_text_comes_at_all(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say("", open=True)
        await told(made, commands.Close(utterance=said))
        await trio.sleep(1)
        done = completed(made, said)
        assert (done.text_heard, done.text_unheard, done.played_ms) == ("", "", 0.0)
        assert made.live.state == "up"


async def test_appending_where_nothing_can_be(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        append = partial(commands.Append, text="more")
        await refused(made, append(utterance=1), RequestFault.NOT_FOUND, "no utterance 1")
        whole = await made.say("Hello.")
        await refused(made, append(utterance=whole), RequestFault.CONFLICT, "given whole")
        closed = await made.say("Hello.", open=True)
        await told(made, commands.Close(utterance=closed))
        await refused(made, append(utterance=closed), RequestFault.CONFLICT, "closed")
        again = commands.Close(utterance=closed)
        await refused(made, again, RequestFault.CONFLICT, "closed already")
        await trio.sleep(10)
        await refused(made, append(utterance=closed), RequestFault.ENDED, "is complete")
        await refused(made, commands.Flush(utterance=whole), RequestFault.ENDED)


async def test_appending_to_one_that_was_cut(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say("One two three four five six. ", open=True)
        await told(made, commands.Flush(utterance=said))
        await trio.sleep(1)
        await told(made, commands.BargeIn())
        await refused(made, commands.Append(utterance=said, text="x"), RequestFault.ENDED)
        done = completed(made, said)
        assert done.text_heard + done.text_unheard == "One two three four five six. "


async def test_an_author_who_is_too_fast(autojump_clock: MockClock) -> None:
    limits = TextLimits(pause_above=20, refuse_above=40)
    async with live_call(limits=limits, engines=(ScriptedEngine(never, "first"),)) as made:
        await made.say("In the way.")
        said = await made.say("", open=True)
        reply = await told(made, commands.Append(utterance=said, text="x" * 21))
        assert isinstance(reply, TextTaken)
        assert reply.paused
        assert made.only(events.TextPaused).waiting == 21
        before = made.live.book.find(said).text
        await refused(made, commands.Append(utterance=said, text="y" * 20), RequestFault.FULL)
        assert made.live.book.find(said).text == before
        await told(made, commands.Stop(utterances=[1]))
        await wait_all_tasks_blocked()
        resumed = made.only(events.TextResumed)
        assert (resumed.utterance, resumed.waiting) == (said, 0)


async def test_an_open_utterance_has_a_longest_too(autojump_clock: MockClock) -> None:
    async with live_call(text_most=10) as made:
        said = await made.say("12345", open=True)
        await told(made, commands.Append(utterance=said, text="67890"))
        more = commands.Append(utterance=said, text="x")
        await refused(made, more, RequestFault.FULL, "at most 10")


# --- Recordings, marks and keys ----------------------------------------------------------


@pytest.mark.parametrize(
    "wanted", [commands.Play(), commands.Play(prompt="p", url="http://x/")], ids=["none", "both"]
)
async def test_a_prompt_or_a_url(wanted: commands.Play, autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await refused(made, wanted, RequestFault.INVALID, "prompt", "url")


async def test_a_prompt_that_was_not_made(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        wanted = commands.Play(prompt="nothing")
        await refused(made, wanted, RequestFault.NOT_FOUND, "nothing", "precache")


async def test_a_url_that_is_not_allowed(autojump_clock: MockClock) -> None:
    wanted = commands.Play(url="https://example.com/x.wav")

    async def fetch(url: str) -> bytes:
        await trio.lowlevel.checkpoint()
        raise ConfigError(f"{url}: not allowed")

    async with live_call() as made:
        await refused(made, wanted, RequestFault.FORBIDDEN, "TRIOAUDIO_URL_ALLOW")
    async with live_call(fetch=fetch) as made:
        await refused(made, wanted, RequestFault.FORBIDDEN, "not allowed")


async def test_a_url_with_no_recording_behind_it(autojump_clock: MockClock) -> None:
    async def fetch(url: str) -> bytes:
        await trio.lowlevel.checkpoint()
        if url.endswith("gone.wav"):
            raise RecordingError("HTTP 404")
        return b"<html>"

    async with live_call(fetch=fetch) as made:
        gone = commands.Play(url="https://example.com/gone.wav")
        await refused(made, gone, RequestFault.INVALID, "404")
        page = commands.Play(url="https://example.com/page.wav")
        await refused(made, page, RequestFault.INVALID, "cannot be played")


async def test_a_recording_is_played_and_has_no_text(autojump_clock: MockClock) -> None:
    async def fetch(url: str) -> bytes:
        await trio.lowlevel.checkpoint()
        return wav(4800)

    async with live_call(fetch=fetch) as made:
        accepted = await told(made, commands.Play(url="https://example.com/x.wav"))
        assert isinstance(accepted, Accepted)
        await trio.sleep(5)
        done = completed(made, accepted.utterance)
        assert (done.cause, done.text_heard, done.text_unheard) == ("normal", "", "")
        assert done.played_ms == 600
        assert done.spoken_by == ["recording"]
        assert b"".join(made.link.audio) == b"\x10\x01" * 4800


@pytest.mark.parametrize("rate", [0, 999, 10**6])
def test_pcm_of_a_rate_nobody_has(rate: int) -> None:
    with pytest.raises(RequestError, match="cannot be played") as caught:
        recorded(b"\0\0", rate)
    assert caught.value.fault is RequestFault.INVALID


async def test_a_name_is_marked_once_at_a_time(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say(SAID)
        await told(made, commands.Mark(name="a"))
        await refused(made, commands.Mark(name="a"), RequestFault.CONFLICT, "'a'")
        await told(made, commands.Mark(name="b"))
        await trio.sleep(20)
        assert [each.name for each in made.of(events.Marker)] == ["a", "b"]
        await told(made, commands.Mark(name="a"))


async def test_keys_by_message(autojump_clock: MockClock) -> None:
    async with live_call(line=key_line(presses=True)) as made:
        await made.say("Dialling.")
        assert isinstance(await told(made, commands.Dtmf(digits="12#")), Done)
        await trio.sleep(5)
        (pressed_at,) = made.link.when("press 12#")
        assert pressed_at >= made.link.times[-1] + 0.06


async def test_keys_as_tones_where_there_is_no_message(autojump_clock: MockClock) -> None:
    async with live_call(line=key_line()) as made:
        accepted = await told(made, commands.Dtmf(digits="1w2"))
        assert isinstance(accepted, Accepted)
        await trio.sleep(5)
        done = completed(made, accepted.utterance)
        assert (done.cause, done.text_heard) == ("normal", "")
        assert done.played_ms > 500  # the wait alone
        assert any(map(any, made.link.audio))
