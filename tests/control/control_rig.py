"""A control server over a fake desk, and HTTP clients with tokens of each role."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx

from control.fake_desk import FakeDesk
from trioaudio.api.shapes import Role
from trioaudio.control.options import ControlOptions
from trioaudio.control.server import ControlServer, open_control_server
from trioaudio.control.tokens import TokenBook, add_token

ROLES: tuple[Role, ...] = ("read-only", "operator", "admin")


@attrs.frozen
class Rig:
    """What a test has in its hands. `client` has the operator's token."""

    desk: FakeDesk
    server: ControlServer
    tokens: dict[Role, str]
    token_file: Path
    client: httpx.AsyncClient
    options: ControlOptions

    @property
    def port(self) -> int:
        return int(self.server.address.rpartition(":")[2])

    def bearer(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    async def new_call(self) -> str:
        answer = await self.client.post("/v1/calls", json={"to": "+911234567890"})
        assert answer.status_code == 201
        return str(answer.json()["call"])


@asynccontextmanager
async def control_rig(
    *,
    listen: tuple[str, int] | Path = ("127.0.0.1", 0),
    desk: FakeDesk | None = None,
    **limits: Any,
) -> AsyncIterator[Rig]:
    """Serve a fake desk; `limits` are fields of ControlOptions."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        token_file = folder / "tokens.json"
        tokens: dict[Role, str] = {role: add_token(token_file, role, role) for role in ROLES}
        desk = FakeDesk() if desk is None else desk
        options = ControlOptions(listen=listen, tokens=TokenBook(token_file), **limits)
        server = await stack.enter_async_context(open_control_server(desk, options))
        client = await stack.enter_async_context(client_of(server, tokens["operator"]))
        yield Rig(desk, server, tokens, token_file, client, options)


def client_of(server: ControlServer, token: str | None = None) -> httpx.AsyncClient:
    """Return a client of a server, by TCP or by its socket file."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    if server.address.startswith("http"):
        return httpx.AsyncClient(base_url=server.address, headers=headers, timeout=15)
    transport = httpx.AsyncHTTPTransport(uds=server.address)
    return httpx.AsyncClient(
        base_url="http://trioaudio", headers=headers, timeout=15, transport=transport
    )
