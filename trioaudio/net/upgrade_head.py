"""From an HTTP head to the upgrade it asks for, or to what it asks for instead.

https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1 says what a server checks.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import attrs
import h11

from trioaudio.core.upgrade import UpgradeRequest
from trioaudio.net.refusal import Refusal

HEAD_LIMIT: Final = 16 * 1024
LINES_LIMIT: Final = 100
"""Header lines. Carriers send about twenty; parsing costs by the line more than by the byte."""

_OF_A_BODY: Final = frozenset({"content-length", "transfer-encoding"})
_PLAIN_HOST: Final = re.compile(r"[a-z0-9-]{1,50}(\.[a-z0-9-]{1,50}){0,8}(:[0-9]{1,5})?")
_WEBSOCKETS_ONLY: Final = {"Upgrade": "websocket", "Connection": "Upgrade, close"}


@attrs.frozen
class UpgradeHead:
    """What a head says that asks for a WebSocket."""

    path: str
    query: str
    headers: dict[str, str]
    """By lower-case name, values joined as `UpgradeRequest` has them; bytes are Latin-1."""


@attrs.frozen
class RequestHead(UpgradeHead):
    """What a head says, whatever it asks for."""

    method: str
    plain: bool = False
    """Whether it is HTTP/1.1 and says nothing twice."""


def parse_head(head: bytes) -> UpgradeHead | Refusal:
    """Read a head that asks for a WebSocket; any bytes are answered, none crash."""
    found = parse_request(head)
    return found if isinstance(found, Refusal) else asked_upgrade(found)


def parse_request(head: bytes) -> RequestHead | Refusal:
    """Read a head, with whatever comes behind it; any bytes are answered, none crash."""
    if has_too_many_lines(head):
        return Refusal(HTTPStatus.BAD_REQUEST, f"more than {LINES_LIMIT} header lines")
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    try:
        parser.receive_data(head)
        event = parser.next_event()
    except h11.RemoteProtocolError:
        return Refusal(HTTPStatus.BAD_REQUEST, "not an HTTP request")
    if not isinstance(event, h11.Request):
        return Refusal(HTTPStatus.BAD_REQUEST, f"no HTTP request within {HEAD_LIMIT} bytes")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path, _, query = event.target.decode("ascii").partition("?")
    plain = event.http_version == b"1.1" and len(headers) == len(event.headers)
    return RequestHead(path, query, headers, event.method.decode("ascii"), plain)


def asked_upgrade(head: RequestHead) -> UpgradeHead | Refusal:
    """Return what a request asks for, if that is a WebSocket; else why it is refused."""
    if head.method != "GET":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "not a GET request", {"Allow": "GET"})
    if head.headers.get("upgrade", "").lower() != "websocket":
        return Refusal(
            HTTPStatus.UPGRADE_REQUIRED,
            "an HTTP request that asks for no WebSocket: a browser, a health check, or a proxy"
            " that drops the Upgrade header",
            _WEBSOCKETS_ONLY,
        )
    return head


def is_plain_handshake(head: RequestHead) -> bool:
    """Say whether a head is certain to be a WebSocket handshake without a fault, as nearly all are.

    False is no verdict: who says something twice, or beyond ASCII, or sends a body, may still be
    right, and whoever speaks the protocol must look.
    """
    headers = head.headers
    if not head.plain or head.method != "GET" or headers.keys() & _OF_A_BODY:
        return False
    connection, host = headers.get("connection", "").lower(), headers.get("host", "").lower()
    return (
        all(map(str.isascii, headers.values()))
        and "upgrade" in (each.strip() for each in connection.split(","))
        and headers.get("upgrade", "").lower() == "websocket"
        and headers.get("sec-websocket-version") == "13"
        and "sec-websocket-key" in headers
        and _PLAIN_HOST.fullmatch(host) is not None
        and "xn--" not in host
    )


def has_too_many_lines(head: bytes | bytearray) -> bool:
    """Say whether there are more header lines than anybody needs; what comes behind is no line."""
    end = head.find(b"\r\n\r\n", 0, HEAD_LIMIT)
    return head.count(b"\n", 0, HEAD_LIMIT if end < 0 else end) > LINES_LIMIT


@attrs.frozen
class PublicUrl:
    """The URL under which far ends reach the listener."""

    origin: str
    """Scheme, host, and port if one is written."""
    prefix: str
    """What stands before our paths, without a slash at its end; a proxy may take it away."""

    def inner(self, path: str) -> str:
        """Return a path without the prefix, if it has it still."""
        if path.startswith(f"{self.prefix}/"):
            return path[len(self.prefix) :]
        return path


def read_public_url(url: str) -> PublicUrl:
    """Take apart a URL that was checked before."""
    parts = urlsplit(url)
    return PublicUrl(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))


def upgrade_request(
    head: UpgradeHead, public: PublicUrl | None, *, here: str, peer: str, at: float
) -> UpgradeRequest:
    """Return what a check is to see.

    Signatures are made of the URL the far end dialled. Where the operator has said what that
    is, nothing the request says counts; else it is `here`, the listener's own scheme and address,
    with the request's `Host`.
    """
    if public is not None:
        origin, path = public.origin, public.prefix + public.inner(head.path)
    else:
        scheme, _, address = here.partition("://")
        origin, path = f"{scheme}://{head.headers.get('host', address)}", head.path
    return UpgradeRequest(
        origin=origin, path=path, query=head.query, headers=head.headers, peer=peer, at=at
    )
