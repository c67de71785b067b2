"""Plivo Audio Streaming: `<Stream bidirectional="true">`, JSON text both ways.

https://www.plivo.com/docs/voice/audio-streaming/audio-streaming (messages),
https://docs.plivo.com/docs/voice/xml/audiostream (the XML element),
https://plivo.com/docs/voice/xml/the-stream-element/checkpoint-event (`playedStream`), and the
public packages plivo-stream-sdk 0.1.1 and plivo 4.63.0 (`utils/signature_v3`), read in code.

Unusual about it:

* Numbers are numbers here, and once or twice texts; a checkpoint comes back as `playedStream`, by
  one support article as `played`.
* Documented: `playedStream` comes only if all before it was played. So checkpoints that were
  cleared do not come back; `clearedAudio` says that a clear was done.
* Nothing ends the stream but closing, and nothing on the socket ends the call: that is REST.
* `extra_headers` is one text of no dependable form; it is passed on as it is.
* A lost connection is dialled again, twice; by one page only the first connection is.
* Whether an upgrade is signed depends on the account, and over which URL is not documented:
  Plivo's own SDK checks `http://` for `wss://` and appends `/websocket`. So every likely spelling
  is compared; that there are some twenty makes none of them easier to forge.
* A third party reports that the sub-protocol `audio.drachtio.org` is offered and must be selected.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from urllib.parse import parse_qsl

import attrs

from trioaudio.carriers._door_checks import as_bytes, header_of, missing_setting, text_setting
from trioaudio.carriers._plivo_streams import PlivoFamilySettings, PlivoStreamCodec, Variant
from trioaudio.core.carrier import (
    Acknowledges,
    Carrier,
    CarrierSettings,
    MarksAfterClear,
    Recovery,
    Role,
    Starts,
)
from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.secret import masked_url
from trioaudio.core.upgrade import UNAUTHORIZED, DoorCheck, UpgradeRefusedError, UpgradeRequest

SIGNATURE = "X-Plivo-Signature-V3"
MAIN_ACCOUNT_SIGNATURE = "X-Plivo-Signature-Ma-V3"
NONCE = "X-Plivo-Signature-V3-Nonce"

_MOST_SIGNATURES = 16
"""How many signatures of one request are looked at: Plivo sends one for each valid token."""


@attrs.frozen
class PlivoSettings(PlivoFamilySettings):
    """What a Plivo account needs."""

    rest_url: str = attrs.field(
        default="https://api.plivo.com",
        metadata={"show": masked_url, "help": "where the REST interface is"},
    )


def new_codec(settings: CarrierSettings, media: MediaFormat) -> PlivoStreamCodec:
    """Return a codec for one leg."""
    del settings  # what an operator may change about the messages is in `media`
    return PlivoStreamCodec(Variant("plivo", presses_keys=True), media)


def check_signature(settings: CarrierSettings, request: UpgradeRequest) -> None:
    """Compare V3 signatures: base64(HMAC-SHA256(auth token, URL "." nonce))."""
    key = as_bytes(text_setting(settings, "auth_token"))
    given = _signatures_in(request)
    nonce = header_of(request, NONCE)
    fits = False
    for url in _signed_urls(request):
        digest = hmac.new(key, as_bytes(f"{url}.{nonce}"), hashlib.sha256).digest()
        expected = base64.b64encode(digest)
        for signature in given:  # all of them, always: the time it takes tells nothing
            fits |= hmac.compare_digest(signature, expected)
    if not (fits and key):  # anybody can sign with an empty key
        raise UpgradeRefusedError(
            f"{SIGNATURE} from {request.peer} does not fit {request.origin}/...; are the public"
            " URL and auth_token right?"
        )


def _signatures_in(request: UpgradeRequest) -> list[bytes]:
    headers = [request.headers.get(name.lower()) for name in (SIGNATURE, MAIN_ACCOUNT_SIGNATURE)]
    sent = [header for header in headers if header is not None]
    if not sent:
        raise UpgradeRefusedError(f"{request.peer} sent no {SIGNATURE} header", status=UNAUTHORIZED)
    found = [each.strip() for header in sent for each in header.split(",", _MOST_SIGNATURES)]
    return [as_bytes(each) for each in found[:_MOST_SIGNATURES]]


def _signed_urls(request: UpgradeRequest) -> Iterator[str]:
    """Yield each spelling of the URL that Plivo may have signed."""
    host = request.origin.partition("://")[2]
    tails = [request.path, f"{request.path}/websocket"]
    if request.query:
        by_name = _sorted_query(request.query)
        tails += [f"{tail}?{by_name}" for tail in tails]
        tails.append(f"{request.path}?{_sorted_query(f'{request.query}/websocket')}")
    for scheme in ("http", "https", "ws", "wss"):
        for tail in tails:
            yield f"{scheme}://{host}{tail}"


def _sorted_query(query: str) -> str:
    """Return the query as it is signed: sorted by name, then by value, and not escaped."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{name}={value}" for name, value in pairs)


CARRIER = Carrier(
    name="plivo",
    roles=frozenset({Role.ANSWER}),
    settings=PlivoSettings(),
    new_codec=new_codec,
    documentation="https://www.plivo.com/docs/voice/audio-streaming/audio-streaming",
    encodings=(Encoding.PCM16, Encoding.MULAW),
    form=PayloadForm.BASE64,
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.DROPPED,
    subprotocols=("audio.drachtio.org",),
    door_check=DoorCheck(
        check=check_signature, missing=missing_setting("auth_token"), proof=SIGNATURE
    ),
    ends_by_close=True,
)
