"""Cartesia's own client, unchanged, against the simulated service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pytest
import trio
from websockets.exceptions import InvalidStatus

from trioaudio.simulators.services.tone import CHARACTER_SECONDS, read_tone

if TYPE_CHECKING:
    from simulators.services.conftest import Open

# The client calls websockets in a way that newer versions advise against.
pytestmark = pytest.mark.filterwarnings("ignore:connect\\(\\) must be used:DeprecationWarning")
cartesia_client = pytest.importorskip("cartesia")
S16: Any = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000}
T = TypeVar("T")


@attrs.define
class Said:
    """What came of one context."""

    audio: bytes = b""
    words: list[str] = attrs.field(factory=list)
    flushes: list[int] = attrs.field(factory=list)
    errors: list[Any] = attrs.field(factory=list)

    @property
    def text(self) -> str:
        return "".join(each.character for each in read_tone(self.audio, 8000))


def listen(context: Any) -> Said:
    said = Said()
    for event in context.receive():
        if event.type == "chunk":
            said.audio += event.audio
        elif event.type == "timestamps":
            said.words += event.word_timestamps.words
        elif event.type == "flush_done":
            said.flushes.append(event.flush_id)
        elif event.type == "error":
            said.errors.append(event)
    return said


def context(connection: Any, **more: Any) -> Any:
    return connection.context(
        **{"model_id": "sonic-3", "voice": "v", "output_format": S16, "timeout": 5, **more}
    )


async def in_thread(
    cartesia: Open,
    client_part: Callable[[Any], T],
    *faults: str,
    client_key: str = "k",
    **options: Any,
) -> T:
    """Run the client's part, which blocks, against a service."""
    async with cartesia(*faults, **options) as service:

        def run() -> T:
            with cartesia_client.Cartesia(
                api_key=client_key,
                base_url=service.http_url,
                websocket_base_url=service.websocket_url,
            ) as client:
                return client_part(client)

        with trio.fail_after(15):
            return await trio.to_thread.run_sync(run)


async def test_a_context_with_continuations_and_timestamps(cartesia: Open) -> None:
    def speak(client: Any) -> Said:
        with client.tts.websocket_connect() as connection:
            found = context(connection, add_timestamps=True, max_buffer_delay_ms=0)
            for piece in ("Hello there, ", "dear ", "world."):
                found.push(piece)
            found.no_more_inputs()
            return listen(found)

    said = await in_thread(cartesia, speak)
    assert said.text == "HELLO THERE, DEAR WORLD."
    assert said.words == ["Hello", "there,", "dear", "world."]
    assert said.flushes == [1, 2, 3]
    assert said.errors == []


async def test_the_clients_own_defaults(cartesia: Open) -> None:
    def speak(client: Any) -> Said:
        with client.tts.websocket_connect() as connection:
            found = connection.context(timeout=5)
            found.push("Ten chars.", voice="some other voice")
            found.no_more_inputs()
            return listen(found)

    said = await in_thread(cartesia, speak)
    assert len(said.audio) == 4 * round(44100 * 10 * CHARACTER_SECONDS)


async def test_flush(cartesia: Open) -> None:
    def speak(client: Any) -> Said:
        with client.tts.websocket_connect() as connection:
            found = context(connection)
            found.push("First. ")
            found.push("", flush=True)
            found.push("Second.")
            found.no_more_inputs()
            return listen(found)

    said = await in_thread(cartesia, speak)
    assert (said.text, said.flushes) == ("FIRST. SECOND.", [1])


async def test_two_contexts_on_one_connection(cartesia: Open) -> None:
    def speak(client: Any) -> list[str]:
        with client.tts.websocket_connect() as connection:
            both = [context(connection) for _ in range(2)]
            for found, text in zip(both, ("One thing.", "Another."), strict=True):
                found.push(text)
                found.no_more_inputs()
            return [listen(found).text for found in both]

    assert await in_thread(cartesia, speak, "interleave") == ["ONE THING.", "ANOTHER."]


