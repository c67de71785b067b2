from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio

from control.control_rig import Rig, client_of, control_rig
from control.test_http import kind_of
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.control import idempotency
from trioaudio.control.idempotency import KEPT_S, HttpAnswer, KeptAnswers, RequestKey
from trioaudio.control.problems import ProblemError

KEY = {"Idempotency-Key": "k-1"}


async def test_a_repeated_request_is_carried_out_once() -> None:
    async with control_rig() as rig:
        wanted = {"to": "+911234567890"}
        first = await rig.client.post("/v1/calls", json=wanted, headers=KEY)
        again = await rig.client.post("/v1/calls", json=wanted, headers=KEY)
        assert len(rig.desk.known) == 1
        assert again.status_code == first.status_code == 201
        assert again.content == first.content
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["idempotent-replay"] == "true"
        assert "idempotent-replay" not in first.headers
        other = await rig.client.post("/v1/calls", json={"to": "+911234567891"}, headers=KEY)
        assert kind_of(other) == "invalid"


async def test_a_key_belongs_to_a_token_and_a_path() -> None:
    async with control_rig() as rig, client_of(rig.server, rig.tokens["admin"]) as admin:
        call = await rig.new_call()
        for client, verb in ((rig.client, "pause"), (rig.client, "resume"), (admin, "pause")):
            answer = await client.post(f"/v1/calls/{call}/{verb}", headers=KEY)
            assert "idempotent-replay" not in answer.headers
        assert len(rig.desk.known[call].commands) == 3


async def test_mistakes_are_repeated_and_failures_are_not() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        path = f"/v1/calls/{call}/say"
        rig.desk.failing["say"] = RequestError(RequestFault.CARRIER, "the carrier sleeps")
        assert kind_of(await rig.client.post(path, json={"text": "x"}, headers=KEY)) == "carrier"
        rig.desk.failing["say"] = ZeroDivisionError()
        assert kind_of(await rig.client.post(path, json={"text": "x"}, headers=KEY)) == "bug"
        rig.desk.failing["say"] = RequestError(RequestFault.UNSUPPORTED, "it cannot be done")
        refused = await rig.client.post(path, json={"text": "x"}, headers=KEY)
        rig.desk.failing.clear()
        again = await rig.client.post(path, json={"text": "x"}, headers=KEY)
        assert kind_of(again) == "unsupported"
        assert again.content == refused.content


async def test_a_request_under_way_is_not_begun_again() -> None:
    answers: list[int] = []

    async def say(rig: Rig, call: str) -> None:
        answer = await rig.client.post(f"/v1/calls/{call}/say", json={"text": "x"}, headers=KEY)
        answers.append(answer.status_code)

    async with control_rig() as rig, trio.open_nursery() as nursery:
        call = await rig.new_call()
        held = rig.desk.held["say"] = trio.Event()
        nursery.start_soon(say, rig, call)
        await rig.desk.reached["say"].wait()
        again = await rig.client.post(f"/v1/calls/{call}/say", json={"text": "x"}, headers=KEY)
        assert kind_of(again) == "in-progress"
        assert again.headers["retry-after"] == "1"
        held.set()
    assert answers == [202]


async def test_a_key_that_is_too_long_is_refused() -> None:
    async with control_rig() as rig:
        answer = await rig.client.post("/v1/calls", headers={"Idempotency-Key": "x" * 256})
        assert kind_of(answer) == "invalid"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(idempotency, "KEYS", 2)
    monkeypatch.setattr(idempotency, "KEPT_BYTES", 100)
    return iter(())


def keep(kept: KeptAnswers, name: str, size: int, now: float) -> None:
    assert kept.begin(RequestKey("a", "/", name), b"", now) is None
    kept.finish(RequestKey("a", "/", name), HttpAnswer(200, b"x" * size), now)


def known(kept: KeptAnswers, name: str, now: float) -> bool:
    request = RequestKey("a", "/", name)
    if kept.begin(request, b"", now) is None:
        kept.finish(request, None, now)
        return False
    return True


@pytest.mark.usefixtures("small")
def test_answers_are_kept_within_bounds() -> None:
    kept = KeptAnswers()
    for name in ("one", "two", "three"):
        keep(kept, name, 1, 0.0)
    assert [known(kept, name, 0.0) for name in ("one", "two", "three")] == [False, True, True]
    keep(kept, "large", 99, 0.0)
    assert [known(kept, name, 0.0) for name in ("two", "three", "large")] == [False, True, True]
    keep(kept, "larger", 100, 0.0)
    assert not known(kept, "large", 0.0)
    assert known(kept, "larger", KEPT_S - 1)
    assert not known(kept, "larger", KEPT_S)


def test_another_body_is_another_request() -> None:
    kept = KeptAnswers()
    request = RequestKey("a", "/", "k")
    assert kept.begin(request, b"one", 0.0) is None
    with pytest.raises(ProblemError, match="another body"):
        kept.begin(request, b"two", 0.0)
