"""Every fault of a simulated Cartesia, seen from a client that hides nothing."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import pytest
import trio

from simulators.services.cartesia_client import MOST_SECONDS, audio, dialled, refusal
from trioaudio.simulators.services.cartesia_faults import FAULTS
from trioaudio.simulators.services.tone import CHARACTER_SECONDS, read_tone

if TYPE_CHECKING:
    from simulators.services.conftest import Open

TEXT = "TWENTY CHARACTERS OK"  # 1.4 s
TEXT_BYTES = round(2 * 8000 * CHARACTER_SECONDS * len(TEXT))
GOES_ON = {"continue": True}


def text_of(pcm: bytes) -> str:
    return "".join(each.character for each in read_tone(pcm, 8000))


def types(messages: list[dict[str, object]]) -> set[object]:
    return {each["type"] for each in messages}


@pytest.mark.parametrize("status", [401, 402, 429, 500])
async def test_upgrade_status(cartesia: Open, status: int) -> None:
    async with cartesia(f"upgrade-status={status}@#1") as service:
        found, body = await refusal(service.websocket_url)
        assert (found, body["title"]) == (status, "Refused")
        async with dialled(service.websocket_url) as client:
            await client.ask("Hi.")
            assert (await client.receive_all())[-1]["type"] == "done"
    assert service.statistics().faults == {"upgrade-status": 1}
    assert service.statistics().errors == {status: 1}


async def test_upgrade_status_as_old_versions_say_it(cartesia: Open) -> None:
    async with cartesia("upgrade-status=402") as service:
        path = "/tts/websocket?cartesia_version=2024-11-13"
        assert (await refusal(service.websocket_url, path))[1].startswith("Refused: ")


async def test_slow_upgrade(cartesia: Open) -> None:
    async with cartesia("slow-upgrade=200") as service:
        begun = trio.current_time()
        async with dialled(service.websocket_url):
            assert trio.current_time() - begun >= 0.2


async def test_idle_close(cartesia: Open) -> None:
    async with (
        cartesia("idle-close=0.2", speed=4) as service,
        dialled(service.websocket_url) as client,
    ):
        await client.ask(TEXT)  # longer than that, and not idle
        assert (await client.receive_all())[-1]["type"] == "done"
        begun = trio.current_time()
        assert await client.wait_closed() == (1000, "connection idle timeout")
        assert 0.1 < trio.current_time() - begun < 2


@pytest.mark.parametrize("status", [402, 429])
async def test_refuse(cartesia: Open, status: int) -> None:
    async with (
        cartesia(f"refuse={status}@1/2") as service,
        dialled(service.websocket_url) as client,
    ):
        await client.ask(TEXT, "a")
        assert (await client.receive_all())[-1]["type"] == "done"
        await client.ask(TEXT, "b")
        found = await client.receive()
    assert (found["type"], found["status_code"], found["context_id"]) == ("error", status, "b")
    assert found["error_code"] == ("concurrency_limited" if status == 429 else None)


@pytest.mark.parametrize("fault", ["orphan-refuse=429", "orphan-fail=500"])
async def test_an_error_without_its_context(cartesia: Open, fault: str) -> None:
    async with cartesia(fault) as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        messages = await client.receive_all()
    assert messages[-1]["type"] == "error"
    assert "context_id" not in messages[-1]
    assert bool(audio(messages)) is fault.startswith("orphan-fail")


async def test_legacy_errors(cartesia: Open) -> None:
    async with (
        cartesia("legacy-errors", "refuse=429") as service,
        dialled(service.websocket_url) as client,
    ):
        await client.ask(TEXT)
        found = await client.receive()
    assert set(found) == {"type", "status_code", "done", "context_id", "error"}


async def test_silent(cartesia: Open) -> None:
    async with cartesia("silent@#1") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT, "a")
        await client.ask(TEXT, "b")
        messages = await client.receive_all()
        assert {each["context_id"] for each in messages} == {"b"}
        with trio.move_on_after(0.2):
            raise AssertionError(await client.receive())
        assert service.statistics().active == 1


async def test_fail(cartesia: Open) -> None:
    async with cartesia("fail=500") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        messages = await client.receive_all()
    assert (messages[-1]["type"], messages[-1]["status_code"]) == ("error", 500)
    assert messages[-1]["context_id"] == "a"
    assert 8000 <= len(audio(messages)) < TEXT_BYTES


async def test_reset(cartesia: Open) -> None:
    async with cartesia("reset=300@#1") as service:
        async with dialled(service.websocket_url) as client:
            await client.ask(TEXT)
            assert (await client.wait_closed())[0] == 1006
        async with dialled(service.websocket_url) as client:
            await client.ask(TEXT)
            assert (await client.receive_all())[-1]["type"] == "done"


async def test_a_reset_is_one_to_the_operating_system(cartesia: Open) -> None:
    async with cartesia("reset=0") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        await client.wait_closed()
        stream = client.websocket._stream
        assert isinstance(stream, trio.SocketStream)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")


async def test_close(cartesia: Open) -> None:
    async with cartesia("close=300") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        assert (await client.receive())["type"] == "chunk"
        assert await client.wait_closed() == (1000, None)


async def test_stall(cartesia: Open) -> None:
    async with cartesia("stall=300@#1") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT, "a")
        await client.ask(TEXT, "b")
        messages = await client.receive_all()
        assert messages[-1]["context_id"] == "b"  # the connection is well
        with trio.move_on_after(0.2):
            messages.append(await client.receive())
    assert 4800 <= len(audio(messages, "a")) < TEXT_BYTES
    assert len(audio(messages, "b")) == TEXT_BYTES


async def test_no_done(cartesia: Open) -> None:
    async with cartesia("no-done") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        messages = await client.receive_all("flush_done")
        assert len(audio(messages)) == TEXT_BYTES
        with trio.move_on_after(0.2):
            raise AssertionError(await client.receive())


async def test_slow(cartesia: Open) -> None:
    async with cartesia("slow=1.5") as service, dialled(service.websocket_url) as client:
        begun = trio.current_time()
        await client.ask("HELLO YOU.")  # 0.7 s
        messages = await client.receive_all()
    assert len(audio(messages)) == 11200
    assert trio.current_time() - begun >= 1.5 * (0.7 - 0.3)


async def test_odd_chunks(cartesia: Open) -> None:
    async with cartesia("odd-chunks") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        messages = await client.receive_all()
    sizes = [len(audio([each])) for each in messages if each["type"] == "chunk"]
    assert all(each % 2 for each in sizes[:-1])
    assert text_of(audio(messages)) == TEXT


@pytest.mark.parametrize("size", [1, 1 << 20])
async def test_chunk_bytes(cartesia: Open, size: int) -> None:
    output_format = {"container": "raw", "encoding": "pcm_f32le", "sample_rate": 48000}
    text = "Hi." if size == 1 else "x" * 100
    async with (
        cartesia(f"chunk-bytes={size}") as service,
        dialled(service.websocket_url) as client,
    ):
        await (client.ask(text) if size == 1 else client.ask(text, output_format=output_format))
        messages = await client.receive_all()
    sizes = [len(audio([each])) for each in messages if each["type"] == "chunk"]
    assert set(sizes[:-1]) == {size}
    assert sum(sizes) == (3360 if size == 1 else 4 * 336_000)


async def test_wav_header(cartesia: Open) -> None:
    async with cartesia("wav-header") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        data = audio(await client.receive_all())
    assert data[:4] == b"RIFF"
    assert struct.unpack_from("<I", data, 24) == (8000,)
    assert text_of(data[44:]) == TEXT


async def test_wrong_rate(cartesia: Open) -> None:
    async with cartesia("wrong-rate=16000") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        data = audio(await client.receive_all())
    assert len(data) == 2 * TEXT_BYTES


async def test_no_timestamps(cartesia: Open) -> None:
    async with cartesia("no-timestamps") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT, add_timestamps=True)
        assert types(await client.receive_all()) == {"chunk", "flush_done", "done"}


async def test_unknown_type(cartesia: Open) -> None:
    async with cartesia("unknown-type") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        messages = await client.receive_all()
    assert types(messages) == {"announcement", "chunk", "flush_done", "done"}


async def test_garbage(cartesia: Open) -> None:
    async with cartesia("garbage") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        assert await client.websocket.get_message() == '{"type": "chunk", '
        assert text_of(audio(await client.receive_all())) == TEXT


async def test_phonemes_unasked(cartesia: Open) -> None:
    async with cartesia("phonemes-unasked") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        assert "phoneme_timestamps" in types(await client.receive_all())


async def test_empty_flush_data(cartesia: Open) -> None:
    async with cartesia("empty-flush-data") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        assert (await client.receive_all("flush_done"))[-1]["data"] == ""


async def test_interleave(cartesia: Open) -> None:
    async with (
        cartesia("interleave", chunk_ms=(50, 50), first_audio_ms=50) as service,
        dialled(service.websocket_url) as client,
    ):
        await client.ask(TEXT, "a")
        await client.ask(TEXT, "b")
        messages = await client.receive_all() + await client.receive_all()
    order = [each["context_id"] for each in messages if each["type"] == "chunk"]
    assert all(one != other for one, other in itertools.pairwise(order))
    assert len(order) == 56
    assert text_of(audio(messages, "a")) == text_of(audio(messages, "b")) == TEXT


async def test_stray_context(cartesia: Open) -> None:
    async with cartesia("stray-context") as service, dialled(service.websocket_url) as client:
        await client.ask(TEXT)
        messages = await client.receive_all()
    strays = [each for each in messages if each["context_id"] != "a"]
    assert [each["type"] for each in strays] == ["chunk"]
    assert text_of(audio(messages, "a")) == TEXT


@pytest.mark.parametrize(
    ("fault", "said", "ends"),
    [
        ("cancel-ignored", "FIRST ONE.SECOND ONE.", True),
        ("cancel-no-done", "FIRST ONE.", False),
        ("cancel-at-once", "FIR", False),
    ],
)
async def test_cancel(cartesia: Open, fault: str, said: str, ends: bool) -> None:
    async with (
        cartesia(fault, speed=5, chunk_ms=(210, 210)) as service,
        dialled(service.websocket_url) as client,
    ):
        await client.ask("FIRST ONE.", **GOES_ON)
        await client.ask("SECOND ONE.", **GOES_ON)
        messages = [await client.receive()]
        await client.send({"context_id": "a", "cancel": True})
        # Without a done, it takes twice as long as all of it takes to make to see that none comes.
        with trio.move_on_after(MOST_SECONDS if ends else 0.6):
            while messages[-1]["type"] != "done":
                messages.append(await client.receive())
    assert text_of(audio(messages)) == said
    assert ("done" in types(messages)) is ends
    assert service.statistics().cancelled == 1
    assert service.statistics().active == 0


async def test_buffer_delay(cartesia: Open) -> None:
    async with cartesia("buffer-delay=300") as service, dialled(service.websocket_url) as client:
        begun = trio.current_time()
        await client.ask(TEXT, **GOES_ON, max_buffer_delay_ms=None)
        await client.receive()
        assert trio.current_time() - begun >= 0.3


async def test_every_twentieth_request(cartesia: Open) -> None:
    async with cartesia("refuse=429@1/20") as service, dialled(service.websocket_url) as client:
        ends = []
        for n in range(40):
            await client.ask("Hi.", f"c{n}")
            ends.append((await client.receive_all())[-1]["type"])
    assert [n for n, each in enumerate(ends, 1) if each == "error"] == [20, 40]


def test_no_fault_is_left_untested() -> None:
    names = {each.name.replace("-", "_") for each in FAULTS}
    tests = {each.removeprefix("test_") for each in globals()}
    elsewhere = {"orphan_refuse", "orphan_fail", "cancel_ignored", "cancel_at_once"}
    assert names - tests - elsewhere - {"cancel_no_done"} == set()
