from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import trio

from control.control_rig import client_of, control_rig
from trioaudio.api import commands
from trioaudio.control.desk import Readiness
from trioaudio.control.problems import PROBLEM_BASE


def kind_of(answer: httpx.Response) -> str:
    """Check that an answer is a whole problem, and return its last word."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    assert "\n" not in problem["detail"]
    assert problem["instance"] == answer.request.url.path
    assert problem["type"].startswith(PROBLEM_BASE)
    return str(problem["type"].removeprefix(PROBLEM_BASE))


async def test_a_call_is_made_and_looked_at() -> None:
    async with control_rig() as rig:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        made = await rig.client.post(
            "/v1/calls",
            json={"to": "+911234567890", "labels": {"who": "me"}},
            headers={"traceparent": trace},
        )
        assert made.status_code == 201
        assert made.headers["location"] == "/v1/calls/call-1"
        assert rig.desk.traceparents == [trace]
        looked = await rig.client.get(made.headers["location"])
        assert looked.status_code == 200
        assert looked.json() == made.json()
        assert rig.desk.audits == [("operator", "create-call", None, 201)]


@pytest.mark.parametrize(
    "malformed",
    [
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "nonsense",
    ],
)
async def test_a_malformed_traceparent_is_passed_over(malformed: str) -> None:
    async with control_rig() as rig:
        made = await rig.client.post("/v1/calls", headers={"traceparent": malformed})
        assert made.status_code == 201
        assert rig.desk.traceparents == [None]


BODIES: dict[str, tuple[object, int]] = {
    "say": ({"text": "hello"}, 202),
    "append": ({"utterance": 1, "text": "more"}, 200),
    "flush": ({"utterance": 1}, 200),
    "close": ({"utterance": 1}, 200),
    "play": ({"prompt": "p-1"}, 202),
    "pause": (None, 200),
    "resume": (None, 200),
    "stop": (None, 200),
    "barge-in": ({"kind": "speech"}, 200),
    "mark": ({"name": "m-1"}, 202),
    "dtmf": ({"digits": "12#"}, 200),
    "gain": ({"db": -6.0}, 200),
    "prepare": ({"texts": ["one", "two"]}, 200),
    "hang-up": (None, 200),
    "transfer": ({"to": ["+911234567891"]}, 200),
    "record": (None, 200),
}


def test_every_command_has_a_body_to_try() -> None:
    assert set(BODIES) == {each.__struct_config__.tag for each in commands.CallCommand.__args__}


@pytest.mark.parametrize("verb", BODIES)
async def test_every_command_reaches_the_call(verb: str) -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        opened = await rig.client.post(f"/v1/calls/{call}/say", json={"open": True})
        assert opened.status_code == 202
        body, status = BODIES[verb]
        answer = await rig.client.post(f"/v1/calls/{call}/{verb}", json=body or {"do": verb})
        assert answer.status_code == status
        assert answer.json()["did"]
        assert rig.desk.known[call].commands[-1].__struct_config__.tag == verb
        assert rig.desk.audits[-1] == ("operator", verb, call, status)


async def test_a_body_that_needs_nothing_may_be_left_out() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        assert (await rig.client.post(f"/v1/calls/{call}/pause")).status_code == 200
        needed = await rig.client.post(f"/v1/calls/{call}/mark")
        assert needed.status_code == 422
        assert "body" in needed.json()["detail"]


async def test_delete_hangs_up() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        assert (await rig.client.delete(f"/v1/calls/{call}")).json() == {"did": "done"}
        assert rig.desk.known[call].commands == [commands.HangUp()]
        assert kind_of(await rig.client.delete(f"/v1/calls/{call}")) == "ended"


async def test_utterances_are_looked_at() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        await rig.client.post(f"/v1/calls/{call}/say", json={"text": "hello"})
        listed = (await rig.client.get(f"/v1/calls/{call}/utterances")).json()
        one = (await rig.client.get(f"/v1/calls/{call}/utterances/1")).json()
        assert listed == [one]
        assert one["text_unheard"] == "hello"
        for wrong in ("2", "x", "-1", "9" * 40):
            missing = await rig.client.get(f"/v1/calls/{call}/utterances/{wrong}")
            assert kind_of(missing) == "not-found"


async def test_calls_are_listed_in_pages() -> None:
    async with control_rig() as rig:
        for number in range(5):
            labels = {"shard": "a:b" if number % 2 else "c"}
            await rig.client.post("/v1/calls", json={"to": "+911234567890", "labels": labels})
        rig.desk.end("call-1")
        first = await rig.client.get("/v1/calls?limit=2&state=up")
        assert [each["call"] for each in first.json()] == ["call-2", "call-3"]
        link = first.links["next"]["url"]
        second = await rig.client.get(link)
        assert [each["call"] for each in second.json()] == ["call-4", "call-5"]
        assert "next" not in second.links
        labelled = await rig.client.get("/v1/calls", params={"label": "shard:a:b"})
        assert [each["call"] for each in labelled.json()] == ["call-2", "call-4"]
        assert (await rig.client.get("/v1/calls?carrier=twilio")).json() == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=x", "state=gone", "label=x", "after=call-77",
        "limit=1&limit=2", "nonsense=1",
    ],
)  # fmt: skip
async def test_a_query_that_makes_no_sense_is_told(query: str) -> None:
    async with control_rig() as rig:
        assert kind_of(await rig.client.get(f"/v1/calls?{query}")) == "invalid"


async def test_recordings_are_played() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        path = f"/v1/calls/{call}/audio"
        samples = b"\1\0" * 800
        for content_type, query, rate in [
            ("audio/wav", "", None),
            ("audio/L16;rate=16000", "", 16000),
            ("audio/L16;rate=16000;channels=1", "?sample_rate=16000", 16000),
            ("application/octet-stream", "?sample_rate=8000&then=hang-up", 8000),
        ]:
            audio = b"RIFF" + samples if rate is None else samples
            played = await rig.client.post(
                path + query, content=audio, headers={"Content-Type": content_type}
            )
            assert played.status_code == 202, played.text
            assert rig.desk.known[call].uploads[-1].audio == audio
            assert rig.desk.known[call].uploads[-1].sample_rate == rate
        assert rig.desk.known[call].uploads[-1].then == "hang-up"


@pytest.mark.parametrize(
    ("content_type", "query", "kind"),
    [
        ("audio/mpeg", "", "media-type"),
        ("", "", "media-type"),
        ("application/octet-stream", "", "invalid"),
        ("application/octet-stream", "?sample_rate=7", "invalid"),
        ("audio/L16;rate=7", "", "invalid"),
        ("audio/L16;rate=fast", "?sample_rate=8000", "invalid"),
        ("audio/L16;rate=16000", "?sample_rate=8000", "invalid"),
        ("audio/L16;rate=8000;channels=2", "", "media-type"),
        ("audio/wav", "?then=nothing", "invalid"),
    ],
)
async def test_recordings_that_cannot_be_played(content_type: str, query: str, kind: str) -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        answer = await rig.client.post(
            f"/v1/calls/{call}/audio{query}",
            content=b"\1\0" * 80,
            headers={"Content-Type": content_type} if content_type else {},
        )
        assert kind_of(answer) == kind


async def test_the_node_and_what_it_has() -> None:
    async with control_rig() as rig:
        assert (await rig.client.get("/v1/node")).json()["version"] == "0.0-fake"
        assert len((await rig.client.get("/v1/engines")).json()) == 2
        assert len((await rig.client.get("/v1/carriers")).json()) == 2
        assert len((await rig.client.get("/v1/voices")).json()) == 2
        assert len((await rig.client.get("/v1/voices?engine=tone")).json()) == 1
        assert kind_of(await rig.client.get("/v1/voices?engine=none")) == "not-found"
        made = await rig.client.post("/v1/precache", json={"texts": ["a", "b"]})
        assert [each["text"] for each in made.json()["prompts"]] == ["a", "b"]


async def test_readiness_says_when_to_come_back() -> None:
    async with control_rig() as rig, client_of(rig.server) as stranger:
        assert (await stranger.get("/livez")).text == "ok"
        assert (await stranger.get("/readyz")).json()["ready"] is True
        rig.desk.ready = Readiness(ready=False, reason="full", detail="60", retry_after_s=2.5)
        full = await stranger.get("/readyz")
        assert full.status_code == 503
        assert full.headers["retry-after"] == "3"
        assert full.json() == {"ready": False, "reason": "full", "detail": "60"}


async def test_balancers_may_ask_for_the_head_only() -> None:
    async with control_rig() as rig, client_of(rig.server) as stranger:
        rig.desk.ready = Readiness(ready=False, reason="full", detail="60", retry_after_s=2.5)
        for path, status in (("/livez", 200), ("/readyz", 503), ("/livez", 200)):
            whole, head = await stranger.get(path), await stranger.head(path)
            assert (whole.status_code, head.status_code) == (status, status)
            dated = {"date"}
            assert {each for each in whole.headers.items() if each[0] not in dated} == {
                each for each in head.headers.items() if each[0] not in dated
            }
            assert (bool(whole.content), head.content) == (True, b"")
        refused = await rig.client.head("/v1/node")
        assert refused.status_code == 405
        assert "HEAD" not in refused.headers["allow"]
        assert "HEAD" in (await stranger.post("/livez")).headers["allow"]


async def test_a_head_has_no_body_on_the_wire() -> None:
    async with control_rig() as rig:
        raw = await trio.open_tcp_stream("127.0.0.1", rig.port)
        async with raw:
            await raw.send_all(
                b"HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n"
                b"HEAD /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            heard = b"".join([part async for part in raw])
        first, second, rest = heard.split(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 200")
        assert second.startswith(b"HTTP/1.1 200")
        assert rest == b""


async def test_drain_and_reload() -> None:
    async with control_rig() as rig, client_of(rig.server, rig.tokens["admin"]) as admin:
        assert (await admin.post("/v1/reload")).status_code == 200
        rig.desk.reload_problems = ["TRIOAUDIO_X is wrong", "TRIOAUDIO_Y too"]
        refused = await admin.post("/v1/reload")
        assert kind_of(refused) == "invalid"
        assert [each["problem"] for each in refused.json()["errors"]] == rig.desk.reload_problems
        assert (await admin.post("/v1/drain")).status_code == 202
        assert rig.desk.drained
        busy = await rig.client.post("/v1/calls", json={"to": "+911234567890"})
        assert kind_of(busy) == "busy"
        assert busy.headers["retry-after"] == "5"


async def test_it_serves_a_socket_file(tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    async with control_rig(listen=file) as rig:
        assert rig.server.address == str(file)
        assert file.stat().st_mode & 0o777 == 0o660
        assert (await rig.client.get("/v1/node")).status_code == 200
        async with client_of(rig.server) as stranger:
            assert (await stranger.get("/metrics")).status_code == 200
            assert (await stranger.get("/v1/node")).status_code == 401
    assert not file.exists()


async def test_the_documents_are_there_without_the_internet() -> None:
    async with control_rig() as rig, client_of(rig.server) as stranger:
        document = (await stranger.get("/openapi.json")).json()
        assert document["openapi"].startswith("3.1")
        page = await stranger.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "http://" not in page.text
        assert "https://" not in page.text


async def test_an_asker_that_goes_in_mid_request_is_noted() -> None:
    async with control_rig() as rig:
        raw = await trio.open_tcp_stream("127.0.0.1", rig.port)
        await raw.send_all(
            b"POST /v1/calls HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
            b"Authorization: Bearer " + rig.tokens["operator"].encode() + b"\r\n\r\n{"
        )
        await raw.aclose()
        for _ in range(200):
            if rig.desk.audits:
                break
            await trio.sleep(0.01)
        assert rig.desk.audits == [("operator", "create-call", None, 499)]
