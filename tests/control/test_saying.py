"""Some calls by their ids, and what is being heard on them."""

from __future__ import annotations

import pytest

from control.control_rig import control_rig


async def test_only_the_calls_asked_for_that_are_known() -> None:
    async with control_rig() as rig:
        first, second, third = [await rig.new_call() for _ in range(3)]
        answer = await rig.client.get(f"/v1/calls?only={third},{first},gone,{first}")
        assert [each["call"] for each in answer.json()] == [first, third]
        assert [each["saying"] for each in answer.json()] == [None, None]
        answer = await rig.client.get(f"/v1/calls?only={second}&state=ended")
        assert answer.json() == []


async def test_what_is_being_heard_is_told_when_asked_for() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        silent = await rig.client.get(f"/v1/calls?only={call}&saying=true")
        assert silent.json()[0]["saying"] is None
        await rig.client.post(f"/v1/calls/{call}/say", json={"text": "Hello."})
        (view,) = (await rig.client.get("/v1/calls?saying=true")).json()
        assert view["saying"] == {
            "utterance": 1,
            "text": "Hello.",
            "begin": 0,
            "heard": 0,
            "characters": 6,
            "spoken_by": ["tone"],
        }
        assert (await rig.client.get(f"/v1/calls/{call}")).json()["saying"] is None


@pytest.mark.parametrize(
    "query",
    [
        "only=",
        "only=a,,b",
        "only=a;b",
        f"only={','.join(['c'] * 101)}",
        "saying=perhaps",
        "saying=true&limit=101",
    ],
)
async def test_what_makes_no_sense_is_told(query: str) -> None:
    async with control_rig() as rig:
        answer = await rig.client.get(f"/v1/calls?{query}")
        assert answer.status_code == 422
        assert answer.json()["type"].endswith("/invalid")
