"""Calls a carrier asks about by its webhook, and connects to the URL it is told."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import trio
from trio_websocket import ConnectionRejected

from daemon.carriers import dialled_in, hear_media, start_stream, twilio_signature
from daemon.daemon_rig import Node, knock, node
from trioaudio.api.events import CallEnded, CallStarted

SECRET = "simulated-auth-token"
KEY = "hush-hush-a-long-random-key"
ASKS = {
    "CallSid": "CA17",
    "From": "+919811111111",
    "To": "+918040000000",
    "Direction": "inbound",
    "CallStatus": "ringing",
}
OVER = {**ASKS, "CallStatus": "completed"}


async def ask(
    made: Node, form: dict[str, str], secret: str = SECRET, *, signed: bool = True
) -> httpx.Response:
    url = made.addresses.media.replace("ws://", "http://") + "/answer/twilio"
    headers = {"X-Twilio-Signature": twilio_signature(secret, url, form)} if signed else {}
    async with httpx.AsyncClient() as http:
        return await http.post(url, data=form, headers=headers)


def media_url(answer: httpx.Response) -> str:
    found = re.search(r'<Stream url="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


async def ended(made: Node, call: str) -> CallEnded:
    event = await made.event("call.ended", call=call)
    assert isinstance(event, CallEnded)
    return event


async def test_twilio_asks_is_told_and_connects_once(tmp_path: Path) -> None:
    async with node(
        tmp_path,
        carriers="twilio",
        media_auth="tokens",
        twilio_auth_token=SECRET,
        twilio_mark_wait_ms="100",
        greeting="Good morning.",
    ) as made:
        for wrong in (
            await ask(made, ASKS, "another-secret"),
            await ask(made, ASKS, signed=False),
        ):
            assert wrong.status_code in (401, 403)
        assert len(made.daemon.roll) == 0

        answer = await ask(made, ASKS)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
        again = await ask(made, ASKS)  # it is in doubt
        assert again.text == answer.text
        started = await made.event("call.started")
        assert isinstance(started, CallStarted)
        assert started.labels == {"caller": ASKS["From"], "called": ASKS["To"]}
        assert len(made.daemon.roll) == 1
        view = await made.client.call(started.call).view()
        assert (view.to, view.caller_id) == (ASKS["To"], ASKS["From"])
        url = media_url(answer)
        assert await knock(url) == 401  # who knows the URL and has no proof
        proof = {"X-Twilio-Signature": twilio_signature(SECRET, url, {})}
        async with dialled_in(url, proof) as carrier:
            await start_stream(carrier, ASKS["CallSid"])
            await hear_media(carrier, 5)
            assert await knock(url) == 404 or await _refuses(url, proof)
            await made.event("utterance.completed", cause="normal")
            await carrier.aclose()
        event = await ended(made, started.call)
        assert event.record["carrier_call_id"] == ASKS["CallSid"]
        assert (event.record["to"], event.record["caller_id"]) == (ASKS["To"], ASKS["From"])


async def _refuses(url: str, proof: dict[str, str]) -> bool:
    try:
        async with dialled_in(url, proof):
            return False
    except* ConnectionRejected:
        pass
    return True


async def test_the_caller_hangs_up_before_anybody_connects(tmp_path: Path) -> None:
    async with node(
        tmp_path, carriers="twilio", media_auth="tokens", twilio_auth_token=SECRET
    ) as made:
        url = media_url(await ask(made, ASKS))
        started = await made.event("call.started")
        told = await ask(made, OVER)
        assert told.status_code == 204
        event = await ended(made, started.call)
        assert event.cause == "not-answered"
        assert "completed" in event.reason
        proof = {"X-Twilio-Signature": twilio_signature(SECRET, url, {})}
        assert await _refuses(url, proof)
        # Another call is another one.
        assert media_url(await ask(made, {**ASKS, "CallSid": "CA18"})) != url


async def test_a_full_node_takes_no_call_that_is_asked_about(tmp_path: Path) -> None:
    async with node(
        tmp_path,
        carriers="twilio",
        media_auth="tokens",
        twilio_auth_token=SECRET,
        calls_most="1",
    ) as made:
        assert (await ask(made, ASKS)).status_code == 200
        refused = await ask(made, {**ASKS, "CallSid": "CA18"})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        await ask(made, OVER)
        await made.event("call.ended")
        with trio.fail_after(5):
            while (await ask(made, {**ASKS, "CallSid": "CA18"})).status_code != 200:  # noqa: ASYNC110
                await trio.sleep(0.05)


async def test_a_carrier_that_signs_nothing_knows_a_key(tmp_path: Path) -> None:
    told = {
        "action": "inbound",
        "from": "919811111111",
        "to": "918040000000",
        "time": 1,
        "cmiuuid": "CM-1",
    }
    async with (
        node(
            tmp_path,
            carriers="telecmi",
            media_auth="tokens",
            authentication="off",
            webhook_key=KEY,
        ) as made,
        httpx.AsyncClient() as http,
    ):
        base = made.addresses.media.replace("ws://", "http://") + "/answer/telecmi"
        for path, status in ((base, 401), (f"{base}/{KEY[:-1]}x", 403)):
            assert (await http.post(path, json=told)).status_code == status
        assert len(made.daemon.roll) == 0
        answer = await http.post(f"{base}/{KEY}", json=told)
        assert answer.status_code == 200
        started = await made.event("call.started")
        view = await made.client.call(started.call).view()
        assert view.media_url is not None
        assert view.media_url in answer.text
        over = await http.post(f"{base}/{KEY}", json={**told, "status": "hangup"})
        assert over.status_code == 204
        assert (await ended(made, started.call)).cause == "not-answered"
