"""A call that comes in at a simulated carrier: it asks by HTTP what to do, and tells the end."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime

import attrs
import trio

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.rest._webhooks import ASKS, CallInNews, HttpAsk
from trioaudio.simulators.rest.desk import FieldError, MediaTarget, RestDesk, RestKind

CALLER = "919811111111"
CALLED = "918040000000"
_ASK_S = 10.0
_FETCH_S = 5.0
_LARGEST_DOCUMENT = 64 << 10


@attrs.frozen
class Told:
    """What a webhook was answered with."""

    status: int
    """HTTP's; 0: there was no answer."""
    document: str


@attrs.frozen
class CallIn:
    """One call that comes in."""

    kind: RestKind
    desk: RestDesk
    url: str
    call_id: str

    async def ask(self, *, over: bool = False) -> Told:
        """Ask what to do with the call, or tell that it is over."""
        news = CallInNews(
            url=self.url,
            call_id=self.call_id,
            caller=CALLER,
            called=CALLED,
            secret=self.desk.account.secret,
            at=datetime.now(UTC).timestamp(),
            over=over,
        )
        request = ASKS[self.kind.name](news)
        return await trio.to_thread.run_sync(_send, request, abandon_on_cancel=True)

    def target(self, told: Told) -> MediaTarget | None:
        """Return what a document says is to be dialled; FieldError. None: a command will tell."""
        if self.kind.read_document is None:
            return None
        return self.kind.read_document(told.document)


def call_in(kind: RestKind, desk: RestDesk, url: str) -> CallIn:
    """Begin a call that comes in; ConfigError where none is simulated."""
    if kind.name not in ASKS:
        raise ConfigError(
            f"carrier={kind.name}: no calls come in there; they do at {', '.join(sorted(ASKS))}"
        )
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"--call {url!r}: wanted the http:// or https:// URL of the webhook")
    return CallIn(kind, desk, url, desk.new_call(kind.call_prefix, dashes=not kind.call_prefix))


def _send(ask: HttpAsk) -> Told:
    request = urllib.request.Request(ask.url, ask.body, dict(ask.headers))  # noqa: S310  checked
    try:
        with urllib.request.urlopen(request, timeout=_ASK_S) as answer:  # noqa: S310
            return Told(answer.status, answer.read(_LARGEST_DOCUMENT).decode())
    except urllib.error.HTTPError as exc:
        with exc:
            return Told(exc.code, exc.read(_LARGEST_DOCUMENT).decode("utf-8", "replace"))
    except (OSError, ValueError) as exc:
        return Told(0, str(exc))


def read_document(kind: RestKind, document: str) -> MediaTarget:
    """Return what a document that was fetched says is to be dialled; FieldError."""
    if kind.read_document is None:
        raise FieldError("answer_url", "leads to documents not read here")
    return kind.read_document(document)


def fetch(url: str) -> str:
    """Fetch a document, as a carrier does; ValueError, OSError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("no http:// URL")
    with urllib.request.urlopen(url, timeout=_FETCH_S) as answer:  # noqa: S310  checked above
        found: bytes = answer.read(_LARGEST_DOCUMENT)
        return found.decode()
