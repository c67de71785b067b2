"""`/livez` and `/readyz` as a daemon serves them, in every state it can be in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from daemon.daemon_rig import Node, node, raw_carrier, wait_for
from trioaudio.simulators.services.service import open_service
from trioaudio.simulators.services.studio import ServiceOptions


async def _at_once(_made: Node) -> None:
    """Do not wait until it is ready."""
    await trio.lowlevel.checkpoint()


async def told(http: httpx.AsyncClient, status: int) -> dict[str, Any]:
    """Ask for both; return what `/readyz` says. Neither wants a token."""
    alive = await http.get("/livez")
    assert (alive.status_code, alive.text) == (200, "ok")
    ready = await http.get("/readyz")
    assert ready.status_code == status
    assert ready.headers["content-type"] == "application/json"
    assert ("retry-after" in ready.headers) == (status == 503)
    body: dict[str, Any] = ready.json()
    assert body.keys() == {"ready", "reason", "detail"}
    assert body["ready"] == (status == 200)
    return {**body, "retry-after": ready.headers.get("retry-after")}


async def test_ready_full_and_ready_again(tmp_path: Path) -> None:
    async with (
        node(tmp_path, calls_most="1", carriers="raw") as made,
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        assert (await told(http, 200))["reason"] == "ready"
        async with raw_carrier(f"{made.addresses.media}/media/raw"):
            await made.event("call.answered")
            full = await told(http, 503)
            assert (full["reason"], full["retry-after"]) == ("full", "5")
            assert full["detail"] == "1 calls are up, and no more are taken"
        await made.gone()
        assert (await told(http, 200))["reason"] == "ready"


async def test_overloaded(tmp_path: Path) -> None:
    async with (
        node(tmp_path, cpu_most="0.000001", carriers="raw") as made,
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        await wait_for(lambda: made.daemon.load.refusal() is not None)
        state = await told(http, 503)
        assert (state["reason"], state["retry-after"]) == ("overloaded", "5")
        assert "the CPU is" in state["detail"]
        assert (await made.client.node()).state == "full"  # as applications know it


async def test_starting_until_an_engine_has_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Node, "ready", _at_once)
    async with (
        open_service("openai", ServiceOptions(first_audio_ms=1000)) as service,
        node(
            tmp_path,
            carriers="raw",
            engine="openai",
            openai_url=service.http_url,
            openai_api_key="sk-0123456789abcdef",
            openai_first_audio_ms="20000",
            embedded_last="no",
        ) as made,
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        state = await told(http, 503)
        assert (state["reason"], state["retry-after"]) == ("starting", "1")
        assert state["detail"] == "no engine has spoken yet"
        await wait_for(lambda: made.daemon.admission.readiness().ready)
        assert (await told(http, 200))["reason"] == "ready"


async def test_no_engine_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Node, "ready", _at_once)
    async with (
        node(
            tmp_path,
            carriers="raw",
            engine="openai",
            openai_url="http://127.0.0.1:9",
            openai_api_key="sk-0123456789abcdef",
            embedded_last="no",
        ) as made,
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        await wait_for(lambda: made.daemon.admission.no_engine is not None)
        state = await told(http, 503)
        assert state["reason"] == "no-engine"
        assert "openai" in state["detail"]
        assert "sk-0123456789abcdef" not in str(state)


async def test_draining(tmp_path: Path) -> None:
    async with (
        node(tmp_path, carriers="raw") as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        await made.event("call.answered")
        made.daemon.leaving.begin()
        state = await told(http, 503)
        assert (state["reason"], state["detail"]) == ("draining", "the node is leaving")
        assert state["retry-after"] == "5"
