"""Twilio Media Streams, the bidirectional kind: `<Connect><Stream>`.

https://www.twilio.com/docs/voice/media-streams/websocket-messages (messages),
https://www.twilio.com/docs/voice/twiml/stream (how a stream is opened),
https://www.twilio.com/docs/usage/security (the signature), and Twilio's own library for Python,
twilio 9.13.0 `request_validator` (ports and HMAC_SHA256), read in code.

Unusual about it:

* A mark comes back when the audio before it was played, and also when it was cleared; nothing
  tells which. Some test tools drop cleared marks instead.
* Nothing in the stream ends the call: when the socket is closed, TwiML goes on with what follows
  `<Connect>`, and hangs up if nothing does. REST ends it at once.
* The signature is over the URL, with the scheme wss, and Twilio says that it may or may not
  contain the port.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from functools import partial

import attrs

from trioaudio.carriers._door_checks import as_bytes, header_of, missing_setting, text_setting
from trioaudio.carriers._media_streams import MediaStreamsCodec, StreamDialect, StreamSettings
from trioaudio.core.carrier import (
    Acknowledges,
    Carrier,
    CarrierSettings,
    MarksAfterClear,
    Recovery,
    Role,
    Starts,
)
from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.secret import Secret, masked_url
from trioaudio.core.upgrade import DoorCheck, UpgradeRefusedError, UpgradeRequest

SIGNATURE = "X-Twilio-Signature"
SIGNATURE_SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
_HASHES = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_DEFAULT_PORTS = {"wss": ":443", "ws": ":80"}
_PORT = re.compile(r":[0-9]+$")


@attrs.frozen
class TwilioSettings(StreamSettings):
    """What checking signatures and placing calls needs."""

    account_sid: str = attrs.field(
        default="", metadata={"help": "the account's SID, AC...; to place calls"}
    )
    auth_token: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "the account's auth token; to check signatures and to place calls"},
    )
    rest_url: str = attrs.field(
        default="https://api.twilio.com",
        metadata={"show": masked_url, "help": "where the REST interface is"},
    )


def _check_signature(settings: CarrierSettings, request: UpgradeRequest) -> None:
    given = as_bytes(header_of(request, SIGNATURE))
    name = _announced_hash(request.headers.get(SIGNATURE_SETTINGS.lower(), ""))
    digest = _HASHES.get(name)
    token = as_bytes(text_setting(settings, "auth_token"))
    right = False
    if digest is not None and token:
        for url in _signable_urls(request.url):
            mac = base64.b64encode(hmac.digest(token, as_bytes(url), digest))
            right |= hmac.compare_digest(mac, given)
    if not right:
        raise UpgradeRefusedError(
            f"{SIGNATURE} from {request.peer} does not fit {request.origin}/...;"
            " is the public URL right, and the auth token that of this account?"
        )


def _announced_hash(header: str) -> str:
    """Return the algorithm that `key=…,algorithm=HMAC_SHA256` names; else the usual one."""
    for part in header.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _signable_urls(url: str) -> set[str]:
    """Return the URL as dialled, without its port, and with the scheme's own where it has none."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    bare = _PORT.sub("", host)
    port = _PORT.search(host) or _DEFAULT_PORTS.get(scheme.lower())
    urls = {url, f"{scheme}://{bare}{slash}{path}"}
    if isinstance(port, str):
        urls.add(f"{scheme}://{bare}{port}{slash}{path}")
    return urls


CARRIER = Carrier(
    name="twilio",
    roles=frozenset({Role.ANSWER}),
    settings=TwilioSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("twilio")),
    documentation="https://www.twilio.com/docs/voice/media-streams/websocket-messages",
    sample_rates=(8000,),
    encodings=(Encoding.MULAW,),
    form=PayloadForm.BASE64,
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    door_check=DoorCheck(
        check=_check_signature, missing=missing_setting("auth_token"), proof=SIGNATURE
    ),
    ends_by_close=True,
)
