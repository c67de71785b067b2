"""The call every test places, and what a request holds when it is compared."""

from __future__ import annotations

from trioaudio.core.call_control import Placing, RestReply, RestRequest, RestValue
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.secret import Secret
from trioaudio.core.wire_json import compact

URL = "wss://voice.example.com/media/token-nobody-guesses"
MULAW = MediaFormat(Encoding.MULAW, 8000)
PCM = MediaFormat(Encoding.PCM16, 8000)
WIDE = MediaFormat(Encoding.PCM16, 16000)


def placing(media: MediaFormat = MULAW, **more: object) -> Placing:
    wanted: dict[str, object] = {
        "to": "+919800000000",
        "caller_id": "+918040000000",
        "media_url": URL,
        "media": media,
        **more,
    }
    return Placing(**wanted)  # type: ignore[arg-type]


def form_of(request: RestRequest) -> dict[str, str]:
    assert request.form is not None
    assert len(dict(request.form)) == len(request.form)
    return {
        name: value.get() if isinstance(value, Secret) else value for name, value in request.form
    }


def reply(status: int, value: RestValue | str = None) -> RestReply:
    if value is None:
        return RestReply(status, "")
    return RestReply(status, value if isinstance(value, str) else compact(value))  # type: ignore[arg-type]
