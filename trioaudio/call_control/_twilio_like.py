"""Twilio's REST interface, and those made like it: calls are placed and steered by forms of XML.

https://www.twilio.com/docs/voice/api/call-resource (documented): POST `Calls.json` with `To`,
`From`, and `Twiml` or `Url`; POST `Calls/{sid}.json` with `Status=completed` ends a call, with
`Twiml` it goes on with another document. `<Connect><Stream>`:
https://www.twilio.com/docs/voice/twiml/stream. Errors carry `code` and `message`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from trioaudio.call_control import _stream_xml
from trioaudio.call_control._replies import Replies
from trioaudio.call_control._twilio_webhooks import TwilioSignature, read_webhook
from trioaudio.call_control._wanted import e164, media_url, segment, web_url
from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
)
from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.secret import Secret
from trioaudio.core.wire_json import text_of

_LONGEST_RING_S = 600
_LONGEST_CALL_S = 14_400
_CALL_IS_OVER = frozenset({"404", "20404", "21220"})
"""No such call; the call is not in a state to be changed."""


@attrs.frozen
class Account:
    """Whom the requests are made for, and where."""

    base_url: str
    """Up to and without `/2010-04-01`."""
    sid: str
    token: Secret

    def request(
        self, path: str, form: tuple[tuple[str, str | Secret], ...], *, safe: bool = False
    ) -> RestRequest:
        """Return a POST to a resource of the account."""
        account = segment("account", self.sid)
        return RestRequest(
            "POST",
            f"{self.base_url}/2010-04-01/Accounts/{account}/{path}.json",
            form=form,
            basic=(self.sid, self.token),
            safe_to_repeat=safe,
        )


@attrs.frozen
class TwilioLike:
    """One member of the family."""

    name: str
    documentation: str
    credentials: tuple[str, ...]
    account: Callable[[CarrierSettings], Account]
    signature: TwilioSignature
    attributes: Callable[[CarrierSettings, Placing], Mapping[str, str]] = lambda _own, _placing: {}
    """What its `<Stream>` has beside the url."""

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
            probe=self._probe,
            transfer=self._transfer,
            check_reply=self._replies.check,
            over=_CALL_IS_OVER,
            answer_document=self._answer_document,
            webhook_check=self.signature.check,
            read_webhook=read_webhook,
        )

    @property
    def _replies(self) -> Replies:
        return Replies(
            self.name,
            codes=(("code",),),
            words=(("message",), ("error",)),
            credentials=self.credentials,
            unknown=frozenset({"401", "403", "20003"}),
        )

    def _place(self, settings: CarrierSettings, placing: Placing) -> RestRequest:
        account = self.account(settings)
        # The document holds a token where the carrier brings one along.
        what: tuple[str, str | Secret] = ("Twiml", Secret(self._document(settings, placing)))
        if placing.answer_url is not None:
            what = ("Url", web_url("answer_url", placing.answer_url))
        return account.request(
            "Calls",
            (
                ("To", e164("to", placing.to)),
                ("From", e164("caller_id", placing.caller_id)),
                what,
                ("Timeout", str(min(placing.ring_s, _LONGEST_RING_S))),
                ("TimeLimit", str(min(placing.most_s, _LONGEST_CALL_S))),
            ),
        )

    def _read_placed(self, reply: RestReply) -> PlacedCall:
        call_id = self._replies.text(reply, "sid")
        return PlacedCall(call_id, text_of(self._replies.object_in(reply).get("status")))

    def _probe(self, settings: CarrierSettings) -> RestRequest:
        """Ask for the account itself: https://www.twilio.com/docs/iam/api/account.

        https://developer.signalwire.com/compatibility-api/client-sdks/methods/accounts/retrieve
        """
        account = self.account(settings)
        sid = segment("account", account.sid)
        return RestRequest(
            "GET",
            f"{account.base_url}/2010-04-01/Accounts/{sid}.json",
            basic=(account.sid, account.token),
            safe_to_repeat=True,
        )

    def _hang_up(self, settings: CarrierSettings, call_id: str) -> RestRequest:
        path = f"Calls/{segment('call_id', call_id)}"
        return self.account(settings).request(path, (("Status", "completed"),), safe=True)

    def _transfer(self, settings: CarrierSettings, call_id: str, transfer: Transfer) -> RestRequest:
        attributes = {"timeout": str(transfer.timeout_s), "timeLimit": str(transfer.duration_s)}
        if transfer.caller_id is not None:
            attributes["callerId"] = e164("caller_id", transfer.caller_id)
        document = _stream_xml.dial([e164("to", each) for each in transfer.to], attributes)
        path = f"Calls/{segment('call_id', call_id)}"
        return self.account(settings).request(path, (("Twiml", document),))

    def _answer_document(self, settings: CarrierSettings, placing: Placing) -> AnswerDocument:
        return AnswerDocument(_stream_xml.CONTENT_TYPE, self._document(settings, placing))

    def _document(self, settings: CarrierSettings, placing: Placing) -> str:
        url = media_url(self.name, placing.media_url, schemes=("wss",), query=False)
        return _stream_xml.connect_stream({"url": url, **self.attributes(settings, placing)})
