"""Webhooks as the desk gives them to call control, made from what a carrier sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs

from trioaudio.call_control import load_call_control
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.webhook import IncomingCall, WebhookRequest

NOW = 1_700_000_000.0
ORIGIN = "https://voice.example.com"


def webhook(
    carrier: str,
    form: Mapping[str, str] | None = None,
    *,
    query: str = "",
    told: object = None,
    headers: Mapping[str, str] | None = None,
    url: str = "",
) -> WebhookRequest:
    """A POST with a form or JSON; a GET if it has neither. `url` is all of it, if it matters."""
    body = b"" if form is None else urlencode(form).encode()
    if told is not None:
        body = json.dumps(told).encode()
    origin, path = ORIGIN, f"/answer/{carrier}"
    if url:
        whole, _, query = url.partition("?")
        scheme, _, rest = whole.partition("://")
        host, _, tail = rest.partition("/")
        origin, path = f"{scheme}://{host}", f"/{tail}"
    return WebhookRequest(
        carrier=carrier,
        key=None,
        method="POST" if body else "GET",
        origin=origin,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in (headers or {}).items()},
        query_pairs=tuple(parse_qsl(query, keep_blank_values=True)),
        form=tuple((form or {}).items()),
        body=body,
        json=json.loads(body) if told is not None else None,
        peer="192.0.2.1",
        at=NOW,
    )


def with_headers(request: WebhookRequest, **headers: str) -> WebhookRequest:
    more = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return attrs.evolve(request, headers={**request.headers, **more})


def read(request: WebhookRequest) -> IncomingCall:
    reader = load_call_control(request.carrier).read_webhook
    assert reader is not None
    return reader(request)


def check(request: WebhookRequest, settings: CarrierSettings) -> None:
    proof = load_call_control(request.carrier).webhook_check
    assert proof is not None
    proof.check(settings, request)


def given(settings: CarrierSettings, **fields: Any) -> CarrierSettings:
    """Settings with what is given, in a class of their own where they have no such field."""
    values = {each.name: getattr(settings, each.name) for each in attrs.fields(type(settings))}
    new = {name: attrs.field(default=fields[name]) for name in fields if name not in values}
    if not new:
        return attrs.evolve(settings, **fields)
    made = attrs.make_class("Given", new, bases=(type(settings),), frozen=True)
    found = made(**values | fields)
    assert isinstance(found, CarrierSettings)
    return found
