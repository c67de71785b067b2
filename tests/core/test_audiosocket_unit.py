import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.audiosocket_unit import (
    AUDIO_KINDS,
    LONGEST_PAYLOAD,
    Kind,
    Unit,
    UnitSplitter,
    header,
    identity_text,
    read_unit,
    unit,
    unit_length,
)
from trioaudio.core.carrier import PREFIX_LENGTH

UNITS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=700)), max_size=12)


@pytest.mark.parametrize(
    ("kind", "payload", "wire"),
    [
        (Kind.HANG_UP, b"", "00 00 00"),
        (Kind.DTMF, b"5", "03 00 01 35"),
        (Kind.ERROR, b"\1", "ff 00 01 01"),
        (AUDIO_KINDS[8000], b"\0\1", "10 00 02 00 01"),
        (AUDIO_KINDS[16000], bytes(640), "12 02 80" + " 00" * 640),
    ],
)
def test_a_unit_is_kind_length_and_payload(kind: int, payload: bytes, wire: str) -> None:
    assert unit(kind, payload) == bytes.fromhex(wire)
    assert header(kind, len(payload)) == bytes.fromhex(wire)[:3]
    assert read_unit(bytes.fromhex(wire)) == (kind, payload)


def test_the_longest_payload() -> None:
    longest = unit(0x10, bytes(LONGEST_PAYLOAD))
    assert read_unit(longest) == (0x10, bytes(LONGEST_PAYLOAD))
    with pytest.raises(OverflowError):
        unit(0x10, bytes(LONGEST_PAYLOAD + 1))


@pytest.mark.parametrize("wire", ["", "10", "10 00", "10 00 01", "10 00 01 00 00", "00 00 00 00"])
def test_what_is_not_exactly_one_unit(wire: str) -> None:
    assert read_unit(bytes.fromhex(wire)) is None


def test_a_length_is_read_where_it_stands() -> None:
    assert unit_length(b"??" + header(0x10, 320), 2) == 323


def test_a_uuid_as_people_write_it() -> None:
    digits = "4a5c7e0012344fed8abc0123456789ab"
    assert identity_text(bytes.fromhex(digits)) == "4a5c7e00-1234-4fed-8abc-0123456789ab"


def test_a_unit_shows_its_beginning_and_all_of_it() -> None:
    data = unit(0x10, bytes(320))
    assert Unit(data).prefix() == data[:PREFIX_LENGTH]
    assert Unit(data).prefix(1) == b"\x10"
    assert Unit(data).message() == data


@given(units=UNITS, cuts=st.lists(st.integers(1, 400), max_size=60))
def test_units_come_out_as_they_went_in_however_the_stream_is_cut(
    units: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(unit(*each) for each in units)
    splitter = UnitSplitter()
    out: list[Unit] = []
    at = 0
    for cut in [*cuts, len(stream) + 1]:
        got, rest = splitter.push(stream[at : at + cut])
        assert rest == b""
        out += got
        at += cut
    assert [read_unit(each.message()) for each in out] == units
    assert not splitter.broken


def test_a_byte_at_a_time_the_unit_comes_with_its_last() -> None:
    splitter = UnitSplitter()
    data = unit(0x12, b"abcd")
    for byte in data[:-1]:
        assert splitter.push(bytes((byte,))) == ([], b"")
    ((last,), _) = splitter.push(data[-1:])
    assert last.message() == data


def test_what_is_held_is_one_unit_at_most() -> None:
    splitter = UnitSplitter()
    data = unit(0x10, bytes(LONGEST_PAYLOAD))
    for start in range(0, len(data) - 1000, 1000):
        assert splitter.push(data[start : start + 1000]) == ([], b"")
    assert 0 < len(splitter._held) < len(data)
    ((last,), _) = splitter.push(data[start + 1000 :])
    assert last.message() == data
    assert not splitter._held


def test_units_of_one_kind_begin_alike() -> None:
    audio, other, keys = Unit(b"\x10\0\2ab"), Unit(b"\x10\0\2cd"), Unit(b"\x03\0\0011")
    assert audio.kind() == other.kind() == 0x10
    assert audio.beginning() == other.beginning() == b"\x10"
    assert keys.kind() != audio.kind()
