from __future__ import annotations

import pytest
import trio

from control.control_rig import ROLES, client_of, control_rig
from control.test_http import BODIES, kind_of
from trioaudio.api.shapes import Role
from trioaudio.control.limits import FAILURES
from trioaudio.control.server import all_operations
from trioaudio.control.tokens import add_token, remove_token

READ = [
    "/v1/node", "/v1/calls", "/v1/calls/call-1", "/v1/calls/call-1/utterances",
    "/v1/calls/call-1/utterances/1", "/v1/engines", "/v1/carriers", "/v1/voices",
]  # fmt: skip
OPEN = ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs"]


def needed() -> list[tuple[str, str, object, Role]]:
    """Return requests with the smallest role that may make them."""
    made: list[tuple[str, str, object, Role]] = [("GET", path, None, "read-only") for path in READ]
    made += [
        ("POST", f"/v1/calls/call-1/{verb}", body, "operator")
        for verb, (body, _) in BODIES.items()
        if verb not in {"hang-up", "transfer"}
    ]
    made += [
        ("POST", "/v1/calls", {}, "operator"),
        ("POST", "/v1/precache", {"texts": ["x"]}, "operator"),
        ("POST", "/v1/calls/call-1/transfer", {"to": ["+911234567890"]}, "operator"),
        ("DELETE", "/v1/calls/call-2", None, "operator"),
        ("POST", "/v1/calls/call-3/hang-up", None, "operator"),
        ("POST", "/v1/reload", None, "admin"),
        ("POST", "/v1/drain", None, "admin"),
    ]
    return made


def test_every_operation_is_in_the_matrix() -> None:
    asked = {(method, path.split("/")[-1]) for method, path, _, _ in needed()}
    asked |= {("GET", path.strip("/")) for path in OPEN} | {("POST", "audio")}
    for each in all_operations():
        last = each.path.split("/")[-1]
        last = {"{call}": "call-2" if each.method == "DELETE" else "call-1"}.get(last, last)
        assert (each.method, last.replace("{utterance}", "1")) in asked, each.path


@pytest.mark.parametrize("role", [None, *ROLES])
async def test_a_role_may_do_what_it_may(role: Role | None) -> None:
    async with (
        control_rig() as rig,
        client_of(rig.server, None if role is None else rig.tokens[role]) as asker,
    ):
        calls = [await rig.new_call() for _ in range(3)]
        for is_open in (True, False):
            await rig.client.post("/v1/calls/call-1/say", json={"text": "x", "open": is_open})
        assert calls[-1] == "call-3"
        for method, path, body, least in needed():
            answer = await asker.request(method, path, json=body)
            if role is None:
                assert kind_of(answer) == "token"
                assert answer.headers["www-authenticate"].startswith("Bearer ")
            elif ROLES.index(role) < ROLES.index(least):
                assert kind_of(answer) == "forbidden", path
            else:
                assert answer.status_code < 500 or "drain" in path, (path, answer.text)
                assert answer.status_code not in {401, 403}, path


async def test_what_is_open_on_this_machine_needs_a_token_elsewhere() -> None:
    async with control_rig() as rig, client_of(rig.server) as stranger:
        for path in OPEN:
            assert (await stranger.get(path)).status_code == 200
    async with control_rig(listen=("0.0.0.0", 0)) as rig:  # noqa: S104  that is what is tested
        here = f"http://127.0.0.1:{rig.port}"
        async with client_of(rig.server) as stranger:
            for path in OPEN:
                expected = 200 if path in {"/livez", "/readyz"} else 401
                assert (await stranger.get(here + path)).status_code == expected
                answer = await stranger.get(here + path, headers=rig.bearer("read-only"))
                assert answer.status_code == 200


async def test_media_urls_are_not_for_readers() -> None:
    async with control_rig() as rig, client_of(rig.server, rig.tokens["read-only"]) as reader:
        made = (await rig.client.post("/v1/calls")).json()
        assert made["media_url"]
        assert (await rig.client.get("/v1/calls/call-1")).json()["media_url"]
        assert (await reader.get("/v1/calls/call-1")).json()["media_url"] is None
        assert (await reader.get("/v1/calls")).json()[0]["media_url"] is None


async def test_wrong_tokens_are_counted_and_good_ones_still_pass() -> None:
    async with control_rig() as rig, client_of(rig.server, "ta_wrong") as guesser:
        for _ in range(FAILURES):
            assert kind_of(await guesser.get("/v1/node")) == "token"
        too_many = await guesser.get("/v1/node")
        assert kind_of(too_many) == "rate"
        assert 1 <= int(too_many.headers["retry-after"]) <= 60
        assert (await rig.client.get("/v1/node")).status_code == 200


async def test_a_token_may_ask_so_often() -> None:
    async with control_rig(requests_per_s=0.5, request_burst=3) as rig:
        statuses = [(await rig.client.get("/v1/node")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = await rig.client.get("/v1/node")
        assert kind_of(refused) == "rate"
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        async with client_of(rig.server, rig.tokens["admin"]) as admin:
            assert (await admin.get("/v1/node")).status_code == 200


async def test_tokens_come_and_go_while_it_runs() -> None:
    async with control_rig() as rig:
        token = add_token(rig.token_file, "late", "read-only")
        async with client_of(rig.server, token) as late:
            await trio.sleep(1.01)  # it looks once a second
            assert (await late.get("/v1/node")).status_code == 200
            remove_token(rig.token_file, "late")
            await trio.sleep(1.01)
            assert (await late.get("/v1/node")).status_code == 401
