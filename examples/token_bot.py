"""A bot whose language model speaks while it thinks.

    python examples/token_bot.py              # talks on every call that is answered
    python examples/token_bot.py +919800000000  # dials somebody

The caller "says" something by pressing a key, so that the example needs no speech recognition.
Every answer is said token by token, as the model yields it. A key in the middle of an answer
stops the voice and the model; what the bot then remembers of its own answer is what was heard.

Where the daemon is, and the token: TRIOAUDIO_CONTROL_URL and TRIOAUDIO_CONTROL_TOKEN, unless the
daemon runs here as this user.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio

from trioaudio.api.events import CallAnswered, CallEnded, DtmfCame, UtteranceCompleted
from trioaudio.client import Call, Client, ProblemError, Stream

History = list[tuple[str, str]]
Model = Callable[[History], AsyncGenerator[str, None]]


async def fake_model(history: History) -> AsyncGenerator[str, None]:
    """Yield an answer's tokens with pauses, as a language model does. Put yours here."""
    _, said = history[-1]
    for token in f"You said {said}. Let me tell you all I know about that, slowly.".split(" "):
        await anyio.sleep(0.05)
        yield f"{token} "


class Conversation:
    """One caller, one model, one history."""

    def __init__(self, call: Call, model: Model) -> None:
        self.history: History = []
        self._call = call
        self._model = model
        self._thinking = anyio.CancelScope()
        self._said, self._to_answer = anyio.create_memory_object_stream[str](16)

    async def run(self) -> None:
        """Answer what the caller says, one thing after the other, until the call is over."""
        async with self._said, self._to_answer:
            try:
                await self._answer("hello")
                async for said in self._to_answer:
                    await self._answer(said)
            except ProblemError as problem:
                if problem.kind != "ended":  # the caller has hung up in the middle of a request
                    raise

    async def hear(self, said: str) -> None:
        """Fall silent, for the caller says something; then answer it."""
        self.stop_thinking()
        try:
            await self._call.barge_in("dtmf")
        except ProblemError as problem:
            if problem.kind != "ended":  # the caller has just hung up
                raise
        await self._said.send(said)

    def stop_thinking(self) -> None:
        """Stop the model: the rest of its answer will not be heard."""
        self._thinking.cancel()

    def end(self) -> None:
        """Stop: the call is over."""
        self.stop_thinking()
        self._said.close()

    async def _answer(self, said: str) -> None:
        self.history.append(("user", said))
        async with self._call.open(interruptible="any") as utterance:
            with anyio.CancelScope() as self._thinking:
                async with aclosing(self._model(self.history)) as tokens:
                    try:
                        async for token in tokens:
                            await utterance.append(token)  # waits while the daemon has enough
                    except ProblemError:
                        if not utterance.over:
                            raise
        done = await utterance.wait()
        # The model must not believe that it said what nobody has heard.
        self.history.append(("assistant", done.text_heard))


async def serve(stream: Stream, model: Model, conversations: dict[str, Conversation]) -> None:
    """Have a conversation on each call that is answered; pass on what happens on them."""
    async with anyio.create_task_group() as group:
        async for event in stream:
            match event:
                case CallAnswered():
                    conversation = Conversation(stream.call(event.call), model)
                    conversations[event.call] = conversation
                    group.start_soon(conversation.run)
                case DtmfCame() if event.call in conversations:
                    await conversations[event.call].hear(event.digit)
                case UtteranceCompleted(cause="barge-in") if event.call in conversations:
                    conversations[event.call].stop_thinking()
                case CallEnded() if event.call in conversations:
                    conversations.pop(event.call).end()


async def main(number: str | None = None) -> None:
    """Serve until interrupted."""
    async with Client() as client, client.stream() as stream:
        await stream.subscribe(
            events=["call.answered", "dtmf", "utterance.completed", "call.ended"]
        )
        if number is not None:
            await stream.create(to=number)
        await serve(stream, fake_model, {})


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else None)
