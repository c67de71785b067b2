"""The OpenAPI 3.1 document of the operations, with msgspec's schemas of the messages' types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from trioaudio import __version__
from trioaudio.api import commands
from trioaudio.api.events import Event
from trioaudio.api.requests import StreamRequest
from trioaudio.api.shapes import CallId
from trioaudio.api.views import Answer, Cut, Problem
from trioaudio.control.call_routes import PCM_TYPES, WAV_TYPES
from trioaudio.control.idempotency import LONGEST_KEY
from trioaudio.control.operation import Operation
from trioaudio.control.problems import KINDS, PROBLEM_TYPE

_TEMPLATE: Final = "#/components/schemas/{name}"
_STREAM_TYPES: Final = (StreamRequest, Event, Answer, Cut)
_ABOUT: Final = """\
Text in, perfectly paced telephone audio out. Every error is a problem of RFC 9457; the last part of
its type says what it is. A POST with an `Idempotency-Key` may be repeated: it is carried out once.
"""
_STREAM: Final = """\
A WebSocket. The token comes in the Authorization header, or as the first message within 5 s:
`{"kind": "token", "token": "ta_…"}`. Text messages are a StreamRequest each; one with a `ref` is
answered by an Answer. Events are told once subscribed to. Audio comes in binary messages: a version
(1), the length of the call's id, the id, the side (0 callee, 1 ours), then 60 ms of PCM16 LE mono.
Close codes: 1001 the node stops, 1008 the token, 1013 too slow, after a Cut, or too many streams.
"""
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key, path and body get the same answer again, for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
}
_TRACE: Final = {
    "name": "traceparent",
    "in": "header",
    "description": "W3C trace context; passed over when malformed.",
    "schema": {"type": "string"},
}


def build_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the document, ready to be written as JSON."""
    every = list(operations)
    types = list(_types(every))
    schemas, components = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    _loosen_tags(components)
    paths: dict[str, dict[str, Any]] = {}
    for each in every:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schema_of)
    paths["/v1/stream"] = {"get": _stream()}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "trioaudio",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _types(operations: list[Operation]) -> Iterator[Any]:
    yield Problem
    yield from _STREAM_TYPES
    for each in operations:
        yield from (kind for kind in (each.reply, each.body) if kind is not None)
        yield from each.also.values()


def _loosen_tags(components: dict[str, Any]) -> None:
    """Take `do` out of what a command needs: its path says it, and on the stream it is a tag."""
    names = {each.__name__ for each in commands.CallCommand.__args__}
    for name in names & set(components):
        needed = [field for field in components[name].get("required", ()) if field != "do"]
        components[name].pop("required", None)
        if needed:
            components[name]["required"] = needed


def _operation(operation: Operation, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [_tag(operation.path)],
        "responses": _responses(operation, schema_of),
    }
    if operation.guard == "open":
        made["security"] = []
    elif operation.guard == "near":
        made["security"] = [{}, {"token": []}]
        made["description"] = "Without a token if only this machine reaches the server."
    else:
        made["description"] = f"Needs a token of the role {operation.guard}."
        made["x-role"] = operation.guard
    if parameters := list(_parameters(operation)):
        made["parameters"] = parameters
    if operation.form != "none":
        made["requestBody"] = _body(operation, schema_of)
    return made


def _tag(path: str) -> str:
    if not path.startswith("/v1/"):
        return "process"
    return "calls" if path.startswith("/v1/calls") else "node"


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        schema: Any = (
            msgspec.json.schema(CallId) if name == "call" else {"type": "integer", "minimum": 1}
        )
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if operation.query is not None:
        schema = msgspec.json.schema(operation.query)
        (inner,) = schema["$defs"].values()
        for name, each in inner["properties"].items():
            yield {"name": name, "in": "query", "schema": _without_null(each)}
    if operation.method == "POST":
        yield _KEY
        yield _TRACE


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a query can hold: a parameter is left out rather than null."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**kinds[0], **rest}


def _body(operation: Operation, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    if operation.form == "audio":
        binary = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
        kinds = ("audio/wav", "audio/L16", "application/octet-stream")
        assert {each.lower() for each in kinds} <= WAV_TYPES | PCM_TYPES
        return {"required": True, "content": dict.fromkeys(kinds, binary)}
    content = {"application/json": {"schema": schema_of[repr(operation.body)]}}
    return {"required": operation.body_needed, "content": content}


def _responses(operation: Operation, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "It was done."}
    if operation.reply is not None:
        good["content"] = {operation.media_type: {"schema": schema_of[repr(operation.reply)]}}
    elif operation.media_type == "application/json":
        good["content"] = {operation.media_type: {"schema": {"type": "object"}}}
    else:
        good["content"] = {operation.media_type: {"schema": {"type": "string"}}}
    if operation.name == "create-call":
        good["headers"] = {"Location": {"schema": {"type": "string"}}}
    responses = {str(operation.status): good}
    for status, kind in operation.also.items():
        content = {"application/json": {"schema": schema_of[repr(kind)]}}
        responses[str(status)] = {"description": "It is not.", "content": content}
    for status, titles in sorted(_problems(operation).items()):
        content = {PROBLEM_TYPE: {"schema": schema_of[repr(Problem)]}}
        responses[str(status)] = {"description": "; ".join(titles) + ".", "content": content}
    return responses


def _problems(operation: Operation) -> dict[int, list[str]]:
    """Return the titles of the problems a route may have, by status."""
    guard, method = operation.guard, operation.method
    sorts = (
        (True, ("bad-request", *operation.faults)),
        (guard != "open", ("token", "rate")),
        (guard in {"operator", "admin"}, ("forbidden",)),
        (method != "GET", ("too-large", "slow")),
        (method == "POST", ("invalid", "in-progress")),
        (operation.query is not None, ("invalid",)),
        (operation.form != "none", ("media-type",)),
    )
    kinds = [kind for has, some in sorts if has for kind in some]
    found: dict[int, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        status, title = KINDS[kind]
        if status not in operation.also:
            found.setdefault(status, []).append(title)
    return found


def _stream() -> dict[str, Any]:
    problem = {PROBLEM_TYPE: {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}}
    return {
        "operationId": "stream",
        "summary": "Commands, events and audio of calls, on one connection.",
        "description": _STREAM,
        "tags": ["stream"],
        "responses": {
            "101": {"description": "The WebSocket is open."},
            "401": {"description": "The token is not known.", "content": problem},
            "426": {"description": "Without an upgrade.", "content": problem},
            "503": {"description": "Too many streams are open.", "content": problem},
        },
    }
