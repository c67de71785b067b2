"""A call comes in at a simulated carrier: it asks the listener, is told, and dials what it was."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from call_control.webhooks import given
from net.rest_sides import ACCOUNT, settings_for
from trioaudio.answering import AnsweredCarrier, Answering
from trioaudio.call_control import load_call_control
from trioaudio.carriers import load_carrier
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Fact
from trioaudio.core.secret import Secret
from trioaudio.core.webhook import CallStage, IncomingCall
from trioaudio.net.admission import Admission
from trioaudio.net.carrier_rest import open_carrier_rest
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.listener import Listener, open_listener
from trioaudio.net.webhook_policy import webhook_policy_for
from trioaudio.settings import Settings
from trioaudio.simulators.rest._webhooks import ASKS, telnyx_key
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest

KEY = Secret("hush-hush-a-long-random-key")
SECRET = Secret(ACCOUNT.secret)
PATIENCE_S = 30


def settings_of(name: str, url: str) -> CarrierSettings:
    """The simulated account's, with what its webhooks are signed with."""
    # Vonage's REST interface wants a key; nothing is asked of it here.
    own = settings_for(name, url, Path(__file__))
    match name:
        case "signalwire":
            return given(own, signing_key=SECRET)
        case "telnyx":
            public = telnyx_key(ACCOUNT.secret).public_key().public_bytes_raw()
            return given(own, public_key=base64.b64encode(public).decode())
        case "vonage":
            return given(own, signature_secret=SECRET)
        case _:
            return own


@attrs.define(eq=False)
class Scene:
    """A listener, a simulated carrier, and the calls that were made."""

    name: str
    listener: Listener
    opened: OpenRest
    settings: CarrierSettings
    path: str = ""
    events: list[dict[str, object]] = attrs.field(factory=list)
    facts: list[Fact] = attrs.field(factory=list)
    doors: list[Door] = attrs.field(factory=list)
    told: list[IncomingCall] = attrs.field(factory=list)
    news: trio.Event = attrs.field(factory=trio.Event)

    async def expect(self, carrier: str, call: IncomingCall) -> str:
        await trio.lowlevel.checkpoint()
        assert (carrier, call.stage, call.inbound) == (self.name, CallStage.ASKS, True)
        key = f"/media/{carrier}/{call.call_id.replace(':', '-')}"
        check = load_carrier(self.name).door_check
        # Whether the stream's proof fits is another test's affair.
        plan = DoorPlan(check=partial(check.check, self.settings) if self.signs else None)  # type: ignore[union-attr]
        self.doors.append(self.listener.open_door(key, plan))
        return self.listener.url(key)

    @property
    def signs(self) -> bool:
        return self.name in ("twilio", "plivo", "telnyx")

    def hear(self, carrier: str, call: IncomingCall) -> None:
        assert carrier == self.name
        self.told.append(call)

    def note(self, event: dict[str, object]) -> None:
        self.events.append(event)
        self.news.set()

    async def wait(self, name: str) -> dict[str, object]:
        while True:
            for event in self.events:
                if event["event"] == name:
                    return event
            self.news = trio.Event()
            await self.news.wait()


@asynccontextmanager
async def a_scene(name: str, *, dials: bool = False) -> AsyncIterator[Scene]:
    facts: list[Fact] = []
    options = RestOptions(name, account=ACCOUNT, dials=dials)
    scenes: list[Scene] = []

    def note(event: dict[str, object]) -> None:
        scenes[0].note(event)

    with trio.fail_after(PATIENCE_S):
        async with (
            open_listener("127.0.0.1", 0, Admission(), facts.append) as listener,
            open_rest(options, note) as opened,
        ):
            own = settings_of(name, opened.url)
            carrier, control = load_carrier(name), load_call_control(name)
            scene = Scene(name, listener, opened, own, facts=facts)
            scenes.append(scene)
            policy = webhook_policy_for(control, own, Settings(), "127.0.0.1", key=KEY)
            async with open_carrier_rest(control, own) as rest:
                media = carrier.media_format(own, 8000)
                answered = AnsweredCarrier(control, own, media, policy, rest)
                answering = Answering({name: answered}, scene.expect, scene.hear)
                listener.answer_with(answering.answer)
                scene.path = policy.path
                yield scene


@pytest.mark.parametrize("name", sorted(ASKS))
async def test_a_carrier_asks_and_is_told(name: str) -> None:
    async with a_scene(name) as scene:
        scene.opened.call_in(scene.listener.web_url(scene.path))
        asked = await scene.wait("asked")
        assert asked["status"] == (204 if name == "telnyx" else 200), scene.facts
        await scene.wait("placed" if name == "telnyx" else "told-end")
        assert len(scene.doors) == 1
        (target,) = scene.opened.placed
        assert target.url.startswith(f"ws://{scene.listener.address}/media/{name}/")
        if name != "telnyx":
            assert [call.stage for call in scene.told] == [CallStage.OVER]


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_and_dials_the_media_url_it_was_told(name: str) -> None:
    async with a_scene(name, dials=True) as scene:
        scene.opened.call_in(scene.listener.web_url(scene.path))
        await scene.wait("asked")
        async with scene.doors[0].connect(None) as connection:
            assert connection.peer
            await connection.close()
        over = await scene.wait("call-over")
        assert isinstance(over["report"], dict)


async def test_a_wrong_secret_is_refused() -> None:
    async with a_scene("twilio") as scene:
        wrong = attrs.evolve(ACCOUNT, secret="another-secret")
        scene.opened.desk.account = wrong
        scene.opened.call_in(scene.listener.web_url(scene.path))
        assert (await scene.wait("asked"))["status"] == 403
        assert (scene.doors, scene.opened.placed) == ([], [])
        assert scene.listener.statistics().refused == {403: 1}


async def test_where_no_calls_come_in() -> None:
    async with a_scene("exotel") as scene:
        with pytest.raises(ConfigError, match="no calls come in there"):
            scene.opened.call_in("http://127.0.0.1:9/")
    async with a_scene("twilio") as scene:
        with pytest.raises(ConfigError, match="wanted the http"):
            scene.opened.call_in("ftp://127.0.0.1/")
        scene.opened.call_in("http://127.0.0.1:9/")
        assert (await scene.wait("asked"))["status"] == 0
