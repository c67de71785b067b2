"""An utterance whose text is being written, by HTTP and over the stream, under both event loops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import anyio
import anyio.lowlevel
import attrs
import pytest

from client.served import BACKENDS, Served, run, served
from control.fake_desk import FakeDesk
from trioaudio.api import commands, events, views
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.client import Call, Client, ProblemError

each_way = pytest.mark.parametrize(
    ("backend", "streamed"), [(backend, way) for backend in BACKENDS for way in (False, True)]
)


async def new_call(far: Served, stack: AsyncExitStack, *, streamed: bool) -> Call:
    client = await stack.enter_async_context(Client(far.url, far.token, environ={}))
    if not streamed:
        return await client.create_call(to="100")
    stream = await stack.enter_async_context(client.stream())
    return await stream.create(to="100")


def told(far: Served) -> list[commands.CallCommand]:
    return far.desk.known["call-1"].commands


@each_way
def test_text_comes_piece_by_piece(backend: str, streamed: bool) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)
                async with call.open(voice="anna") as utterance:
                    await utterance.append("Hello, ")
                    await utterance.append("world.")
                    await utterance.flush()
                    assert not utterance.over
                assert utterance.over
                await utterance.close()
                far.do(lambda: far.desk.play_out(call.id, utterance.number))
                assert (await utterance.wait()).text_heard == "Hello, world."

        run(backend, main)
        assert told(far) == [
            commands.Say(open=True, voice="anna"),
            commands.Append(utterance=1, text="Hello, "),
            commands.Append(utterance=1, text="world."),
            commands.Flush(utterance=1),
            commands.Close(utterance=1),
        ]


@attrs.define(eq=False)
class FullDesk(FakeDesk):
    """Asks an author to wait after each text, until it has been asked `times` more."""

    times: int = 2
    asked: list[str] = attrs.field(factory=list)

    async def command(self, call: str, command: commands.CallCommand) -> views.Reply:
        reply = await super().command(call, command)
        if isinstance(command, commands.Append) and isinstance(reply, views.TextTaken):
            self.asked.append(command.text)
            reply.paused = self.asked[-self.times :] != [""] * self.times
            if reply.paused:
                resumed = events.TextResumed(call=call, at=self.clock(), utterance=1, waiting=0)
                self.hub.tell(resumed)
        return reply


@each_way
def test_an_author_waits_while_there_is_enough_text(backend: str, streamed: bool) -> None:
    desk = FullDesk()
    with served(desk) as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)
                async with call.open() as utterance:
                    await utterance.append("a")
                    await utterance.append("b")

        run(backend, main)
        assert desk.asked == ["a", "", "", "b", "", ""]


async def tokens(*, before: Callable[[int], None] = lambda _: None) -> AsyncIterator[str]:
    for number, token in enumerate(("One ", "two ", "three ", "four.")):
        before(number)
        await anyio.lowlevel.checkpoint()
        yield token


@each_way
def test_tokens_of_a_model(backend: str, streamed: bool) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)
                utterance = await call.say_tokens(tokens(), then="hang-up")
                assert utterance.number == 1

        run(backend, main)
        assert far.desk.known["call-1"].utterances[1].text == "One two three four."
        assert isinstance(told(far)[-1], commands.Close)


@each_way
def test_a_barge_in_ends_the_tokens_and_is_no_error(backend: str, streamed: bool) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)

                def cut(number: int) -> None:
                    if number == 2:
                        far.do(lambda: far.desk.fall_silent(call.id))

                model = tokens(before=cut)
                utterance = await call.say_tokens(model)
                assert [each async for each in model] == []  # it was ended, not left hanging
                assert (await utterance.wait()).cause == "barge-in"
                async with call.open() as opened:
                    far.do(lambda: far.desk.fall_silent(call.id))
                    with pytest.raises(ProblemError):
                        await opened.append("Too late.")
                    assert opened.over

        run(backend, main)
        assert far.desk.known["call-1"].utterances[1].text == "One two "


@each_way
def test_an_error_of_the_model_ends_the_text_and_comes_out(backend: str, streamed: bool) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)

                def fail(number: int) -> None:
                    if number == 2:
                        raise ValueError("the model is gone")

                with pytest.raises(ValueError, match="the model is gone"):
                    await call.say_tokens(tokens(before=fail))

        run(backend, main)
        assert told(far)[-1] == commands.Close(utterance=1)


@each_way
def test_cancelling_ends_the_text(backend: str, streamed: bool) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)
                with anyio.CancelScope() as scope:
                    async with call.open():
                        scope.cancel()
                        await anyio.lowlevel.checkpoint()
                assert scope.cancelled_caught

        run(backend, main)
        assert told(far)[-1] == commands.Close(utterance=1)


@each_way
def test_an_error_while_closing_is_told(backend: str, streamed: bool) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=streamed)
                far.desk.failing["close"] = RequestError(RequestFault.FORBIDDEN, "not you")
                with pytest.raises(ProblemError, match="not you"):
                    async with call.open():
                        pass
                with pytest.raises(ValueError, match="mine"):
                    async with call.open():
                        raise ValueError("mine")

        run(backend, main)


def test_too_many_tokens_a_second_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as far:

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await new_call(far, stack, streamed=True)
                async with call.open() as utterance:
                    for _ in range(450):  # the burst is 400
                        await utterance.append("a")

        run("trio", main)
        assert far.desk.known["call-1"].utterances[1].text == "a" * 450
