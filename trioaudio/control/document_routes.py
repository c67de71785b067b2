"""The routes of the API's documentation, made once when the server is opened."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

import msgspec

from trioaudio.control.idempotency import HttpAnswer
from trioaudio.control.openapi import build_document
from trioaudio.control.operation import Asked, Operation


def document_operations(documented: Iterable[Operation]) -> list[Operation]:
    """Return the OpenAPI document's route, and that of the page that shows it."""
    document = msgspec.json.encode(build_document(documented))
    page = files("trioaudio.control").joinpath("docs_page.html").read_bytes()

    def openapi(_: Asked) -> HttpAnswer:
        return HttpAnswer(200, document)

    def docs(_: Asked) -> HttpAnswer:
        return HttpAnswer(200, page, "text/html; charset=utf-8", (_POLICY,))

    return [
        Operation(
            method="GET",
            path="/openapi.json",
            name="openapi",
            summary="Return the OpenAPI document.",
            guard="near",
            run=openapi,
        ),
        Operation(
            method="GET",
            path="/docs",
            name="docs",
            summary="Show the API, to be tried out.",
            guard="near",
            run=docs,
            media_type="text/html",
        ),
    ]


_POLICY = (
    "Content-Security-Policy",
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'",
)
