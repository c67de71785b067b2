from __future__ import annotations

import anyio
import pytest
import trio

from client.served import BACKENDS, Served, run, served
from trioaudio.api import commands, events, views
from trioaudio.api.requests import NewCall
from trioaudio.client import Client, ProblemError, Stream, StreamCutError
from trioaudio.control.tokens import TOKENS_FILE, remove_token

both = pytest.mark.parametrize("backend", BACKENDS)


def client_of(far: Served) -> Client:
    return Client(far.url, far.token, environ={})


def dtmf(call: str, digit: str = "1") -> events.DtmfCame:
    return events.DtmfCame(call=call, at=1.0, digit=digit, duration_ms=None)


async def next_of(stream: Stream) -> events.Event:
    async for event in stream:
        return event
    raise AssertionError


@both
def test_events_of_what_was_subscribed_to(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                await stream.subscribe(events=["call.started", "dtmf"])
                call = await stream.create(to="100")
                started = await next_of(stream)
                assert isinstance(started, events.CallStarted)
                assert (started.call, started.to) == (call.id, "100")
                other = await stream.create(NewCall())
                assert isinstance(await next_of(stream), events.CallStarted)
                await stream.subscribe(calls=[call.id], events=["dtmf"])
                far.tell(dtmf(other.id))
                far.tell(events.UnderrunBegan(call=call.id, at=1.0, gap_ms=3.0))
                far.tell(dtmf(call.id, "7"))
                assert await next_of(stream) == dtmf(call.id, "7")

        run(backend, main)


@both
def test_without_a_subscription_nothing_is_told_and_waiting_works(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                call = stream.call((await client.create_call(to="100")).id)
                first, second = await call.say("One."), await call.say("Two.")
                got: list[events.UtteranceCompleted] = []

                async def wait() -> None:
                    got.append(await second.wait())

                async with anyio.create_task_group() as group:
                    group.start_soon(wait)
                    await anyio.wait_all_tasks_blocked()
                    far.do(lambda: far.desk.play_out(call.id, 1))
                    assert (await first.wait()).text_heard == "One."
                    assert got == []
                    far.do(lambda: far.desk.play_out(call.id, 2, played_ms=420.0))
                assert [each.played_ms for each in got] == [420.0]
                await stream.subscribe(events=["dtmf"])
                far.tell(dtmf(call.id))
                assert await next_of(stream) == dtmf(call.id)

        run(backend, main)


@both
def test_commands_and_what_is_wrong_with_them(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                call = await stream.create(to="100")
                reply = await stream.command(call.id, commands.Say(text="Hi."))
                assert reply == views.Accepted(utterance=1, position=0, eta_ms=0.0)
                with pytest.raises(ProblemError, match="no call 'nobody'") as problem:
                    await stream.command("nobody", commands.Pause())
                assert (problem.value.kind, problem.value.status) == ("not-found", 404)
                with pytest.raises(ProblemError) as problem:
                    await stream.command(call.id, commands.Gain(db=99.0))
                assert problem.value.kind == "invalid"
                with pytest.raises(ProblemError, match="not enabled"):
                    await stream.create(carrier="nobody", to="1")
                # It goes on.
                assert (await call.stop()).utterances == [1]

        run(backend, main)


@both
def test_a_slow_request_holds_up_no_other(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                call = await stream.create(to="100")
                gate = far.do(lambda: far.desk.held.setdefault("prepare", trio.Event()))
                async with anyio.create_task_group() as group:
                    group.start_soon(call.prepare, ["Later."])
                    await anyio.wait_all_tasks_blocked()
                    await call.mark("meanwhile")
                    far.do(gate.set)

        run(backend, main)
        kinds = [type(each) for each in far.desk.known["call-1"].commands]
        assert kinds == [commands.Mark, commands.Prepare]


@both
def test_a_call_is_listened_to_until_it_is_over(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                call = await stream.create(to="100")
                async with await stream.listen(call.id, sample_rate=16000) as frames:
                    assert frames.sample_rate == 16000
                    with pytest.raises(ValueError, match="already"):
                        await stream.listen(call.id)
                    far.do(lambda: far.desk.hear(call.id, b"\1\0" * 960))
                    far.do(lambda: far.desk.hear(call.id, b"\2\0" * 960, side="ours"))
                    assert await frames.__anext__() == b"\1\0" * 960
                ours = await stream.listen(call.id, "ours")
                far.do(lambda: far.desk.hear(call.id, b"\3\0"))
                far.do(lambda: far.desk.hear(call.id, b"\4\0", side="ours"))
                far.do(lambda: far.desk.hear(call.id, b"\5\0", side="ours"))
                assert await ours.__anext__() == b"\4\0"
                far.do(lambda: far.desk.end(call.id))
                assert [each async for each in ours] == [b"\5\0"]
                with pytest.raises(ProblemError, match="is over"):
                    await stream.listen(call.id)

        run(backend, main)


@both
def test_the_daemon_s_end_ends_everything_that_waits(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                await stream.subscribe()
                call = await stream.create(to="100")
                await next_of(stream)
                await next_of(stream)
                frames = await stream.listen(call.id)
                utterance = await call.say("Hi.")
                await next_of(stream)
                far.do(lambda: far.desk.held.setdefault("prepare", trio.Event()))
                ended = []

                async def waits_for(work: object) -> None:
                    with pytest.raises(StreamCutError, match=r"stopping|was lost"):
                        await work  # type: ignore[misc]
                    ended.append(work)

                async with anyio.create_task_group() as group:
                    for work in (
                        next_of(stream),
                        utterance.wait(),
                        frames.__anext__(),
                        call.prepare(["x"]),
                    ):
                        group.start_soon(waits_for, work)
                    await anyio.wait_all_tasks_blocked()
                    await anyio.sleep(0.1)
                    far.stop()
                assert len(ended) == 4
                with pytest.raises(StreamCutError):
                    await call.pause()
                with pytest.raises(StreamCutError):
                    await next_of(stream)

        run(backend, main)


@both
def test_a_token_taken_away_ends_the_stream(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                await stream.subscribe()
                remove_token(far.folder / TOKENS_FILE, "tester")
                await anyio.sleep(1.1)  # it looks once a second
                far.tell(dtmf("x"))
                with pytest.raises(StreamCutError, match="revoked"):
                    await next_of(stream)

        run(backend, main)


@both
def test_events_not_read_are_counted_and_commands_go_on(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioaudio.client.stream.EVENTS_AHEAD", 3)
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client, client.stream() as stream:
                await stream.subscribe(events=["dtmf"])
                call = await stream.create(to="100")
                for _ in range(5):
                    far.tell(dtmf(call.id))
                await call.pause()  # is answered, though nobody reads the events
                while stream._events.lost < 2:  # noqa: ASYNC110  a count tells nobody it changes
                    await anyio.sleep(0.01)
                with pytest.raises(StreamCutError, match="2 events") as cut:
                    await next_of(stream)
                assert cut.value.lost == 2
                far.tell(dtmf(call.id, "9"))
                assert await next_of(stream) == dtmf(call.id, "9")

        run(backend, main)


@both
def test_what_the_block_raises_comes_out_as_it_is(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client:
                with pytest.raises(ProblemError, match="no call"):
                    async with client.stream() as stream:
                        await stream.call("nobody").pause()
                with anyio.move_on_after(0.05) as scope:
                    async with client.stream() as stream:
                        await stream.subscribe()
                        await next_of(stream)
                assert scope.cancelled_caught
                with pytest.raises(StreamCutError, match="was left"):
                    await stream.subscribe()

        run(backend, main)


def test_before_it_is_open() -> None:
    async def main() -> None:
        async with Client("http://127.0.0.1:1", "t", environ={}) as client:
            with pytest.raises(StreamCutError, match="async with"):
                await client.stream().subscribe()

    run("trio", main)
