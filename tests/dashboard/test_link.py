"""A daemon being followed: what is asked of it, what becomes of it when it does not answer."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from client_verbs.asking import make_call
from control.control_rig import Rig, control_rig
from control.fake_desk import FakeDesk
from daemon.daemon_rig import wait_for
from dashboard.things import BORN
from trioaudio.api.commands import BargeIn, HangUp, Say
from trioaudio.api.shapes import Role
from trioaudio.client import Client, ProblemError
from trioaudio.control.options import ControlOptions
from trioaudio.control.server import open_control_server
from trioaudio.control.tokens import TokenBook, add_token
from trioaudio.dashboard import link as link_module
from trioaudio.dashboard.link import Link, look_once
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.dashboard.orders import carry_out
from trioaudio.dashboard.view_state import Order

FAST_S = 0.05


@attrs.define(eq=False)
class Followed:
    node: Node
    fleet: Fleet
    link: Link
    client: Client
    in_sight: list[str]

    def names(self) -> list[str]:
        return [event.__struct_config__.tag for _, event in self.fleet.events]  # type: ignore[misc]


@asynccontextmanager
async def following(url: str, token: str, interval_s: float = FAST_S) -> AsyncIterator[Followed]:
    async with Client(url, token) as client, trio.open_nursery() as nursery:
        node = Node("n")
        in_sight: list[str] = []
        link = Link(
            node=node,
            fleet=Fleet([node]),
            client=client,
            interval_s=interval_s,
            in_sight=lambda _: in_sight,
            wall=lambda: BORN,
            draw=lambda: 0.0,
            on_change=lambda: None,
        )
        nursery.start_soon(link.follow)
        yield Followed(node, link.fleet, link, client, in_sight)
        nursery.cancel_scope.cancel()


def url_of(rig: Rig) -> str:
    return f"http://127.0.0.1:{rig.port}"


async def test_calls_are_followed_from_before_and_from_now_on() -> None:
    async with control_rig() as rig:
        make_call(rig.desk, "before")
        async with following(url_of(rig), rig.tokens["read-only"]) as made:
            await wait_for(lambda: "before" in made.node.calls)
            assert made.node.answers
            new = await rig.new_call()
            await wait_for(lambda: new in made.node.calls)
            await rig.client.post(f"/v1/calls/{new}/say", json={"text": "Hello."})
            await wait_for(lambda: made.node.calls[new].view.saying is not None)
            await wait_for(lambda: made.node.scrape is not None)
            await wait_for(lambda: bool(made.node.engines))
            rig.desk.end(new)
            await wait_for(lambda: new not in made.node.calls)
            await wait_for(lambda: "call.ended" in made.names())


async def test_a_daemon_that_leaves_and_returns(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    token = add_token(tokens, "me", "read-only")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with following(f"http://127.0.0.1:{port}", token) as made:
        await wait_for(lambda: "no daemon answers" in made.node.trouble)
        assert made.node.silent_since == 0.0
        for name in ("first", "second"):
            desk = FakeDesk()
            make_call(desk, name)
            options = ControlOptions(listen=("127.0.0.1", port), tokens=TokenBook(tokens))
            async with open_control_server(desk, options):
                await wait_for(lambda: made.node.answers)
                await wait_for(lambda called=name: list(made.node.calls) == [called])  # type: ignore[misc]
            await wait_for(lambda: not made.node.answers)
            assert made.node.silent_since == BORN
            assert list(made.node.calls) == [name]  # as it was, in grey


async def test_a_daemon_that_hangs_gives_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "CONNECT_S", 0.2)
    listener = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener[0].socket.getsockname()[1]
    async with following(f"http://127.0.0.1:{port}", "ta_x") as made:
        await wait_for(lambda: made.node.trouble == "no answer within 0.2 s")
    await listener[0].aclose()


async def test_a_token_that_is_refused_ends_it() -> None:
    async with control_rig() as rig:
        refused = pytest.RaisesExc(
            ProblemError, match="^n: this token", check=lambda error: error.status == 401
        )
        with pytest.RaisesGroup(refused, flatten_subgroups=True):
            async with following(url_of(rig), "ta_wrong"):
                await trio.sleep_forever()


async def test_one_of_several_that_refuses_its_token_is_silent_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "REFUSED_S", 0.2)
    async with control_rig() as rig, following(url_of(rig), "ta_wrong") as made:
        made.fleet.nodes.append(Node("other"))
        await wait_for(lambda: "this token is not known here" in made.node.trouble)
        made.node.trouble = ""
        refused_at = trio.current_time()
        await wait_for(lambda: "this token is not known here" in made.node.trouble)
        assert trio.current_time() - refused_at > 0.15  # asked again, but not at once


async def test_what_comes_in_sight_is_asked_for_soon() -> None:
    async with control_rig() as rig:
        make_call(rig.desk, "a")
        async with following(url_of(rig), rig.tokens["operator"], 60.0) as made:
            await wait_for(lambda: made.node.scrape is not None)
            before = made.node.calls["a"].taken_at
            made.in_sight.append("a")
            made.link.note_sight()  # it was looked at just now
            made.node.calls["a"].taken_at -= 1000
            made.link.note_sight()
            await wait_for(lambda: made.node.calls["a"].taken_at >= before)


async def test_looking_once_at_more_calls_than_a_request_takes() -> None:
    async with control_rig() as rig, Client(url_of(rig), rig.tokens["read-only"]) as client:
        for number in range(150):
            make_call(rig.desk, f"call-{number}")
        node = Node("n")
        await look_once(node, client, BORN)
        assert len(node.calls) == 150
        assert node.scrape is not None
        assert node.engines


@pytest.mark.parametrize(
    ("role", "order", "told"),
    [
        ("operator", Order("interrupt", ("n", "call-1")),
         "call-1: interrupted, 1 utterance dropped"),
        ("operator", Order("say", ("n", "call-1"), "Hi."), "call-1: utterance 2 accepted"),
        ("operator", Order("hang-up", ("n", "call-1")), "call-1: hung up"),
        ("operator", Order("hang-up", ("n", "gone")), "gone: there is no call 'gone'"),
        ("read-only", Order("say", ("n", "call-1"), "Hi."),
         "this token may only look, not say; an operator's may"),
    ],
)  # fmt: skip
async def test_orders(role: Role, order: Order, told: str) -> None:
    async with control_rig() as rig, Client(url_of(rig), rig.tokens[role]) as client:
        make_call(rig.desk, "call-1")
        await rig.client.post("/v1/calls/call-1/say", json={"text": "Hello."})
        line, style = await carry_out(order, {"n": client})
        assert line.startswith(told)
        assert style in {"good", "bad"}
        done = [type(each) for each in rig.desk.known["call-1"].commands[1:]]
        wanted = {"interrupt": BargeIn, "say": Say, "hang-up": HangUp}[order.do]
        assert done == ([wanted] if style == "good" else [])


async def test_an_order_for_a_daemon_that_is_gone() -> None:
    async with Client("http://127.0.0.1:1", "ta_x") as client:
        line, style = await carry_out(Order("interrupt", ("n", "c")), {"n": client})
        assert style == "bad"
        assert "no daemon answers" in line
