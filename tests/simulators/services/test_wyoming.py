"""The Wyoming library's own client, unchanged, against the simulated server."""

from __future__ import annotations

import asyncio  # noqa: TID251  the client is made for it
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs
import pytest
import trio

from trioaudio.core.wyoming_event import Event, EventReader
from trioaudio.simulators.services.service import find_service, open_service
from trioaudio.simulators.services.studio import ServiceOptions, ServiceStatistics
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import VoiceKind

client_module = pytest.importorskip("wyoming.client")
tts = pytest.importorskip("wyoming.tts")
info = pytest.importorskip("wyoming.info")
audio = pytest.importorskip("wyoming.audio")
ping = pytest.importorskip("wyoming.ping")
T = TypeVar("T")


async def with_client(
    use: Callable[[Any], Awaitable[T]], *faults: str, **options: Any
) -> tuple[T, ServiceStatistics]:
    """Run what the client does in a thread with a loop of its own."""
    quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    async with open_service("wyoming", attrs.evolve(quick, **options)) as service:

        async def talk() -> T:
            url = service.urls["tcp"]
            client = client_module.AsyncClient.from_uri(url, read_timeout=5)
            await client.connect()
            found = await use(client)
            with contextlib.suppress(ConnectionResetError):  # it tells of it again
                await client.disconnect()
            return found

        with trio.fail_after(20):
            found = await trio.to_thread.run_sync(lambda: asyncio.run(talk()))
        return found, service.statistics()


async def events(client: Any, *last: str) -> list[Any]:
    """Read up to the first event of a type; to the end of the connection if none comes."""
    found = []
    while (event := await client.read_event()) is not None:
        found.append(event)
        if event.type in last:
            break
    return found


async def speak(client: Any, text: str = "Hello.", voice: str | None = None) -> list[Any]:
    chosen = None if voice is None else tts.SynthesizeVoice(name=voice)
    await client.write_event(tts.Synthesize(text=text, voice=chosen).event())
    return await events(client, "audio-stop", "error")


def pcm_of(found: list[Any]) -> bytes:
    return b"".join(each.payload for each in found if audio.AudioChunk.is_type(each.type))


def heard(found: list[Any], voice: str = "", rate: int = 22050) -> str:
    letters = read_tone(pcm_of(found), rate)
    assert {each.owner for each in letters} <= {owner_of(voice)}
    return "".join(each.character for each in letters)


async def test_it_speaks_a_text() -> None:
    found, statistics = await with_client(speak, chunk_ms=(20, 30))
    start = audio.AudioStart.from_event(found[0])
    assert (start.rate, start.width, start.channels) == (22050, 2, 1)
    assert audio.AudioStop.is_type(found[-1].type)
    chunk = audio.AudioChunk.from_event(found[1])
    assert (chunk.rate, chunk.width, chunk.channels) == (22050, 2, 1)
    assert heard(found) == "HELLO."
    assert len(found) > 10
    assert statistics.utterances == 1
    assert statistics.characters == 6
    assert statistics.audio_seconds == pytest.approx(0.42, abs=0.001)


async def test_a_connection_speaks_one_text_after_the_other() -> None:
    async def use(client: Any) -> list[list[Any]]:
        return [await speak(client, "One.", "x"), await speak(client, "Two.", "y")]

    (one, two), statistics = await with_client(use)
    assert (heard(one, "x"), heard(two, "y")) == ("ONE.", "TWO.")
    assert statistics.connections == 1


