from __future__ import annotations

import re
import socket
from pathlib import Path

import msgspec
import pytest

from client.served import BACKENDS, Served, run, served
from control.fake_desk import FakeDesk
from system.processes import head, peer
from trioaudio.api import commands
from trioaudio.api.requests import NewCall
from trioaudio.client import Client, ProblemError, UnreachableError

both = pytest.mark.parametrize("backend", BACKENDS)


def client_of(far: Served) -> Client:
    return Client(far.url, far.token, environ={})


@both
def test_a_call_from_beginning_to_end(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client:
                call = await client.create_call(to="+919800000000", labels={"campaign": "a"})
                view = await call.view()
                assert (view.state, view.to, view.labels) == (
                    "up",
                    "+919800000000",
                    {"campaign": "a"},
                )
                utterance = await call.say("Hello.", priority=3, words=True)
                assert (utterance.number, utterance.position) == (1, 0)
                far.do(lambda: far.desk.play_out(call.id, 1))
                done = await utterance.wait()
                assert (done.cause, done.text_heard, done.utterance) == ("normal", "Hello.", 1)
                await call.hang_up()
                assert (await call.view()).state == "ended"
                with pytest.raises(ProblemError, match="is over") as problem:
                    await call.say("Too late.")
                assert (problem.value.kind, problem.value.status) == ("ended", 410)

        run(backend, main)


@both
def test_every_command_arrives_as_it_was_given(backend: str) -> None:
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client:
                call = await client.create_call(to="100")
                await call.say("One.", voice="anna", engines=["tone"], interruptible="dtmf")
                await call.play(prompt="welcome", then="hang-up")
                await call.pause()
                await call.resume()
                await call.mark("here")
                await call.dtmf("12#")
                await call.gain(-3.0)
                await call.record()
                await call.record(on=False)
                prepared = await call.prepare(["Later."], voice="anna")
                assert [each.text for each in prepared.prompts] == ["Later."]
                assert (await call.barge_in("dtmf")).utterances == [1, 2, 3]
                assert (await call.stop(1, 2)).utterances == []
                await call.transfer("+4930123", caller_id="+4930456", ring_s=20)
                assert [each.cause for each in await call.utterances()] == ["barge-in"] * 3

        run(backend, main)
        assert far.desk.known["call-1"].commands == [
            commands.Say(text="One.", voice="anna", engines=["tone"], interruptible="dtmf"),
            commands.Play(prompt="welcome", then="hang-up"),
            commands.Pause(),
            commands.Resume(),
            commands.Mark(name="here"),
            commands.Dtmf(digits="12#"),
            commands.Gain(db=-3.0),
            commands.Record(),
            commands.Record(on=False),
            commands.Prepare(texts=["Later."], voice="anna"),
            commands.BargeIn(kind="dtmf"),
            commands.Stop(utterances=[1, 2]),
            commands.Transfer(to=["+4930123"], caller_id="+4930456", ring_s=20),
        ]


@both
def test_the_node_is_asked_and_told(backend: str) -> None:
    desk = FakeDesk(reload_problems=["TRIOAUDIO_CARRIERS: unknown carrier"])
    with served(desk, unix=True) as far:

        async def main() -> None:
            async with client_of(far) as client:
                assert (await client.node()).version == "0.0-fake"
                assert [each.engine for each in await client.engines()] == ["tone", "espeak"]
                assert [each.carrier for each in await client.carriers()] == ["telecmi", "twilio"]
                assert [each.voice for each in await client.voices("espeak")] == ["espeak-1"]
                assert len(await client.voices()) == 2
                prompts = (await client.precache(["Hi.", "Bye."], sample_rate=8000)).prompts
                assert [each.text for each in prompts] == ["Hi.", "Bye."]
                with pytest.raises(ProblemError, match="unknown carrier") as problem:
                    await client.reload()
                assert problem.value.kind == "invalid"
                await client.drain()
                with pytest.raises(ProblemError, match="draining") as problem:
                    await client.create_call(to="100")
                assert (problem.value.kind, problem.value.problem.retry_after_s) == ("busy", 5.0)

        run(backend, main)
        assert desk.drained


@both
def test_a_recording_is_played(backend: str, tmp_path: Path) -> None:
    wav = tmp_path / "hold.wav"
    wav.write_bytes(b"RIFF and the rest")
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client:
                call = await client.create_call(to="100")
                assert (await call.upload(wav, priority=2, interruptible="never")).number == 1
                assert (await call.upload(b"\1\0" * 480, sample_rate=16000)).number == 2
                with pytest.raises(ProblemError, match="no WAV file"):
                    await call.upload(b"\1\0" * 480)

        run(backend, main)
        first, second = far.desk.known["call-1"].uploads
        assert (first.audio, first.sample_rate) == (b"RIFF and the rest", None)
        assert (first.priority, first.interruptible, first.then) == (2, "never", None)
        assert (second.audio, second.sample_rate) == (b"\1\0" * 480, 16000)


def test_calls_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.client.client._PAGE", 2)
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client:
                for number in range(5):
                    await client.create_call(to=f"10{number}", carrier="twilio")
                await client.create_call()
                assert [each.call for each in await client.calls()] == [
                    f"call-{number}" for number in range(1, 7)
                ]
                assert [each.call for each in await client.calls(state="expected")] == ["call-6"]
                assert len(await client.calls(carrier="twilio")) == 5

        run("trio", main)


@both
def test_a_trace_is_passed_on(backend: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with served() as far:

        async def main() -> None:
            async with client_of(far) as client:
                one = await client.create_call(NewCall(to="100"), traceparent=trace)
                again = await client.create_call(to="100", idempotency_key="a-key-of-mine-1")
                same = await client.create_call(to="100", idempotency_key="a-key-of-mine-1")
                assert (one.id, again.id, same.id) == ("call-1", "call-2", "call-2")

        run(backend, main)
        assert far.desk.traceparents[0] == trace


# --- What goes wrong ---------------------------------------------------------------------


@both
def test_nobody_there(backend: str) -> None:
    async def main() -> None:
        async with Client("http://127.0.0.1:1", "ta_x", environ={}) as client:
            with pytest.raises(UnreachableError) as error:
                await client.node()
        assert str(error.value) == (
            "no daemon answers at http://127.0.0.1:1; start `trioaudio serve` or set"
            " TRIOAUDIO_CONTROL_URL"
        )

    run(backend, main)


@both
def test_a_token_that_is_wrong_or_missing(backend: str, tmp_path: Path) -> None:
    with served() as far:

        async def main() -> None:
            async with Client(far.url, "ta_wrong", environ={}) as client:
                with pytest.raises(ProblemError, match="not known here") as problem:
                    await client.node()
                assert (problem.value.status, problem.value.kind) == (401, "token")
                with pytest.raises(ProblemError, match="not known here"):
                    async with client.stream():
                        pytest.fail("it was opened")
            nothing = {"TRIOAUDIO_STATE_FOLDER": str(tmp_path)}
            async with Client(far.url, environ=nothing) as client:
                with pytest.raises(ProblemError, match="send a token"):
                    async with client.stream():
                        pytest.fail("it was opened")

        run(backend, main)


def answered(status: str, body: bytes = b"") -> bytes:
    # It closes, and says so: else the next request may go where nobody reads any more.
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (answered("200 OK", b"<html>"), UnreachableError, "check the addr"),
        (answered("302 Found\r\nLocation: /"), UnreachableError, "302"),
        (answered("404 Not Found", b"not here"), ProblemError, "not here"),
        (answered("502 Bad"), ProblemError, "HTTP 502 Bad"),
        (b"SSH-2.0-OpenSSH\r\n", UnreachableError, "was lost"),
    ],
)
def test_somebody_else_answers(answer: bytes, error: type[Exception], words: str) -> None:
    def speak(sock: socket.socket) -> None:
        head(sock)
        sock.sendall(answer)

    with peer(speak, scheme="http") as url:

        async def main() -> None:
            async with Client(url.removesuffix("/media"), "t", environ={}) as client:
                with pytest.raises(error, match=words):
                    await client.node()
                with pytest.raises(error):
                    async with client.stream():
                        pytest.fail("it was opened")

        run("trio", main)


@both
def test_a_new_call_is_asked_for_once_more_and_nothing_else_is(backend: str) -> None:
    asked: list[bytes] = []
    view = msgspec.json.encode(FakeDesk()._new_view(NewCall(to="1"), "c-1", "raw", None, None))

    def lose_every_other(sock: socket.socket) -> None:
        asked.append(head(sock))
        if len(asked) % 2 == 0:
            size = len(view)
            sock.sendall(
                b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
                + view
            )

    with peer(lose_every_other, scheme="http") as url:

        async def main() -> None:
            async with Client(url.removesuffix("/media"), "t", environ={}) as client:
                assert (await client.create_call(to="1")).id == "c-1"
                with pytest.raises(UnreachableError, match="is not known"):
                    await client.call("c-1").say("Once.")

        run(backend, main)
    keys = [re.search(rb"(?i)idempotency-key: (\S+)", each) for each in asked]
    assert len(asked) == 3
    assert [each and each.group(1) for each in keys[1:]] == [keys[0] and keys[0].group(1), None]
    assert keys[0] is not None
