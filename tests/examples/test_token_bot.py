from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import pytest

from client.served import BACKENDS, run, served
from examples.playing import Caller, lead_to, load
from trioaudio.client import Client


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_says_what_the_model_yields(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = load("token_bot")
    with served() as far:
        lead_to(far, monkeypatch)

        async def main() -> None:
            caller = Caller(far)
            async with anyio.create_task_group() as group:
                group.start_soon(bot.main, "+919800000000")
                assert (await caller.hear_out(1)).startswith("You said hello. Let me")
                caller.press("4")
                assert (await caller.hear_out(2)).startswith("You said 4. Let me")
                caller.hang_up()
                await anyio.sleep(0.05)
                group.cancel_scope.cancel()

        run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("by_key", [True, False])
def test_a_barge_in_stops_the_model_and_mends_its_memory(backend: str, by_key: bool) -> None:
    bot = load("token_bot")
    stopped: list[str] = []

    async def endless(history: list[tuple[str, str]]) -> AsyncGenerator[str, None]:
        said = history[-1][1]
        if said != "hello":
            yield f"Yes, {said}."
            return
        try:
            while True:
                yield "blah "
                await anyio.sleep(0.01)
        finally:
            stopped.append(said)

    with served() as far:
        conversations: dict[str, object] = {}

        async def main() -> None:
            caller = Caller(far)
            async with (
                Client(far.url, far.token, environ={}) as client,
                client.stream() as stream,
                anyio.create_task_group() as group,
            ):
                await stream.subscribe()
                await stream.create(to="100")
                group.start_soon(bot.serve, stream, endless, conversations)
                first = await caller.utterance(1)
                await caller.until(lambda: first.text.count("blah") > 3)
                conversation = conversations["call-1"]
                if by_key:
                    caller.press("7")
                    assert await caller.hear_out(2) == "Yes, 7."
                else:
                    far.do(lambda: far.desk.fall_silent("call-1"))
                    while len(conversation.history) < 2:  # type: ignore[attr-defined]  # noqa: ASYNC110
                        await anyio.sleep(0.01)
                assert stopped == ["hello"]
                assert conversation.history[:2] == [  # type: ignore[attr-defined]
                    ("user", "hello"),
                    ("assistant", ""),
                ]
                caller.hang_up()
                while conversations:  # noqa: ASYNC110  the example tells nobody
                    await anyio.sleep(0.01)
                group.cancel_scope.cancel()

        run(backend, main)