async def test_it_speaks_a_sentence_when_the_next_one_has_begun() -> None:
    async def use(client: Any) -> tuple[list[Any], list[Any]]:
        voice = tts.SynthesizeVoice(name="x")
        await client.write_event(tts.SynthesizeStart(voice=voice).event())
        for piece in ("One. ", "Two", ".", " T"):
            await client.write_event(tts.SynthesizeChunk(text=piece).event())
        first = [*await events(client, "audio-stop"), *await events(client, "audio-stop")]
        # What clients send for old servers is dropped between start and stop.
        await client.write_event(tts.Synthesize(text="One. Two. Three.").event())
        await client.write_event(tts.SynthesizeChunk(text="hree.").event())
        await client.write_event(tts.SynthesizeStop().event())
        return first, await events(client, "synthesize-stopped")

    (first, rest), statistics = await with_client(use)
    assert heard(first, "x") == "ONE.TWO."
    assert heard(rest, "x") == "THREE."
    assert tts.SynthesizeStopped.is_type(rest[-1].type)
    assert statistics.utterances == 3


async def test_nothing_to_say_is_soon_said() -> None:
    async def use(client: Any) -> list[Any]:
        await client.write_event(tts.SynthesizeStop().event())  # of nothing: dropped
        await client.write_event(tts.SynthesizeStart().event())
        await client.write_event(tts.SynthesizeStop().event())
        return await events(client, "synthesize-stopped")

    found, statistics = await with_client(use)
    assert [each.type for each in found] == ["synthesize-stopped"]
    assert statistics.utterances == 0


async def test_it_describes_itself_and_answers_a_ping() -> None:
    async def use(client: Any) -> Any:
        await client.write_event(Unknown().event())
        await client.write_event(ping.Ping(text="x").event())
        assert ping.Pong.from_event(await client.read_event()).text == "x"
        await client.write_event(info.Describe().event())
        return info.Info.from_event(await client.read_event())

    for faults, streaming in (((), True), (("no-streaming",), False)):
        described, _ = await with_client(use, *faults, voices=("en_US-a", "de_DE-b"))
        (program,) = described.tts
        assert program.supports_synthesize_streaming is streaming
        assert [each.name for each in program.voices] == ["en_US-a", "de_DE-b"]
        assert program.voices[1].languages == ["de_DE"]
        assert described.asr == []


class Unknown:
    """An event the server does not know."""

    def event(self) -> Any:
        return client_module.Event("transcribe", {"language": "en"}, b"payload")


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [("refuse=503", "503", "Refused on purpose"), ("fail=100", "500", "failed on purpose")],
)
async def test_a_failure_is_an_error_event(fault: str, code: str, text: str) -> None:
    found, statistics = await with_client(speak, fault)
    assert found[-1].type == "error"
    assert found[-1].data["code"] == code
    assert text in found[-1].data["text"]
    assert statistics.errors == {int(code): 1}
    assert statistics.active == 0


async def test_a_voice_that_is_none() -> None:
    found, _ = await with_client(lambda client: speak(client, "Hi.", "y"), voices=("x",))
    assert [each.type for each in found] == ["error"]
    assert "Unknown voice: y" in found[0].data["text"]
    found, _ = await with_client(lambda client: speak(client, "Hi."), voices=("x",))
    assert heard(found) == "HI."


@pytest.mark.parametrize("fault", ["reset=100", "close=100", "reset=0", "huge"])
async def test_a_connection_that_is_cut_or_broken(fault: str) -> None:
    async def use(client: Any) -> list[Any]:
        await client.write_event(tts.Synthesize(text="Hello, hello.").event())
        found = []
        try:
            while (event := await asyncio.wait_for(client.read_event(), 1)) is not None:
                found.append(event)
        except (OSError, EOFError, TimeoutError):
            pass
        return found

    found, statistics = await with_client(use, fault)
    assert "audio-stop" not in [each.type for each in found]
    assert statistics.faults == {fault.partition("=")[0]: 1}


