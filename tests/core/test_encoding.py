import subprocess
import sys

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.payload import decode


def test_names_are_what_settings_and_records_say() -> None:
    assert [each.value for each in Encoding] == ["pcm16", "pcm16-be", "mulaw", "alaw"]
    assert [each.value for each in PayloadForm] == ["binary", "base64", "numbers"]


def test_a_carriers_description_needs_no_numpy() -> None:
    code = "import sys, trioaudio.core.carrier; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("encoding", Encoding)
def test_silence_is_silent(encoding: Encoding) -> None:
    assert len(encoding.silence) == encoding.sample_bytes
    # A-law has no code for nothing at all: ±8 of 32768 is the least there is.
    assert abs(int.from_bytes(decode(encoding.silence, encoding), "little", signed=True)) <= 8


def test_g711_is_of_8000_hertz_only() -> None:
    assert [each.value for each in Encoding if each.carries(16000)] == ["pcm16", "pcm16-be"]
    assert all(each.carries(8000) for each in Encoding)


@pytest.mark.parametrize(
    ("encoding", "rate", "milliseconds", "size"),
    [
        (Encoding.PCM16, 8000, 60, 960),
        (Encoding.PCM16, 16000, 20, 640),
        (Encoding.MULAW, 8000, 60, 480),
        (Encoding.PCM16, 8000, 0, 0),
    ],
)
def test_sizes(encoding: Encoding, rate: int, milliseconds: int, size: int) -> None:
    assert MediaFormat(encoding, rate).bytes_in(milliseconds) == size


def test_a_format_reads_well() -> None:
    assert str(MediaFormat(Encoding.MULAW, 8000)) == "mulaw at 8000 Hz"
