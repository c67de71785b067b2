"""Placing and steering telephone calls by a carrier's REST interface, without doing any of it.

A carrier's call control builds requests and reads replies; `net` sends them. What a carrier is
to be told when a call comes in, its *answer document*, is built here too, since it says the
same thing: connect the call to this media URL.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import attrs

from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.secret import MASK, Secret
from trioaudio.core.webhook import IncomingCall, WebhookCheck, WebhookRequest
from trioaudio.core.wire_json import JsonValue

_SHORTEST_SECRET = 6  # characters: a shorter one would mask ordinary words


class CallControlError(TrioaudioError):
    """The carrier's REST interface did not do what was asked.

    `status` is the HTTP status, `code` the carrier's own error code; None where there was none.
    `maybe_done` says that the request may have been carried out all the same: nobody knows
    whether a telephone is ringing.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.maybe_done = maybe_done


# --- What is sent and what comes back ----------------------------------------------------

RestValue: TypeAlias = (
    str | int | float | bool | Secret | Sequence["RestValue"] | Mapping[str, "RestValue"] | None
)
"""JSON to be sent; a Secret stands for its text, and is shown by nobody."""


@attrs.frozen
class SignedToken:
    """A JSON Web Token (RFC 7519) signed with RS256 when it is sent, for it holds the time.

    Whoever sends it adds the claims `iat`, `exp` and a `jti` nobody used before.
    """

    private_key_file: Path
    """PEM."""
    claims: Mapping[str, str]
    lifetime_s: int = 120
    """Tries and waits included."""


@attrs.frozen
class RestRequest:
    """One HTTP request, not sent yet. `json` and `form` are alternatives for its body.

    What is secret is a Secret, wherever it stands, and never part of the URL: so it is in no
    message and no log line.
    """

    method: str
    url: str
    json: Mapping[str, RestValue] | None = None
    form: tuple[tuple[str, str | Secret], ...] | None = None
    """In order; a name may come twice."""
    basic: tuple[str, Secret] | None = None
    bearer: Secret | SignedToken | None = None
    headers: tuple[tuple[str, str | Secret], ...] = ()
    """Of the carrier's own, beside those above."""
    safe_to_repeat: bool = False
    """Whether sending it twice does no more than sending it once: a hang-up, never a call."""


@attrs.frozen
class RestReply:
    """What came back; `body` is text of any kind."""

    status: int
    body: str


def revealed(value: RestValue) -> JsonValue:
    """Return JSON with its secrets as text: for the wire, and for nothing else."""
    match value:
        case Secret():
            return value.get()
        case Mapping():
            return {key: revealed(each) for key, each in value.items()}
        case str() | int() | float() | None:
            return value
        case _:
            return [revealed(each) for each in value]


