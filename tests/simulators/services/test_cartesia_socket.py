"""The WebSocket of a simulated Cartesia as documented, with nothing going wrong."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from simulators.services.cartesia_client import S16, Client, audio, dialled, refusal
from trioaudio.simulators.services.tone import CHARACTER_SECONDS, owner_of, read_tone

if TYPE_CHECKING:
    from simulators.services.conftest import Open


def text_of(pcm: bytes) -> str:
    return "".join(each.character for each in read_tone(pcm, 8000))


async def test_a_context_in_one_request(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask("Good morning.", "c1")
        messages = await client.receive_all()
        assert {each["type"] for each in messages[:-2]} == {"chunk"}
        assert [each["type"] for each in messages[-2:]] == ["flush_done", "done"]
        assert all(each["context_id"] == "c1" for each in messages)
        assert all(each["done"] is (each["type"] == "done") for each in messages)
        assert text_of(audio(messages)) == "GOOD MORNING."
        assert {each.owner for each in read_tone(audio(messages), 8000)} == {owner_of("c1")}
    found = service.statistics()
    assert (found.connections, found.utterances, found.characters) == (1, 1, 13)
    assert found.audio_seconds == pytest.approx(13 * CHARACTER_SECONDS)
    assert (found.active, found.peak_concurrency, found.errors) == (0, 1, {})


async def test_chunks_vary_within_what_was_asked_for(cartesia: Open) -> None:
    async with (
        cartesia(chunk_ms=(20, 60)) as service,
        dialled(service.websocket_url) as client,
    ):
        await client.ask("x" * 60)
        sizes = [len(audio([each])) for each in await client.receive_all() if "data" in each]
    assert all(320 <= each <= 960 for each in sizes[:-1])
    assert len(set(sizes)) > 10


async def test_continuations_are_one_stream_with_times_from_its_beginning(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        more = {"continue": True, "add_timestamps": True}
        await client.ask("One two ", **more)
        await client.ask("three.", **more)
        await client.ask("", **{**more, "continue": False})
        messages = await client.receive_all()
    assert text_of(audio(messages)) == "ONE TWO THREE."
    assert [each["flush_id"] for each in messages if each["type"] == "flush_done"] == [1, 2]
    assert [each["type"] for each in messages].count("done") == 1
    words = [each["word_timestamps"] for each in messages if each["type"] == "timestamps"]
    assert [word for each in words for word in each["words"]] == ["One", "two", "three."]
    starts = [start for each in words for start in each["start"]]
    assert starts == pytest.approx([each * CHARACTER_SECONDS for each in (0, 4, 8)])
    assert words[-1]["end"][-1] == pytest.approx(14 * CHARACTER_SECONDS)


async def test_phonemes_for_who_asks(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask("Hi you", add_phoneme_timestamps=True)
        messages = await client.receive_all()
    found = [each["phoneme_timestamps"] for each in messages if "phoneme_timestamps" in each]
    assert [name for each in found for name in each["phonemes"]] == list("Hiyou")
    assert not any(each["type"] == "timestamps" for each in messages)


async def test_contexts_share_a_connection(cartesia: Open) -> None:
    async with cartesia(speed=20) as service, dialled(service.websocket_url) as client:
        texts = {f"c{n}": f"THIS IS NUMBER {n}." for n in range(8)}
        for ident, text in texts.items():
            await client.ask(text, ident)
        messages: list[dict[str, Any]] = []
        while sum(each["type"] == "done" for each in messages) < len(texts):
            messages += await client.receive_all()
    assert {ident: text_of(audio(messages, ident)) for ident in texts} == texts
    order = [each["context_id"] for each in messages if each["type"] == "chunk"]
    assert order != sorted(order)
    assert service.statistics().peak_concurrency == 8


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [("pcm_f32le", 44100), ("pcm_mulaw", 8000), ("pcm_alaw", 8000), ("pcm_s16le", 22050)],
)
async def test_formats(cartesia: Open, encoding: str, rate: int) -> None:
    sample_bytes = {"pcm_f32le": 4, "pcm_s16le": 2}.get(encoding, 1)
    output_format = {"container": "raw", "encoding": encoding, "sample_rate": rate}
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask("Ten chars.", output_format=output_format)
        data = audio(await client.receive_all())
    assert len(data) == sample_bytes * round(10 * CHARACTER_SECONDS * rate)


async def test_the_pace_asked_for_is_kept(cartesia: Open) -> None:
    async with (
        cartesia(speed=4, first_audio_ms=150) as service,
        dialled(service.websocket_url) as client,
    ):
        begun = trio.current_time()
        await client.ask("x" * 20)  # 1.4 s of audio
        await client.receive()
        assert trio.current_time() - begun >= 0.15
        await client.receive_all()
        # All but the last chunk must have been made before the last is sent.
        assert trio.current_time() - begun >= 0.15 + (1.4 - 0.3) / 4


async def test_text_waits_for_its_buffer_delay(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        begun = trio.current_time()
        more = {"continue": True, "max_buffer_delay_ms": 200}
        await client.ask("Hel", **more)
        await client.ask("lo", **more)
        messages = [await client.receive()]
        assert trio.current_time() - begun >= 0.2
        await client.ask("", **{**more, "continue": False})
        messages += await client.receive_all()
    assert text_of(audio(messages)) == "HELLO"
    assert not any(each["type"] == "flush_done" for each in messages)


async def test_a_flush_does_not_wait(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask("Hello", **{"continue": True, "max_buffer_delay_ms": 5000})
        await client.ask("", **{"continue": True, "max_buffer_delay_ms": 5000}, flush=True)
        messages = await client.receive_all("flush_done")
    assert messages[-1]["flush_id"] == 1
    assert messages[-1]["flush_done"] is True
    assert "data" not in messages[-1]
    assert {each["flush_id"] for each in messages} == {1}


async def test_a_cancel_stops_what_is_not_begun_and_nothing_else(cartesia: Open) -> None:
    async with cartesia(speed=3) as service, dialled(service.websocket_url) as client:
        await client.ask("FIRST SENTENCE.", **{"continue": True})
        await client.ask("SECOND SENTENCE.", **{"continue": True})
        messages = [await client.receive()]
        await client.send({"context_id": "a", "cancel": True})
        await client.send({"context_id": "a", "cancel": True})
        messages += await client.receive_all()
    assert text_of(audio(messages)) == "FIRST SENTENCE."
    assert messages[-1]["type"] == "done"
    assert service.statistics().cancelled == 1


async def test_a_cancel_of_what_is_unknown_is_ignored(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.send({"context_id": "nobody", "cancel": True})
        await client.ask("Hi.")
        assert (await client.receive_all())[-1]["type"] == "done"


async def refused(client: Client) -> dict[str, object]:
    return (await client.receive_all("error"))[-1]


async def test_input_a_second_after_the_last_audio_is_refused(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask("One.", **{"continue": True})
        await client.receive_all("flush_done")
        await trio.sleep(0.3)
        await client.ask("Two.", **{"continue": True})  # in time
        await client.receive_all("flush_done")
        assert service.statistics().active == 1
        await trio.sleep(1.1)
        assert service.statistics().active == 0
        await client.ask("Three.", **{"continue": True})
        found = await refused(client)
    assert (found["status_code"], found["context_id"], found["done"]) == (400, "a", True)
    assert found["message"] == "Context has closed"


async def test_an_id_is_good_for_one_context(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask("One.")
        await client.receive_all()
        await client.ask("Two.")
        assert (await refused(client))["message"] == "Context has closed"


async def test_a_changed_voice_is_the_end_of_its_context_alone(cartesia: Open) -> None:
    async with cartesia(speed=10) as service, dialled(service.websocket_url) as client:
        await client.ask("NOT TO BE CHANGED.", "a", **{"continue": True})
        await client.ask("THIS ONE IS SAID.", "b")
        await client.receive()
        await client.ask("More.", "a", voice="another")
        messages = await client.receive_all("done")
    assert text_of(audio(messages, "b"))[-6:] == " SAID."
    assert [each["context_id"] for each in messages if each["type"] == "error"] == ["a"]
    assert messages[-1]["context_id"] == "b"
    assert service.statistics().errors == {400: 1}


@pytest.mark.parametrize("transcript", ["", "  ", "…?!"])
async def test_a_first_transcript_must_say_something(cartesia: Open, transcript: str) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.ask(transcript, **{"continue": True})
        found = await refused(client)
        assert found["status_code"] == 400
        assert "empty or contains only punctuation" in str(found["message"])
        await client.ask("Now.")  # nothing had begun
        assert (await client.receive_all())[-1]["type"] == "done"


async def test_errors_have_the_shape_of_their_version(cartesia: Open) -> None:
    async with cartesia() as service:
        async with dialled(service.websocket_url) as client:
            await client.ask("Hi.", model_id="sonic-9")
            new = await refused(client)
        old_version = "/tts/websocket?cartesia_version=2025-04-16"
        async with dialled(service.websocket_url, old_version) as client:
            await client.ask("Hi.", model_id="sonic-9")
            old = await refused(client)
    assert set(new) == {
        *("type", "status_code", "done", "context_id", "error_code"),
        *("title", "message", "request_id", "doc_url"),
    }
    assert set(old) == {"type", "status_code", "done", "context_id", "error"}
    assert old["error"] == f"{new['title']}: {new['message']}"


async def test_what_is_no_request_is_refused_and_the_rest_goes_on(cartesia: Open) -> None:
    async with cartesia() as service, dialled(service.websocket_url) as client:
        await client.websocket.send_message("no JSON")
        await client.websocket.send_message(b"\x00\xff")
        for _ in range(2):
            found = await refused(client)
            assert found["status_code"] == 400
            assert "context_id" not in found
        await client.ask("Hi.", output_format={**S16, "sample_rate": 11025})
        assert (await refused(client))["context_id"] == "a"
        await client.ask("Hi.")
        assert (await client.receive_all())[-1]["type"] == "done"


async def test_an_unknown_voice_is_not_found(cartesia: Open) -> None:
    async with cartesia(voices=("w",)) as service, dialled(service.websocket_url) as client:
        await client.ask("Hi.")
        assert (await refused(client))["status_code"] == 404


async def test_contexts_at_once_are_limited_over_all_connections(cartesia: Open) -> None:
    async with (
        cartesia(concurrency=2, speed=2) as service,
        dialled(service.websocket_url) as one,
        dialled(service.websocket_url) as other,
    ):
        await one.ask("Something long enough.", "a")
        await other.ask("Something long enough.", "b")
        await one.receive()
        await other.receive()
        await other.ask("One too many.", "c")
        found = (await other.receive_all("error"))[-1]
        assert (found["status_code"], found["context_id"]) == (429, "c")
        assert found["error_code"] == "concurrency_limited"
        await other.receive_all("done")
        await one.receive_all("done")
        await other.ask("Now there is room.", "d")
        assert (await other.receive_all())[-1]["type"] == "done"
    assert service.statistics().peak_concurrency == 2


async def test_sockets_are_limited_to_ten_times_as_many(cartesia: Open) -> None:
    async with cartesia(concurrency=1) as service, contextlib.AsyncExitStack() as sockets:
        for _ in range(10):
            await sockets.enter_async_context(dialled(service.websocket_url))
        assert (await refusal(service.websocket_url))[0] == 429


async def test_a_burst_of_requests_does_not_get_past_the_limit(cartesia: Open) -> None:
    async with (
        cartesia(concurrency=3, speed=2) as service,
        dialled(service.websocket_url) as client,
    ):
        for n in range(10):
            await client.ask("Said at once.", f"c{n}")
        ends = [(await client.receive_all())[-1] for _ in range(10)]
    assert sorted(each["type"] for each in ends) == ["done"] * 3 + ["error"] * 7
    assert service.statistics().peak_concurrency == 3
    assert service.statistics().errors == {429: 7}


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/tts/websocket", None, 401),
        ("/tts/websocket", "wrong", 401),
        ("/tts/websocket?api_key=wrong", None, 401),
        ("/tts/websocket?cartesia_version=new", "right", 400),
        ("/tts/websockets", "right", 404),
    ],
)
async def test_who_may_not_come_in(cartesia: Open, path: str, key: str | None, status: int) -> None:
    async with cartesia(key="right") as service:
        assert (await refusal(service.websocket_url, path, key))[0] == status


@pytest.mark.parametrize("name", ["api_key", "access_token"])
async def test_a_key_in_the_query(cartesia: Open, name: str) -> None:
    async with (
        cartesia(key="right") as service,
        dialled(service.websocket_url, f"/tts/websocket?{name}=right", None) as client,
    ):
        await client.ask("Hi.")
        assert (await client.receive_all())[-1]["type"] == "done"


async def test_a_client_that_goes_frees_its_contexts(cartesia: Open) -> None:
    async with cartesia(speed=1) as service:
        async with dialled(service.websocket_url) as client:
            await client.ask("x" * 100)
            await client.receive()
            assert service.statistics().active == 1
        with trio.fail_after(2):
            while service.statistics().active:
                await trio.testing.wait_all_tasks_blocked(0.01)
