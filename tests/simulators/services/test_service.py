"""Opening a simulated service in one's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from simulators.services.cartesia_client import dialled
from trioaudio.core.errors import ConfigError, LegLostError
from trioaudio.simulators.services.service import SERVICES, find_service, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.voice import VoiceKind

if TYPE_CHECKING:
    from simulators.services.conftest import Open

TONE = ServiceOptions(voice=VoiceKind.TONE)


@pytest.mark.parametrize("name", SERVICES)
async def test_every_service_opens_and_listens(name: str) -> None:
    assert find_service(name).name == name
    async with open_service(name, TONE) as service:
        async with await trio.open_tcp_stream("127.0.0.1", service.port):
            pass
        assert all(service.address in each for each in service.urls.values())
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", service.port)


async def test_it_speaks_really_where_nothing_else_is_asked_for() -> None:
    async with open_service("cartesia") as service, dialled(service.websocket_url) as client:
        await client.ask("Hello there.", add_timestamps=True)
        messages = await client.receive_all()
        words = [each["word_timestamps"]["words"] for each in messages if "word_timestamps" in each]
        assert [word for each in words for word in each] == ["Hello", "there."]
        assert service.statistics().audio_seconds > 0.4


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("cartesian", TONE, "did you mean cartesia"),
        ("http", TONE, "there is no simulated service"),
        ("cartesia", ServiceOptions(voice=VoiceKind.TONE, faults=("rest",)), "did you mean reset"),
    ],
)
async def test_what_there_is_not(name: str, options: ServiceOptions, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        async with open_service(name, options):
            raise AssertionError


async def test_a_port_that_is_taken(cartesia: Open) -> None:
    async with cartesia() as service:
        with pytest.raises(LegLostError, match="cannot listen"):
            async with open_service("cartesia", TONE, port=service.port):
                raise AssertionError


async def test_an_ipv6_address_is_in_brackets() -> None:
    async with open_service("cartesia", TONE, host="::1") as service:
        assert service.http_url == f"http://[::1]:{service.port}"
        async with httpx.AsyncClient() as client:
            assert (await client.get(service.http_url)).status_code == 200


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"concurrency": 0}, "--concurrency 0"),
        ({"speed": 0}, "--speed 0"),
        ({"speed": float("nan")}, "--speed nan"),
        ({"first_audio_ms": -1}, "--first-audio-ms -1"),
        ({"chunk_ms": (300, 100)}, "--chunk-ms 300"),
        ({"chunk_ms": (0, 100)}, "--chunk-ms 0"),
    ],
)
def test_options_that_are_no_sense(options: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ServiceOptions(**options)  # type: ignore[arg-type]


def test_a_key_is_not_shown() -> None:
    assert "hush" not in repr(ServiceOptions(key="hush"))


async def test_leaving_the_block_ends_what_is_under_way(cartesia: Open) -> None:
    with trio.fail_after(5):
        async with cartesia("stall=0") as service, dialled(service.websocket_url) as client:
            await client.ask("Hi.")
            with trio.move_on_after(0.1):
                await client.receive()
