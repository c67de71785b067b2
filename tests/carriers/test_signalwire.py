import pytest

from trioaudio.carriers.signalwire import CARRIER, SignalwireSettings
from trioaudio.core.carrier import CallerAudio, Started
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

SETTINGS = SignalwireSettings(stream_token=Secret("s3cret"))


def start(encoding: str, sample_rate: int) -> str:
    return (
        '{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1","mediaFormat":'
        f'{{"encoding":"{encoding}","sampleRate":{sample_rate},"channels":1}}}}}}'
    )


@pytest.mark.parametrize(
    ("chosen", "sample_rate", "usual"),
    [
        (None, 8000, Encoding.MULAW),
        (None, 16000, Encoding.PCM16),
        (None, 24000, Encoding.PCM16),
        (Encoding.ALAW, 8000, Encoding.ALAW),
        (Encoding.PCM16_BE, 16000, Encoding.PCM16_BE),
    ],
)
def test_the_codec_is_g711_at_8000_and_linear_above(
    chosen: Encoding | None, sample_rate: int, usual: Encoding
) -> None:
    media = CARRIER.media_format(SignalwireSettings(encoding=chosen), sample_rate)
    assert media == MediaFormat(usual, sample_rate)


@pytest.mark.parametrize("encoding", [Encoding.PCM16, Encoding.PCM16_BE])
def test_the_byte_order_of_l16_is_the_operators_choice(encoding: Encoding) -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(encoding, 16000))
    assert codec.receive(start("audio/l16", 16000)) == [Started("MZ1", "CA1", "audio/l16", 16000)]
    events = codec.receive('{"event":"media","streamSid":"MZ1","media":{"payload":"AAECAw=="}}')
    assert events == [CallerAudio(b"\0\1\2\3")]


def test_a_document_that_names_another_codec_is_told() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_SIGNALWIRE_ENCODING"):
        codec.receive(start("audio/l16", 16000))


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("Bearer s3cret", None), ("Bearer wrong", 403), ("Basic s3cret", 401), (None, 401)],
)
def test_it_brings_the_bearer_token_of_the_document(
    authorization: str | None, status: int | None
) -> None:
    door = CARRIER.door_check
    assert door is not None
    headers = {} if authorization is None else {"authorization": authorization}
    request = UpgradeRequest("wss://v.example", "/x", "", headers, "192.0.2.7:4000", 0.0)
    if status is None:
        door.check(SETTINGS, request)
    else:
        with pytest.raises(UpgradeRefusedError) as refused:
            door.check(SETTINGS, request)
        assert refused.value.status == status
    assert door.missing(SETTINGS) is None
    assert door.missing(SignalwireSettings()) == "stream_token"
