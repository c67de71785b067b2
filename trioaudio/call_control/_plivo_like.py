"""Plivo's REST interface, and those made like it: the carrier fetches XML from an answer URL.

https://docs.plivo.com/docs/voice/api/calls (documented): POST `Call/` with `from`, `to`,
`answer_url`; DELETE `Call/{uuid}/` ends a call; POST `Call/{uuid}/` with `legs` and `aleg_url` has
it go on with another document. `<Stream>`: https://docs.plivo.com/docs/voice/xml/audiostream.
Read in Plivo's own client: DELETE `Request/{uuid}/` takes back a call that is not up yet.
Inferred: that the `request_uuid` of a call to one number is its call uuid, as Plivo's own
examples use it.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import attrs

from trioaudio.call_control import _stream_xml
from trioaudio.call_control._plivo_webhooks import PlivoSignature, read_webhook
from trioaudio.call_control._replies import Replies
from trioaudio.call_control._wanted import digits, media_url, rest_url, segment, web_url
from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
)
from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.encoding import Encoding
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.core.wire_json import text_of


@attrs.frozen
class Account:
    """Whom the requests are made for, and where."""

    rest_url: str
    auth_id: str
    auth_token: Secret
    transfer_url: str
    """The answer document that dials whom a call is transferred to."""
    root: str = "/v1"
    """What stands before `/Account/` in a path."""
    own_headers: tuple[str, str] | None = None
    """The headers that carry id and token, where it is not Basic authentication."""

    def request(
        self, method: str, path: str, json: dict[str, str | int] | None, *, safe: bool = False
    ) -> RestRequest:
        """Return a request for a resource of the account."""
        base_url, account = rest_url("rest_url", self.rest_url), segment("auth_id", self.auth_id)
        headers: tuple[tuple[str, str | Secret], ...] = ()
        if self.own_headers is not None:
            headers = tuple(zip(self.own_headers, (self.auth_id, self.auth_token), strict=True))
        return RestRequest(
            method,
            f"{base_url}{self.root}/Account/{account}/{path}",
            json=json,
            basic=None if headers else (self.auth_id, self.auth_token),
            headers=headers,
            safe_to_repeat=safe,
        )


@attrs.frozen
class PlivoLike:
    """One member of the family."""

    name: str
    documentation: str
    credentials: tuple[str, ...]
    account: Callable[[CarrierSettings], Account]
    signature: PlivoSignature
    shows_account: bool = False
    """Whether GET of the account is documented: https://docs.plivo.com/docs/account/api."""

    @property
    def control(self) -> CallControl:
        """Its call control."""
        return CallControl(
            name=self.name,
            documentation=self.documentation,
            credentials=self.credentials,
            place=self._place,
            read_placed=self._read_placed,
            hang_up=self._hang_up,
            cancel=self._cancel,
            probe=self._probe if self.shows_account else None,
            transfer=self._transfer,
            check_reply=self._replies.check,
            over=frozenset({"404"}),
            wants_answer_url=True,
            answer_document=self._answer_document,
            webhook_check=self.signature.check,
            read_webhook=read_webhook,
        )

    @property
    def _replies(self) -> Replies:
        return Replies(
            self.name,
            codes=(("error_code",),),
            words=(("error",), ("error", "error"), ("message",)),
            credentials=self.credentials,
        )

    def _place(self, settings: CarrierSettings, placing: Placing) -> RestRequest:
        if placing.answer_url is None:
            raise ConfigError(
                f"answer_url: {self.name} fetches what to do with a call from a URL; have it served"
                " by --answer-listen, or serve what 'trioaudio answer-document --carrier"
                f" {self.name}' prints, and give its address"
            )
        return self.account(settings).request(
            "POST",
            "Call/",
            {
                "from": digits("caller_id", placing.caller_id),
                "to": digits("to", placing.to),
                "answer_url": web_url("answer_url", placing.answer_url),
                "answer_method": "GET",
                "ring_timeout": placing.ring_s,
                "time_limit": placing.most_s,
            },
        )

    def _read_placed(self, reply: RestReply) -> PlacedCall:
        call_id = self._replies.text(reply, "request_uuid")
        return PlacedCall(call_id, text_of(self._replies.object_in(reply).get("message")))

    def _probe(self, settings: CarrierSettings) -> RestRequest:
        return self.account(settings).request("GET", "", None, safe=True)

    def _hang_up(self, settings: CarrierSettings, call_id: str) -> RestRequest:
        path = f"Call/{segment('call_id', call_id)}/"
        return self.account(settings).request("DELETE", path, None, safe=True)

    def _cancel(self, settings: CarrierSettings, call_id: str) -> RestRequest:
        path = f"Request/{segment('call_id', call_id)}/"
        return self.account(settings).request("DELETE", path, None, safe=True)

    def _transfer(self, settings: CarrierSettings, call_id: str, transfer: Transfer) -> RestRequest:
        account = self.account(settings)
        if not account.transfer_url:
            raise ConfigError(
                f"transfer_url: {self.name} fetches whom to dial from a URL; serve a document with"
                f" <Dial> and set TRIOAUDIO_{self.name.upper()}_TRANSFER_URL to its address"
            )
        url = web_url("transfer_url", account.transfer_url)
        # For whoever makes the document when it is asked for; a file on disk does not mind.
        asked = [("to", digits("to", each)) for each in transfer.to]
        if transfer.caller_id is not None:
            asked.append(("caller_id", digits("caller_id", transfer.caller_id)))
        return account.request(
            "POST",
            f"Call/{segment('call_id', call_id)}/",
            {
                "legs": "aleg",
                "aleg_url": f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}",
                "aleg_method": "GET",
            },
        )

    def _answer_document(self, settings: CarrierSettings, placing: Placing) -> AnswerDocument:
        del settings
        url = media_url(self.name, placing.media_url)
        media = placing.media
        kind = "audio/x-mulaw" if media.encoding is Encoding.MULAW else "audio/x-l16"
        attributes = {
            "bidirectional": "true",
            "keepCallAlive": "true",
            # Plivo's own pages disagree about the default.
            "contentType": f"{kind};rate={media.sample_rate}",
        }
        return AnswerDocument(_stream_xml.CONTENT_TYPE, _stream_xml.stream(url, attributes))
