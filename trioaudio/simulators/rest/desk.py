"""What simulated REST interfaces share: accounts, calls, and strict reading of requests."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import attrs

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.services.http import Request

Json: TypeAlias = Mapping[str, object]
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LARGEST_KNOWN = 10_000


@attrs.frozen
class RestAccount:
    """Whose requests are taken."""

    id: str = "1000001"
    """Account SID, Auth ID, app id, project, connection or application, as the carrier has it."""
    secret: str = attrs.field(default="simulated-secret", repr=False)
    public_key: str | None = None
    """PEM, of the key that signs Vonage's tokens; None: signatures are not verified."""


@attrs.frozen
class MediaTarget:
    """What the carrier is to dial with a call's audio."""

    url: str
    media: MediaFormat
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)


@attrs.frozen
class Outcome:
    """How a request is answered, and what follows from it."""

    status: int
    body: object = None
    """JSON; None: no body."""
    placed: str | None = None
    """The id of the call that was placed."""
    target: MediaTarget | None = None
    answer_url: str | None = None
    """Where the document that says what to dial is fetched, if the request does not."""
    ended: str | None = None
    """The id of the call that was ended."""
    transferred: str | None = None


class RefusedError(Exception):
    """A request is not taken."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class FieldError(Exception):
    """A field is missing, or not what is documented."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


@attrs.define(eq=False)
class RestDesk:
    """One account's calls."""

    account: RestAccount = RestAccount()
    _live: set[str] = attrs.field(factory=set)
    _over: set[str] = attrs.field(factory=set)

    def new_call(self, prefix: str = "", *, dashes: bool = False) -> str:
        """Return the id of a new call."""
        uuid = uuid4()
        call_id = f"{prefix}{uuid if dashes else uuid.hex}"
        self._live.add(call_id)
        return call_id

    def is_live(self, call_id: str) -> bool:
        """Say whether there is such a call."""
        return call_id in self._live

    def was_live(self, call_id: str) -> bool:
        """Say whether there was such a call."""
        return call_id in self._over

    def end(self, call_id: str) -> None:
        """Take note that a call is over."""
        self._live.discard(call_id)
        if len(self._over) < _LARGEST_KNOWN:
            self._over.add(call_id)


Answer: TypeAlias = Callable[[RestDesk, Request], Outcome]


@attrs.frozen
class RestKind:
    """A carrier's REST interface."""

    name: str
    routes: Sequence[tuple[str, str, Answer]]
    """Method, path with `{name}` for a segment, and what answers. RefusedError."""
    refusal: Callable[[int], object]
    """The body of a refusal for no particular reason, with an HTTP status."""
    signs: bool = False
    """Whether the media stream is proved with the account's secret."""
    read_document: Callable[[str], MediaTarget] | None = None
    """Reads a fetched answer document; FieldError."""
    call_prefix: str = ""
    """What its calls' ids begin with; empty: they are UUIDs."""


# --- Strict reading ----------------------------------------------------------------------


def has_basic(request: Request, user: str, password: str) -> bool:
    """Say whether a request has these credentials."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        return kind == "Basic" and base64.b64decode(given, validate=True) == (
            f"{user}:{password}".encode()
        )
    except binascii.Error:
        return False


def bearer_of(request: Request) -> str:
    """Return a request's bearer token, empty if there is none."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return given if kind == "Bearer" else ""


def form_of(request: Request, known: Sequence[str]) -> dict[str, str]:
    """Return a form's fields; FieldError for a twice given or unknown one."""
    if request.headers.get("content-type") != "application/x-www-form-urlencoded":
        raise FieldError("Content-Type", "is not application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise FieldError("body", "is no form") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found or name not in known:
            raise FieldError(name, "is given twice" if name in found else "is unknown")
        found[name] = value
    return found


def json_of(request: Request, known: Sequence[str]) -> dict[str, object]:
    """Return a JSON object; FieldError for no such thing, or an unknown member."""
    if request.headers.get("content-type") != "application/json":
        raise FieldError("Content-Type", "is not application/json")
    try:
        value = json.loads(request.body)
    except ValueError:
        raise FieldError("body", "is no JSON") from None
    return members(value, "body", known)


def members(value: object, name: str, known: Sequence[str]) -> dict[str, object]:
    """Return an object whose members are all known; FieldError."""
    if not isinstance(value, dict):
        raise FieldError(name, "is no object")
    for each in value:
        if each not in known:
            raise FieldError(each, "is unknown")
    return value


def text(value: Mapping[str, object], name: str, pattern: str = ".+") -> str:
    """Return a text of a form, in full; FieldError."""
    found = value.get(name)
    if not isinstance(found, str) or not re.fullmatch(pattern, found):
        raise FieldError(name, "is missing" if found is None else "is invalid")
    return found


def number(value: Mapping[str, object], name: str, least: int, most: int) -> int:
    """Return a whole number within limits; FieldError. A number as text is none."""
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
        raise FieldError(name, "is missing" if found is None else "is invalid")
    return found


def number_text(value: Mapping[str, object], name: str, least: int, most: int) -> int:
    """Return a whole number of a form, where everything is text; FieldError."""
    return number({name: int(text(value, name, "[0-9]{1,9}"))}, name, least, most)


def stream_url(name: str, url: object, *, schemes: Sequence[str] = ("ws", "wss")) -> str:
    """Return a media URL the carrier can dial; FieldError. ws:// is good enough for loopback."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        valid = parts is not None and parts.hostname is not None and parts.port != 0
    except ValueError:
        parts, valid = None, False
    if parts is None or not valid or parts.scheme not in ("ws", "wss"):
        raise FieldError(name, "is no WebSocket URL")
    if parts.scheme not in schemes and parts.hostname not in _LOOPBACK:
        raise FieldError(name, f"is not {' or '.join(schemes)}")
    return parts.geturl()


def one_element(parent: ET.Element, tag: str, known: Sequence[str]) -> ET.Element:
    """Return an element's only child, with known attributes; FieldError."""
    if [each.tag for each in parent] != [tag]:
        raise FieldError(tag, "is missing, or not alone")
    for each in parent[0].attrib:
        if each not in known:
            raise FieldError(each, "is unknown")
    return parent[0]


def response_in(document: str) -> ET.Element:
    """Return the root of a document; FieldError when it is no XML with a `<Response>`."""
    try:
        root = ET.fromstring(document)  # noqa: S314  expat of today bounds what entities become
    except ET.ParseError:
        raise FieldError("document", "is no XML") from None
    if root.tag != "Response" or root.attrib:
        raise FieldError("Response", "is missing")
    return root


def media(encoding: Encoding, rate: str | int) -> MediaFormat:
    """Return what a stream carries."""
    return MediaFormat(encoding, int(rate))