def masked(text: str, request: RestRequest, also: Iterable[str] = ()) -> str:
    """Return a text, the carrier's perhaps, with the request's secrets and others as ***."""
    secrets = [each for each in {*_secrets_of(request), *also} if len(each) >= _SHORTEST_SECRET]
    spelled = {form for each in secrets for form in _spellings(each)}
    for secret in sorted(spelled, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _spellings(secret: str) -> set[str]:
    """Return a text as it may stand in an answer: plain, in JSON, in a URL."""
    in_json = json.dumps(secret)[1:-1]
    return {secret, in_json, in_json.replace("/", "\\/"), quote(secret, safe="")}


def _secrets_of(request: RestRequest) -> set[str]:
    found = _secrets_in(request.json)
    for _, value in request.form or ():
        found |= _secrets_in(value)
    for _, value in request.headers:
        found |= _secrets_in(value)
    if isinstance(request.bearer, Secret):
        found.add(request.bearer.get())
    if request.basic is not None:
        user, password = request.basic[0], request.basic[1].get()
        # The header's form, too: a proxy's error page may quote it.
        found |= {password, base64.b64encode(f"{user}:{password}".encode()).decode()}
    return found


def _secrets_in(value: RestValue) -> set[str]:
    match value:
        case Secret():
            return {value.get()}
        case Mapping():
            return {secret for each in value.values() for secret in _secrets_in(each)}
        case str() | int() | float() | None:
            return set()
        case _:
            return {secret for each in value for secret in _secrets_in(each)}


# --- What is asked for -------------------------------------------------------------------


@attrs.frozen
class Placing:
    """A call to be placed. Numbers are as the operator wrote them: E.164, with or without +."""

    to: str
    caller_id: str
    media_url: str
    """ws:// or wss:// URL that the carrier is to dial with the call's audio."""
    media: MediaFormat
    stream_token: Secret = Secret()
    """What the carrier shall bring along to the media URL, where it can."""
    answer_url: str | None = None
    """Where the carrier fetches the answer document, for carriers that take it no other way."""
    ring_s: int = 40
    most_s: int = 5400
    """Seconds the call may last."""


@attrs.frozen
class CallOrder:
    """Whom to call, and as whom, as the operator says it."""

    to: str
    caller_id: str
    answer_url: str | None = None
    """Where the answer document is fetched; with `answer_at`, how that is reached from outside."""
    answer_at: tuple[str, int] | None = None
    """Host and port where we serve the answer document ourselves; None: somebody else does."""


@attrs.frozen
class PlacedCall:
    """A call the carrier has accepted; it may not ring yet.

    `call_id` is how the carrier knows it from now on, and what a hang-up needs; None where the
    carrier tells it later, on the media stream.
    """

    call_id: str | None
    state: str | None = None


@attrs.frozen
class AnswerDocument:
    """What a carrier's webhook is answered with when a call comes in.

    It may hold secrets that the carrier is to bring along.
    """

    content_type: str
    body: str = attrs.field(repr=False)


# --- What a carrier can do ---------------------------------------------------------------

Place: TypeAlias = Callable[[CarrierSettings, Placing], RestRequest]
HangUpCall: TypeAlias = Callable[[CarrierSettings, str], RestRequest]
TransferCall: TypeAlias = Callable[[CarrierSettings, str, Transfer], RestRequest]
Probe: TypeAlias = Callable[[CarrierSettings], RestRequest]
AnswerCall: TypeAlias = Callable[[CarrierSettings, str, Placing], RestRequest]


@attrs.frozen
class CallControl:
    """What one carrier's REST interface can do for us; None for what it cannot.

    The functions compute. They raise ConfigError when a number or a URL is not what the carrier
    takes; the problem begins with the setting's or the argument's name.
    """

    name: str
    """The carrier's."""
    documentation: str
    credentials: tuple[str, ...] = ()
    """Field names of the settings without which nothing can be asked of the carrier."""
    place: Place | None = None
    read_placed: Callable[[RestReply], PlacedCall] | None = None
    """Reads the reply to `place`; CallControlError with the carrier's own code and words."""
    hang_up: HangUpCall | None = None
    cancel: HangUpCall | None = None
    """Takes back a placed call that is not up yet, where `hang_up` does not reach it."""
    transfer: TransferCall | None = None
    probe: Probe | None = None
    """Reads something and changes nothing: whoever may not is refused. None: none is documented."""
    check_reply: Callable[[RestReply], None] | None = None
    """Reads the reply to the others; CallControlError with the carrier's own code and words."""
    over: frozenset[str] = frozenset()
    """HTTP statuses and error codes that say there is no such call any more."""
    wants_answer_url: bool = False
    """Whether `place` needs `Placing.answer_url`."""
    answer_document: Callable[[CarrierSettings, Placing], AnswerDocument] | None = None
    """Of `Placing` only `media_url`, `media` and `stream_token` count."""
    answer: AnswerCall | None = None
    """Answers a call that came in, where a webhook's reply is not read; of `Placing` the same."""
    webhook_check: WebhookCheck | None = None
    """The signature on its webhooks; None: it signs none, or how is not known."""
    read_webhook: Callable[[WebhookRequest], IncomingCall] | None = None
    """Reads a webhook; UnreadableWebhookError when it tells of no call."""

    def missing(self, settings: CarrierSettings) -> list[str]:
        """Return the field names of the credentials that are not set."""
        return [name for name in self.credentials if not getattr(settings, name)]

    def is_over(self, error: CallControlError) -> bool:
        """Say whether an error only means that the call has ended already."""
        return error.code in self.over or str(error.status) in self.over
