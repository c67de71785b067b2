"""Raw PCM comes through whole however it is cut, and nothing else comes through at all."""

from __future__ import annotations

import io
import json
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._vendor_pcm import VendorPcm

RATE = 24000
TONE = struct.pack("<600h", *((n * 37) % 4000 - 2000 for n in range(600)))


def hear(body: bytes, size: int = 1 << 20, rate: int = RATE) -> bytes:
    pcm = VendorPcm("acme", rate)
    parts = [pcm.push(body[at : at + size]) for at in range(0, len(body), size)]
    assert all(len(part) % 2 == 0 for part in parts)
    return b"".join(parts) + pcm.flush()


def refused(body: bytes, size: int = 1 << 20) -> str:
    with pytest.raises(EngineError) as caught:
        hear(body, size)
    assert caught.value.kind is EngineFault.PROTOCOL
    assert caught.value.retryable
    return str(caught.value)


def wav_file(pcm: bytes, *, rate: int = RATE, channels: int = 1, width: int = 2) -> bytes:
    """Write it by the standard library, which is not ours."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def wav_of(*chunks: bytes) -> bytes:
    return b"RIFF" + sum(map(len, chunks), 4).to_bytes(4, "little") + b"WAVE" + b"".join(chunks)


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16))


@given(st.binary(max_size=400), st.integers(1, 60))
def test_pcm_is_the_same_however_it_is_cut(body: bytes, size: int) -> None:
    pcm = bytes(1000) + body
    whole = pcm[: len(pcm) // 2 * 2]
    assert hear(pcm, size) == hear(pcm) == whole


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 700))
def test_what_is_judged_does_not_depend_on_the_cut(body: bytes, size: int) -> None:
    def judge(size: int) -> bytes | str:
        try:
            return hear(body, size)
        except EngineError as exc:
            return str(exc)

    assert judge(size) == judge(1 << 20)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=40))
def test_samples_of_any_beginning_are_audio(samples: list[int]) -> None:
    pcm = struct.pack(f"<{len(samples)}h", *samples) + bytes(4000)
    assert hear(pcm, 3) == pcm


def test_audio_is_not_held_back() -> None:
    pcm = VendorPcm("acme", RATE)
    assert pcm.push(TONE[:20]) == TONE[:20]
    assert pcm.push(TONE[20:21]) == b""
    assert pcm.push(TONE[21:23]) == TONE[20:22]


def test_half_a_sample_at_the_end_is_dropped() -> None:
    assert hear(TONE + b"\x01") == TONE
    assert hear(b"\x01") == b""
    assert hear(b"") == b""


@pytest.mark.parametrize("size", [1, 2, 3, 11, 12, 13, 43, 44, 45, 1 << 20])
def test_a_wav_header_is_dropped(size: int) -> None:
    assert hear(wav_file(TONE), size) == TONE


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_headers_of_other_lengths_are_dropped(size: int) -> None:
    tags = chunk(b"LIST", b"INFOISFT\x0d\0\0\0Lavf59.27.100\0")
    odd = chunk(b"note", b"odd")
    assert hear(wav_of(tags, FORMAT, odd, chunk(b"data", TONE)), size) == TONE
    guid = struct.pack("<IH", 4, 1) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    extended = struct.pack("<HHIIHHHH", 0xFFFE, 1, RATE, RATE * 2, 2, 16, 22, 16) + guid
    assert hear(wav_of(chunk(b"fmt ", extended), chunk(b"data", TONE)), size) == TONE


@pytest.mark.parametrize("count", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_stream_of_unknown_length_is_read_to_its_end(count: int) -> None:
    body = wav_of(FORMAT) + b"data" + count.to_bytes(4, "little") + TONE
    assert hear(body, 100) == TONE


@pytest.mark.parametrize("size", [1, 5, 999, 1 << 20])
def test_what_follows_a_wav_files_audio(size: int) -> None:
    file = wav_file(TONE)
    assert hear(file + chunk(b"LIST", b"INFOIART" * 20), size) == TONE
    assert hear(file + wav_file(TONE[::-1]), size) == TONE + TONE[::-1]
    assert hear(file + TONE, size) == TONE + TONE, "the count was of the first sentence only"
    assert hear(file + b"\x01\x02", size) == TONE + b"\x01\x02"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (wav_file(TONE, rate=44100), "16-bit PCM, mono, 44100 Hz"),
        (wav_file(TONE, channels=2), "16-bit PCM, stereo, 24000 Hz"),
        (wav_file(TONE, width=1), "8-bit PCM, mono"),
        (
            wav_of(chunk(b"fmt ", struct.pack("<HHIIHH", 3, 1, RATE, 0, 4, 32)), b"data" * 2),
            "float",
        ),
        (
            wav_of(chunk(b"fmt ", struct.pack("<HHIIHH", 7, 1, 8000, 0, 1, 8)), b"data" * 2),
            "mu-law",
        ),
        (
            wav_of(chunk(b"fmt ", struct.pack("<HHIIHH", 99, 6, 8000, 0, 1, 8)), b"data" * 2),
            "99, 6 c",
        ),
        (wav_of(chunk(b"data", TONE)), "audio before its format"),
        (wav_of(chunk(b"fmt ", b"\x01\0"), chunk(b"data", TONE)), "too few bytes"),
        (wav_of(b"junk\xff\xff\xff\x7f") + TONE, "header without end"),
        (wav_of(FORMAT), "ends in its header"),
        (wav_file(TONE)[:30], "ends in its header"),
    ],
)
def test_another_wav_file_is_refused_and_named(body: bytes, said: str) -> None:
    for size in (1, 17, 1 << 20):
        message = refused(body, size)
        assert said in message
        assert "raw 16-bit mono at 24000 Hz" in message


def mp3_of(head: bytes, length: int) -> bytes:
    return (head + bytes(length - len(head))) * 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"ID3\x04\0\0\0\0\x0f\x76" + TONE, "MP3"),
        (mp3_of(b"\xff\xfb\x90\0", 417), "MP3"),  # MPEG 1, 128 kbit/s, 44.1 kHz
        (mp3_of(b"\xff\xf3\x84\0", 192), "MP3"),  # MPEG 2, 64 kbit/s, 24 kHz
        (mp3_of(b"\xff\xf1\x50\x80\x0b\xa0", 93), "AAC"),
        (b"OggS\0\x02" + bytes(40), "Ogg"),
        (b"fLaC\0\0\0\x22" + bytes(40), "FLAC"),
        (b"\x1aE\xdf\xa3\x9f" + bytes(40), "WebM"),
        (b"\0\0\0\x20ftypM4A " + bytes(40), "MP4"),
        (b'{"error": {"message": "no credit"}}', "no credit"),
        (b'{"error": "' + b"x" * 60, "text"),
        (b'{\n  "audio": "' + b"A" * 4000, "text"),
        (json.dumps({"detail": "नहीं"}, ensure_ascii=False).encode(), "नहीं"),
        (b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>" * 2, "502"),
        (b'event: speech.audio.delta\ndata: {"audio": "' + b"A" * 600, "speech.audio.delta"),
        (b'data: {"type": "speech.audio.delta", "audio": "' + b"A" * 600, "data:"),
    ],
)
def test_what_is_no_pcm_is_refused_and_named(body: bytes, said: str) -> None:
    for size in (1, 50, 1 << 20):
        message = refused(body, size)
        assert said in message


@pytest.mark.parametrize(
    "start",
    [
        b"RIFX",
        b"RIFF\0\0\0\0WAVY",
        b"RI",
        b"ID3",
        b"ID3\x09\0\0\0\0\0\0",
        b"OggS\x01",
        b"fLaC\x01",
        b"\xff\xfb\x90\0",
        b"\xff\xfb\xff\xff",
        b"\xff\xf1\0\0\0\0",
        b"\xff\xff\x01\0",
        b"\xff\x00",
        b"\0\0\0\x20ftyX",
        b'{"',
        b'{"a": 1}\0',
        b"{\x80",
        b"<html>\x01",
        b"event\xff",
        b"data:\x00",
    ],
)
def test_pcm_that_happens_to_begin_so_is_audio(start: bytes) -> None:
    body = start + bytes(len(start) % 2)
    for size in (1, 5, 1 << 20):
        assert hear(body + bytes(3000), size) == body + bytes(3000)
        assert hear(body, size) == body


def test_little_text_is_audio_unless_it_is_json() -> None:
    assert hear(b"{abcdef}") == b"{abcdef}"
    assert "text ({})" in refused(b"{}")
    assert "end" not in refused(b"<html>" + b"x" * 1000 + b"end"), "quoted, but not all of it"


def test_a_frame_head_alone_is_audio() -> None:
    assert hear(b"\xff\xfb\x90\0" + bytes(100)) == b"\xff\xfb\x90\0" + bytes(100)
    assert hear(b"\xff\xfb") == b"\xff\xfb"
