"""What Cartesia is asked over HTTP: whole prompts ahead of time, and which voices there are.

https://docs.cartesia.ai/use-the-api/compare-tts-endpoints and
https://docs.cartesia.ai/api-reference/voices/list
"""

from __future__ import annotations

import json

from trioaudio.core.engine import Voice
from trioaudio.core.errors import EngineError
from trioaudio.engines._cartesia_messages import Fields
from trioaudio.engines._cartesia_settings import NAME
from trioaudio.engines._http import HttpClient
from trioaudio.engines._status import broke_protocol
from trioaudio.engines._vendor_pcm import VendorPcm

MOST_AUDIO_BYTES = 16 << 20
"""Of one prompt: a quarter of an hour at 8 kHz."""
VOICES_AT_ONCE = 100
MOST_VOICES = 5000


async def fetch_speech(http: HttpClient, fields: Fields, text: str, sample_rate: int) -> bytes:
    """Return a text as PCM16 LE at the rate the fields ask for. EngineError."""
    pcm = VendorPcm(NAME, sample_rate)
    found = bytearray()
    async with http.stream("POST", "/tts/bytes", json={**fields, "transcript": text}) as body:
        while piece := await body.receive():
            found += pcm.push(piece)
            if len(found) > MOST_AUDIO_BYTES:
                raise broke_protocol(NAME, f"a prompt beyond {MOST_AUDIO_BYTES} bytes")
    found += pcm.flush()
    return bytes(found)


async def fetch_voices(http: HttpClient) -> list[Voice]:
    """Return the voices the account may use, page after page. EngineError."""
    voices: list[Voice] = []
    parameters = {"limit": str(VOICES_AT_ONCE)}
    while len(voices) < MOST_VOICES:
        page = _read_page(await http.fetch("GET", "/voices", params=parameters))
        found = [voice for each in _list_in(page) if (voice := _read_voice(each)) is not None]
        voices += found
        if not found or not isinstance(page, dict) or page.get("has_more") is not True:
            break
        parameters["starting_after"] = found[-1].name
    return voices


def _read_page(body: bytes) -> object:
    try:
        page: object = json.loads(body)
    except (ValueError, RecursionError):
        raise _no_list() from None
    return page


def _list_in(page: object) -> list[object]:
    """Return the voices of a page; a bare list is what versions before 2024-11-13 give."""
    data = page.get("data") if isinstance(page, dict) else page
    if not isinstance(data, list):
        raise _no_list()
    return data


def _read_voice(value: object) -> Voice | None:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    said = {name: each for name, each in value.items() if isinstance(each, str) and each}
    description = ": ".join(said[name] for name in ("name", "description") if name in said)
    languages = (said["language"],) if "language" in said else ()
    return Voice(said.get("id", ""), languages, said.get("gender"), description)


def _no_list() -> EngineError:
    return broke_protocol(NAME, "an answer that is no list of voices")
