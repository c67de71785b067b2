from __future__ import annotations

import struct
import uuid

import pytest

from dialect_kit import CALL, STREAM, TONE, blame_of, facts, only, problem_of
from trioaudio.core.carrier import Transport
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio
from trioaudio.simulators.dialects import load_dialect

# https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket: type, length in network
# byte order, value.
AUDIOSOCKET = load_dialect("audiosocket")
AUDIO_8000 = b"\x10\x01\x40"


def test_it_is_no_websocket() -> None:
    assert AUDIOSOCKET.transport is Transport.AUDIOSOCKET


def test_the_uuid_comes_first() -> None:
    [unit] = AUDIOSOCKET.new(facts()).opening()
    assert unit == b"\x01\x00\x10" + uuid.UUID(CALL).bytes
    [unit] = AUDIOSOCKET.new(facts(options={"uuid": STREAM})).opening()
    assert unit == b"\x01\x00\x10" + uuid.UUID(STREAM).bytes


def test_a_uuid_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="--option uuid=one"):
        AUDIOSOCKET.new(facts(options={"uuid": "one"}))


@pytest.mark.parametrize(
    ("sample_rate", "header"),
    [
        (8000, AUDIO_8000),
        (12000, b"\x11\x01\xe0"),
        (16000, b"\x12\x02\x80"),
        (24000, b"\x13\x03\xc0"),
        (32000, b"\x14\x05\x00"),
        (48000, b"\x16\x07\x80"),
    ],
)
def test_the_type_says_the_sample_rate(sample_rate: int, header: bytes) -> None:
    audiosocket = AUDIOSOCKET.new(facts(sample_rate))
    audio = TONE[: sample_rate // 25]
    assert audiosocket.caller_audio(audio) == header + audio
    assert only(audiosocket.read(header + audio)) == Audio(audio)


def test_dtmf_and_hang_up() -> None:
    audiosocket = AUDIOSOCKET.new(facts())
    assert audiosocket.dtmf("#") == [b"\x03\x00\x01#"]
    assert audiosocket.closing("callee") == [b"\x00\x00\x00"]
    assert only(audiosocket.read(b"\x00\x00\x00")) is Action.HANG_UP


def test_a_unit_of_60_ms_is_played_and_blamed() -> None:
    unit = struct.pack(">BH", 0x10, 960) + TONE[:960]
    problem = blame_of(AUDIOSOCKET.new(facts()), unit)
    assert problem == "960 bytes of audio; must be 320, 20 ms"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("text", "units of bytes only"),
        (b"", "0 bytes are no unit"),
        (b"\x10\x01", "2 bytes are no unit"),
        (AUDIO_8000 + TONE[:319], "unit of 320 bytes has 319"),
        (AUDIO_8000 + TONE[:321], "unit of 320 bytes has 321"),
        (b"\x10\x40\x01" + TONE[:320], "unit of 16385 bytes has 320"),
        (b"\x12\x01\x40" + TONE[:320], "type 0x12; must be 0x10"),
        (b"\x01\x00\x10" + bytes(16), "type 0x01"),
        (b"\x03\x00\x015", "type 0x03"),
        (b"\xff\x00\x01\x01", "type 0xff"),
        (b"\x00\x00\x01\x00", "hang-up with 1 bytes"),
        (b"\x10\x00\x00", "0 bytes of audio"),
        (b"\x10\x00\x03\x01\x02\x03", "3 bytes of audio are no whole"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(AUDIOSOCKET.new(facts()), message)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_malformed_units_keep_their_framing(sample_rate: int) -> None:
    for unit in AUDIOSOCKET.new(facts(sample_rate)).malformed():
        assert isinstance(unit, bytes)
        _, length = struct.unpack_from(">BH", unit)
        assert len(unit) == 3 + length