async def test_cancel(cartesia: Open) -> None:
    def speak(client: Any) -> str:
        with client.tts.websocket_connect() as connection:
            found = context(connection, max_buffer_delay_ms=0)
            found.push("Said because it was begun.")
            found.push("Not said.")
            events = found.receive()
            assert next(events).type == "chunk"
            found.cancel()
        # What it cancelled leaks into the client's next context: a connection of its own, then.
        with client.tts.websocket_connect() as connection:
            found = context(connection)
            found.push("Next.")
            found.no_more_inputs()
            return listen(found).text

    async with cartesia(speed=10) as service:

        def run() -> str:
            with cartesia_client.Cartesia(
                api_key="k", base_url=service.http_url, websocket_base_url=service.websocket_url
            ) as client:
                return speak(client)

        assert await trio.to_thread.run_sync(run) == "NEXT."
        assert service.statistics().cancelled == 1


async def test_bytes_and_events(cartesia: Open) -> None:
    def speak(client: Any) -> tuple[bytes, Said, list[str]]:
        asked: Any = {"model_id": "sonic-3", "voice": "v", "transcript": "Hello you."}
        whole = client.tts.generate(output_format={**S16, "container": "wav"}, **asked).read()
        said = Said()
        types = []
        for event in client.tts.generate_sse(output_format=S16, add_timestamps=True, **asked):
            types.append(event.type)
            if event.type == "chunk":
                said.audio += event.audio
            elif event.type == "timestamps":
                said.words += event.word_timestamps.words
        return whole, said, types

    whole, said, types = await in_thread(cartesia, speak)
    assert whole[:4] == b"RIFF"
    assert Said(whole[44:]).text == said.text == "HELLO YOU."
    assert said.words == ["Hello", "you."]
    assert types[-1] == "done"


async def test_voices(cartesia: Open) -> None:
    def ask(client: Any) -> list[str]:
        return [each.id for each in client.voices.list()]

    assert await in_thread(cartesia, ask, voices=("x", "y")) == ["x", "y"]


@pytest.mark.parametrize(
    ("fault", "error", "requests"),
    [
        ("refuse=401", "AuthenticationError", 1),
        ("refuse=402", "APIStatusError", 1),
        ("refuse=429", "RateLimitError", 3),
        ("refuse=500", "InternalServerError", 3),
    ],
)
async def test_errors_over_http(cartesia: Open, fault: str, error: str, requests: int) -> None:
    async with cartesia(fault) as service:

        def ask() -> Any:
            with cartesia_client.Cartesia(api_key="k", base_url=service.http_url) as client:
                with pytest.raises(cartesia_client.APIStatusError) as caught:
                    client.tts.generate(
                        model_id="sonic-3", voice="v", transcript="Hi.", output_format=S16
                    )
                return caught.value

        found = await trio.to_thread.run_sync(ask)
        assert type(found).__name__ == error
        assert found.status_code == int(fault.removeprefix("refuse="))
        assert service.statistics().errors == {found.status_code: requests}


async def test_errors_in_a_context(cartesia: Open) -> None:
    def speak(client: Any) -> Any:
        with client.tts.websocket_connect() as connection:
            found = context(connection)
            found.push("Hi.")
            [error] = listen(found).errors
            return error

    error = await in_thread(cartesia, speak, "refuse=429")
    assert (error.status_code, error.error_code) == (429, "concurrency_limited")
    assert error.error == "Refused: the simulator was told to refuse"


@pytest.mark.parametrize(
    ("key", "fault", "status"), [("x", "", 401), ("k", "upgrade-status=429", 429)]
)
async def test_an_upgrade_that_is_refused(
    cartesia: Open, key: str, fault: str, status: int
) -> None:
    def dial(client: Any) -> int:
        with pytest.raises(InvalidStatus) as caught, client.tts.websocket_connect():
            pass
        return caught.value.response.status_code

    faults = [fault] if fault else []
    found = await in_thread(cartesia, dial, *faults, client_key=key, key="k")
    assert found == status
