from __future__ import annotations

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.wire_json import JsonObject
from trioaudio.simulators.dialects._numbering import Counter, Numbering

CHUNK = Counter(("media", "chunk"))
TIME = Counter(("time",), (int,), of_milliseconds=True)
MEDIA = MediaFormat(Encoding.PCM16, 24000)


@pytest.mark.parametrize(
    ("kinds", "value", "number"),
    [
        ((str,), "0", 0),
        ((str,), "12", 12),
        ((str,), "012", None),
        ((str,), "+12", None),
        ((str,), "1.0", None),
        ((str,), "", None),
        ((str,), "٣", None),
        ((str,), "²", None),
        ((str,), "9" * 16, None),
        ((str,), 12, None),
        ((int,), 12, 12),
        ((int,), -12, None),
        ((int,), True, None),
        ((int,), 12.0, None),
        ((int, str), "12", 12),
        ((int, str), None, None),
    ],
)
def test_a_number_is_written_one_way(
    kinds: tuple[type, ...], value: object, number: int | None
) -> None:
    assert Counter(("a",), kinds).read(value) == number


def test_where_a_counter_stands() -> None:
    assert TIME.outside
    assert not CHUNK.outside


def test_rounding_of_milliseconds_is_free() -> None:
    numbering = Numbering([TIME], MEDIA)
    audio = bytes(2 * 320)  # 13.33 ms
    for time in (0, 14, 26, 40, 53):
        assert numbering.count({"time": time}, audio) == []
    assert numbering.count({"time": 69}, audio) == ["time is 69, and should be 66"]
    assert numbering.count({"time": 83}, audio) == []


def test_a_wrong_number_is_blamed_once_also_backwards() -> None:
    numbering = Numbering([CHUNK], MEDIA)

    def count(chunk: str) -> list[str]:
        return numbering.count({"media": {"chunk": chunk}}, b"")

    assert count("1") == []
    assert count("5") == ["media.chunk is 5, and should be 2"]
    assert count("6") == []
    assert count("1") == ["media.chunk is 1, and should be 7"]
    assert count("2") == []


@pytest.mark.parametrize("message", [{}, {"media": {}}, {"media": "1"}, {"media": None}])
def test_a_missing_number_is_blamed_where_it_is_needed(message: JsonObject) -> None:
    optional = Counter(("media", "chunk"), needed=False)
    assert Numbering([CHUNK], MEDIA).count(message, b"") == ["media.chunk is missing"]
    assert Numbering([optional], MEDIA).count(message, b"") == []


def test_no_counters_no_problems() -> None:
    assert Numbering([], MEDIA).count({"media": {"chunk": 99}}, bytes(4)) == []