async def raw_talk(*faults: str, **options: Any) -> tuple[list[Event], bytes]:
    """Say one thing with our own framing; return the events, and what was none."""
    quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    async with open_service("wyoming", attrs.evolve(quick, **options)) as service:
        stream = await trio.open_tcp_stream(service.host, service.port)
        async with stream:
            await stream.send_all(Event("synthesize", {"text": "Hello."}).encode())
            data = b""
            while b"audio-stop" not in data and len(data) < 100_000:
                data += await stream.receive_some()
        junk, newline, rest = data.partition(b"\n")
        if junk.startswith(b"{"):
            return EventReader().push(data), b""
        return EventReader().push(rest), junk + newline


async def test_the_faults_of_its_own() -> None:
    found, junk = await raw_talk("junk")
    assert junk.startswith(b"Traceback")
    assert found[-1].type == "audio-stop"
    found, _ = await raw_talk("stereo")
    assert found[0].data["channels"] == 2
    found, _ = await raw_talk("rate=8000")
    assert {each.data["rate"] for each in found[:-1]} == {8000}
    found, _ = await raw_talk("changed-format")
    assert [each.data["rate"] for each in found[:2]] == [22050, 44100]
    found, _ = await raw_talk("no-start")
    assert found[0].type == "audio-chunk"
    found, _ = await raw_talk("unknown-type")
    assert "weather" in [each.type for each in found]
    found, _ = await raw_talk("empty")
    assert [each.type for each in found] == ["audio-start", "audio-stop"]


async def test_no_done_is_no_stop() -> None:
    options = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=("no-done",))
    async with open_service("wyoming", options) as service:
        stream = await trio.open_tcp_stream(service.host, service.port)
        async with stream:
            reader = EventReader()
            await stream.send_all(Event("synthesize", {"text": "Hi."}).encode())
            await stream.send_all(Event("ping", {"text": "after"}).encode())
            types: list[str] = []
            with trio.fail_after(5):
                while "pong" not in types:
                    found = reader.push(bytes(await stream.receive_some()))
                    types += [each.type for each in found]
    assert "audio-stop" not in types
    assert "audio-chunk" in types


async def test_idle_it_closes_if_told_to() -> None:
    options = ServiceOptions(voice=VoiceKind.TONE, faults=("idle-close=0.05",))
    async with open_service("wyoming", options) as service:
        stream = await trio.open_tcp_stream(service.host, service.port)
        with trio.fail_after(5):
            assert await stream.receive_some() == b""
        await stream.aclose()


@pytest.mark.parametrize("said", [b"nonsense\n", b'{"type": 1}\n', b""])
async def test_a_client_that_talks_nonsense_harms_only_itself(said: bytes) -> None:
    async with open_service("wyoming", ServiceOptions(voice=VoiceKind.TONE)) as service:
        with trio.fail_after(5):
            for _ in range(3):
                stream = await trio.open_tcp_stream(service.host, service.port)
                async with stream:
                    await stream.send_all(said)
                    await stream.send_eof()
                    assert await stream.receive_some() == b""
            stream = await trio.open_tcp_stream(service.host, service.port)
            async with stream:
                await stream.send_all(Event("describe").encode())
                assert await stream.receive_some()


async def test_who_leaves_is_spoken_to_no_longer() -> None:
    options = ServiceOptions(voice=VoiceKind.TONE, concurrency=1, faults=("silent@#1",))
    async with open_service("wyoming", options) as service:
        with trio.fail_after(5):
            stream = await trio.open_tcp_stream(service.host, service.port)
            await stream.send_all(Event("synthesize", {"text": "Hi."}).encode())
            assert b"audio-start" in await stream.receive_some()
            other = await trio.open_tcp_stream(service.host, service.port)
            async with other:
                await other.send_all(Event("synthesize", {"text": "Hi."}).encode())
                assert b"Too many texts" in await other.receive_some()
                await stream.aclose()
                while service.statistics().active:  # noqa: ASYNC110  no event tells
                    await trio.sleep(0.005)
                await other.send_all(Event("synthesize", {"text": "Hi."}).encode())
                assert b"audio-start" in await other.receive_some()


def test_it_is_found_by_name() -> None:
    assert not find_service("wyoming").http
