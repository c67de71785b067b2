import base64
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.g711 import Law, compress
from trioaudio.core.payload import decode, encode, payload_encoder, payload_pcm

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=50)


def pcm_of(samples: list[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


@given(SAMPLES)
def test_linear_samples_are_unchanged_in_either_byte_order(samples: list[int]) -> None:
    pcm = pcm_of(samples)
    network = struct.pack(f">{len(samples)}h", *samples)
    assert encode(pcm, Encoding.PCM16) == pcm == decode(pcm, Encoding.PCM16)
    assert encode(pcm, Encoding.PCM16_BE) == network
    assert decode(network, Encoding.PCM16_BE) == pcm


@pytest.mark.parametrize(("encoding", "law"), [(Encoding.MULAW, Law.MU), (Encoding.ALAW, Law.A)])
def test_companded_samples_are_a_byte_each(encoding: Encoding, law: Law) -> None:
    pcm = pcm_of([0, 1000, -1000, 32767, -32768])
    assert encode(pcm, encoding) == compress(pcm, law)
    back = np.frombuffer(decode(encode(pcm, encoding), encoding), dtype="<i2")
    assert back.tolist() == pytest.approx([0, 1000, -1000, 32767, -32768], abs=644)


@given(
    samples=SAMPLES,
    encoding=st.sampled_from(Encoding),
    form=st.sampled_from([PayloadForm.BINARY, PayloadForm.BASE64]),
    multiple=st.integers(1, 40).map(lambda n: 2 * n),
)
def test_a_payload_is_the_audio_padded_with_silence(
    samples: list[int], encoding: Encoding, form: PayloadForm, multiple: int
) -> None:
    pcm = pcm_of(samples)
    payload = payload_encoder(encoding, form, multiple)(pcm)
    assert isinstance(payload, str) is (form is PayloadForm.BASE64)
    audio = base64.b64decode(payload, validate=True) if isinstance(payload, str) else payload
    plain = encode(pcm, encoding)
    assert audio.startswith(plain)
    assert len(audio) % multiple == 0
    assert len(audio) - len(plain) < multiple
    padding = np.frombuffer(decode(audio[len(plain) :], encoding), dtype="<i2")
    assert np.all(np.abs(padding.astype(int)) <= 8)
    assert payload_pcm(payload, encoding, form) == decode(audio, encoding)


@given(samples=SAMPLES)
def test_samples_can_stand_as_numbers(samples: list[int]) -> None:
    payload = payload_encoder(Encoding.PCM16, PayloadForm.NUMBERS)(pcm_of(samples))
    assert isinstance(payload, str)
    assert json.loads(f"[{payload}]") == samples
    assert payload_pcm(payload, Encoding.PCM16, PayloadForm.NUMBERS) == pcm_of(samples)


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW, Encoding.PCM16_BE])
def test_only_linear_samples_stand_as_numbers(encoding: Encoding) -> None:
    with pytest.raises(ValueError, match="as numbers"):
        payload_encoder(encoding, PayloadForm.NUMBERS)


def test_a_sample_a_carrier_keeps_for_itself_is_not_sent() -> None:
    encoder = payload_encoder(Encoding.PCM16, PayloadForm.BINARY, never=-1)
    assert encoder(pcm_of([5, -1, -1, -2, 0])) == pcm_of([5, 0, 0, -2, 0])
    untouched = pcm_of([5, -2, 1])
    assert encoder(untouched) is untouched


def test_whole_multiples_are_not_padded() -> None:
    assert payload_encoder(Encoding.PCM16, PayloadForm.BINARY, 4)(bytes(8)) == bytes(8)
    assert payload_encoder(Encoding.PCM16, PayloadForm.BINARY)(bytes(6)) == bytes(6)


def test_g711_silence_is_not_zero_bytes() -> None:
    assert payload_encoder(Encoding.MULAW, PayloadForm.BINARY, 4)(bytes(2)) == b"\xff" * 4
    assert payload_encoder(Encoding.ALAW, PayloadForm.BINARY, 4)(bytes(2)) == b"\xd5" * 4


@given(
    frames=st.lists(st.lists(st.integers(-32768, 32767), min_size=6, max_size=6), max_size=5),
    encoding=st.sampled_from(Encoding),
    form=st.sampled_from([PayloadForm.BINARY, PayloadForm.BASE64]),
    multiple=st.sampled_from([1, 2, 6, 8]),
    never=st.sampled_from([None, -1]),
)
def test_many_at_once_are_as_each_by_itself(
    frames: list[list[int]],
    encoding: Encoding,
    form: PayloadForm,
    multiple: int,
    never: int | None,
) -> None:
    encoder = payload_encoder(encoding, form, multiple, never=never)
    each = [pcm_of(frame) for frame in frames]
    assert encoder.each(b"".join(each), 12) == [encoder(pcm) for pcm in each]
