"""Fonoster streams whose protocol is `twilio`: Twilio's Media Streams, signed in another way.

https://docs.fonoster.com/reference/twilio-compatibility (messages),
https://docs.fonoster.com/streams/bring-your-app (hanging up),
https://docs.fonoster.com/streams/verify-signatures (the signature).

Unusual about it:

* Closing the socket hangs the call up; there is no message for it.
* It does not read the stream's id in our messages.
* `x-fonoster-signature` is the lower-case hexadecimal HMAC-SHA256 of the time, a full stop and the
  stream's URL exactly as configured. It is good for 300 s. The second signature, which binds the
  URL to one of several streams that share a secret, is not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
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
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import DoorCheck, UpgradeRefusedError, UpgradeRequest
from trioaudio.core.wire_json import number_of

SIGNATURE = "x-fonoster-signature"
SIGNED_AT = "x-fonoster-timestamp"
_GOOD_FOR_S = 300


@attrs.frozen
class FonosterSettings(StreamSettings):
    """What knowing Fonoster at the door needs."""

    signing_secret: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "the stream's signing secret: what Fonoster proves itself with"},
    )


def _check_signature(settings: CarrierSettings, request: UpgradeRequest) -> None:
    given = header_of(request, SIGNATURE)
    signed_at = header_of(request, SIGNED_AT)
    secret = as_bytes(text_setting(settings, "signing_secret"))
    mac = hmac.new(secret, as_bytes(f"{signed_at}.{request.url}"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(mac.encode(), as_bytes(given)) or not secret:
        raise UpgradeRefusedError(
            f"{SIGNATURE} from {request.peer} does not fit {request.origin}/...;"
            " is the public URL right, and the signing secret that of this stream?"
        )
    seconds = number_of(signed_at)
    if seconds is None or abs(request.at - seconds) > _GOOD_FOR_S:
        raise UpgradeRefusedError(
            f"{SIGNATURE} from {request.peer} is older or newer than {_GOOD_FOR_S} s;"
            " is this machine's clock right?"
        )


CARRIER = Carrier(
    name="fonoster",
    roles=frozenset({Role.ANSWER}),
    settings=FonosterSettings(),
    new_codec=partial(MediaStreamsCodec, StreamDialect("fonoster")),
    documentation="https://docs.fonoster.com/reference/twilio-compatibility",
    sample_rates=(8000,),
    encodings=(Encoding.MULAW,),
    form=PayloadForm.BASE64,
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.RETURNED,
    door_check=DoorCheck(
        check=_check_signature, missing=missing_setting("signing_secret"), proof=SIGNATURE
    ),
    ends_by_close=True,
)
